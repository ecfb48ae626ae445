"""Engagement: sends in id order, opens that change, prefetches, ignored filters."""

from __future__ import annotations

from tests.sandbox import Shape
from tests.sandbox.engagement import acts
from tests.sandbox_tests.caller import caller_of


def account(**options):
    """Return a caller of an account with engagement and three contacts."""
    return caller_of(contacts=3, engagement="served", **options)


def test_sends_are_listed_in_id_order_with_a_total_and_filters_are_ignored():
    """Sends are in id order, with the same total under a filter."""
    caller = account()
    for contact in (3, 1, 2):
        acts.send(caller.world, contact)
    document = caller.get("/logs", **{"filters[contact]": "1"})
    assert [row["contact"] for row in document["logs"]] == ["3", "1", "2"]
    assert document["meta"]["total"] == "3"
    assert [row["id"] for row in caller.rows("/logs", limit=2, offset=1)] == ["2", "3"]


def test_a_second_open_moves_the_row_of_the_first():
    """A second open changes `times` and `tstamp`.

    The link of an open is `open`, a click has a URL.
    """
    caller = account()
    acts.click(caller.world, 1)
    acts.click(caller.world, 1, "https://acme.example/a")
    first = caller.rows("/linkData")
    caller.world.clock.advance(3600)
    acts.click(caller.world, 1)
    opened, clicked = caller.rows("/linkData")
    assert (opened["times"], opened["isread"]) == ("2", "1")
    assert opened["tstamp"] > first[0]["tstamp"]
    assert opened["created_timestamp"] == first[0]["created_timestamp"]
    assert (clicked, clicked["isread"]) == (first[1], "0")
    links = {row["id"]: row["link"] for row in caller.rows("/links")}
    assert [links[row["link"]] for row in (opened, clicked)] == ["open", "https://acme.example/a"]


def test_prefetches_have_a_collection_of_their_own_or_none():
    """Prefetches of Apple's mail program are no linkData; some accounts do not list them."""
    caller = account()
    acts.prefetch(caller.world, 2)
    assert caller.rows("/linkData") == []
    assert [row["isread"] for row in caller.rows("/mppLinkData")] == ["2"]
    caller.world.switches.mpp_link_data = "absent"
    assert caller.call("GET", "/mppLinkData").status_code == 404


def test_activities_are_those_of_one_contact_and_made_when_it_is_read():
    """Activities need a contact; only they show forwards and replies."""
    caller = account()
    acts.send(caller.world, 1)
    acts.react(caller.world, 1, "Forward")
    acts.bounce(caller.world, 2)
    assert caller.rows("/activities") == []
    assert caller.rows("/activities", contact=1) == []
    caller.get("/contacts/1")
    kinds = [row["reference_type"] for row in caller.rows("/activities", contact=1)]
    assert kinds == ["Log", "Forward"]
    caller.world.switches.activities_at_once = True
    caller.world.clock.advance(60)
    acts.prefetch(caller.world, 1)
    rows = caller.rows("/activities", contact=1, **{"orders[tstamp]": "DESC"})
    assert rows[0]["reference"]["type"] == "mpp-link-data"
    assert len(caller.rows("/bounceLogs")) == 1


def test_a_planted_account_holds_sends_with_their_opens_clicks_and_bounces():
    """A planted account has as many sends as its shape, oldest first; others have invented rows."""
    caller = caller_of(contacts=10, shape=Shape(sends=300))
    assert caller.get("/logs")["meta"]["total"] == "300"
    kinds = {row["isread"] for row in caller.rows("/linkData", limit=100)}
    assert kinds == {"0", "1"}
    assert caller.rows("/mppLinkData")
    assert caller.rows("/bounceLogs")
    plain = caller_of()
    assert plain.call("GET", "/logs").status_code == 404
    assert len(plain.rows("/bounceLogs")) == 3


def test_segments_filter_contacts_and_the_answer_repeats_the_filter():
    """`segmentid` filters contacts; if it is ignored, `page_input` does not have it."""
    caller = caller_of(contacts=60)
    segment = caller.rows("/segments")[0]["id"]
    document = caller.get("/contacts", segmentid=segment)
    assert 0 < int(document["meta"]["total"]) < 60
    assert document["meta"]["page_input"]["segmentid"] == int(segment)
    caller.world.faults.deaf("segmentid")
    document = caller.get("/contacts", segmentid=segment)
    assert (document["meta"]["total"], document["meta"]["page_input"]["segmentid"]) == ("60", None)
