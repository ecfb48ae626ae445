"""Reading engagements and saved segments: forward by id, and back over some days."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.sandbox import Shape
from tests.sandbox.engagement import acts
from tests.tap.running import Account

STREAM = "marketing_engagements"
COLLECTIONS = ("logs", "linkData", "mppLinkData", "bounceLogs")
DAY = 86400


@pytest.fixture
def account():
    """An account that sent 450 messages over 200 days."""
    return Account(contacts=30, shape=Shape(sends=450))


def truth(world):
    """Return the ids of all engagements of the account."""
    names = zip(("send", "link", "machine", "bounce"), COLLECTIONS, strict=True)
    return {f"{kind}-{row.id}" for kind, name in names for row in world.tables[name]}


def test_every_send_open_click_and_bounce_is_one_record(account):
    """The stream distinguishes kinds, machines and link URLs, and emits no event twice."""
    ran = account.run(only=[STREAM])
    assert ran.code == 0
    assert len(ran.ids(STREAM)) == len(set(ran.ids(STREAM)))
    assert set(ran.ids(STREAM)) == truth(account.world)
    records = ran.records[STREAM]
    assert {record["type"] for record in records} == {"send", "open", "click", "bounce"}
    machines = {record["id"].partition("-")[0] for record in records if record["is_machine"]}
    assert machines == {"machine"}
    clicks = [record["link"]["url"] for record in records if record["type"] == "click"]
    assert all(url.startswith("https://acme.example/") for url in clicks)
    assert {record["link"]["url"] for record in records if record["type"] == "open"} == {None}
    assert not any(record["_errors"] for record in records)


def test_100_rows_cost_a_request(account):
    """Pages overlap by a row; the links and the four collections cost a request each besides."""
    ran = account.run(only=[STREAM])
    assert ran.requests <= len(truth(account.world)) / 99 + 6


def test_the_next_run_reads_forward_and_back_over_some_days_alone(account):
    """Without new sends the next run reads one page; it emits a repeated open of last week."""
    first = account.run(only=[STREAM])
    world = account.world
    account.wait(hours=24)
    acts.send(world, 3)
    acts.click(world, 3, "https://acme.example/new")
    second = account.run(first.state, only=[STREAM])
    assert sorted(record["type"] for record in second.records[STREAM]) == ["click", "send"]
    assert second.paths().count("logs") == 1
    account.wait(hours=48)
    acts.click(world, 3, "https://acme.example/new")
    third = account.run(second.state, only=[STREAM])
    (again,) = third.records[STREAM]
    assert (again["count"], again["type"]) == (2, "click")
    assert again["last_occurred_at"] > again["occurred_at"]
    fourth = account.run(third.state, only=[STREAM])
    assert fourth.requests <= 6


def test_a_repeated_open_beyond_the_look_back_is_not_seen(account):
    """A repeated open of a row older than `engagement_lookback_days` is not emitted."""
    first = account.run(only=[STREAM])
    account.wait(hours=24 * 30)
    row = next(iter(account.world.tables["linkData"]))
    account.world.tables["linkData"].change(row, tstamp=account.world.now(), times=9)
    assert STREAM not in account.run(first.state, only=[STREAM]).records
    wide = account.run(first.state, only=[STREAM], engagement_lookback_days=400)
    assert [record["count"] for record in wide.records[STREAM]] == [9]


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_go_away_between_runs_cost_none_of_the_others(account, seed):
    """If deletes shift the offsets, the walk steps back to a known row and loses none."""
    first = account.run(only=[STREAM])
    dice = random.Random(seed)
    world = account.world
    for name in COLLECTIONS:
        ids = world.tables[name].ids()
        for row_id in dice.sample(ids, len(ids) * dice.choice([1, 2, 3]) // 4):
            world.tables[name].delete(row_id)
    account.wait(hours=24)
    fresh = {f"send-{acts.send(world, 1 + n % 30).id}" for n in range(dice.choice([1, 150]))}
    second = account.run(first.state, only=[STREAM])
    assert fresh <= set(second.ids(STREAM))


GARBAGE = [
    {"after": 5, "offset": 5, "started": "0001-01-01T00:00:00+00:00", "days": []},
    {"after": 5, "offset": 5, "started": "soon", "days": [[1, 2, 3], ["2031-01-01", "x", {}]]},
    {"after": 5, "offset": 5, "started": None, "days": [None, [], [[], [], []]]},
]


@pytest.mark.parametrize("position", GARBAGE)
def test_a_position_that_no_run_wrote_loses_nothing(account, position):
    """Times that are no times and days that are no days are ignored."""
    names = (*COLLECTIONS, "activities")
    state = {"bookmarks": {STREAM: {"positions": dict.fromkeys(names, position)}}}
    fresh = f"send-{acts.send(account.world, 1).id}"
    ran = account.run(state, only=[STREAM], contact_activities=True)
    assert ran.code == 0, ran.line
    assert fresh in ran.ids(STREAM)


def test_an_interrupted_load_goes_on_where_it_stopped():
    """A STATE every ten pages has the position of each collection, and the next run continues."""
    account = Account(contacts=30, shape=Shape(sends=2500))
    account.world.faults.server_error("/logs", times=None, after=15)
    first = account.run(only=[STREAM], max_retry_seconds=1)
    assert first.code == 1
    account.world.faults.clear()
    second = account.run(first.state, only=[STREAM])
    assert second.paths().count("logs") <= 18
    assert set(first.ids(STREAM)) | set(second.ids(STREAM)) == truth(account.world)


def test_collections_that_the_account_lacks_are_left_out_with_a_line(account, caplog):
    """Missing collections are left out with one line; without any, the stream is skipped."""
    account.world.switches.mpp_link_data = "absent"
    account.world.faults.not_found("/bounceLogs")
    ran = account.run(only=[STREAM])
    assert ran.code == 0
    assert {event_id.partition("-")[0] for event_id in ran.ids(STREAM)} == {"send", "link"}
    levels = [record.levelname for record in caplog.records if "bounceLogs" in record.getMessage()]
    assert levels == ["WARNING"]
    for name in COLLECTIONS:
        account.world.faults.not_found(f"/{name}")
    ran = account.run(only=[STREAM])
    assert ran.code == 0
    assert ran.tap._report.stats_by_stream[STREAM].outcome == "skipped"


def close_collections(account):
    """Let the account have none of the collections that list sends, opens and clicks."""
    for name in ("logs", "linkData", "mppLinkData"):
        account.world.faults.not_found(f"/{name}")


@pytest.mark.parametrize("at_once", [False, True])
def test_activities_of_contacts_stand_in_for_closed_collections(account, caplog, at_once):
    """With `contact_activities` each contact costs two requests, and the log says so before.

    Records have the ids that the collections would give them, and replies and forwards come too.
    """
    caplog.set_level("INFO")
    account.world.switches.activities_at_once = at_once
    acts.react(account.world, 3, "Reply")
    acts.react(account.world, 4, "Forward")
    whole = account.run(only=[STREAM])
    assert "activities" not in whole.paths()
    close_collections(account)
    ran = account.run(only=[STREAM], contact_activities=True)
    assert ran.code == 0
    assert set(ran.ids(STREAM)) == truth(account.world) | {"reply-1", "forward-2"}
    held, wanted = ran.by_id(STREAM), whole.by_id(STREAM)
    assert all(held[record_id] == record for record_id, record in wanted.items())
    assert (held["reply-1"]["type"], held["reply-1"]["contact"]) == ("reply", {"id": "3"})
    assert ran.paths().count("activities") == 30
    assert "the activities of 30 contacts cost 60 requests" in caplog.text


def test_the_forecast_of_activities_is_at_the_rate_of_the_settings(account, caplog):
    """The log says how long the activities take at `requests_per_second`."""
    caplog.set_level("INFO")
    account.run(only=[STREAM], contact_activities=True, requests_per_second=2)
    assert "cost 60 requests, 0.5 minutes at 2 per second" in caplog.text


def test_urls_of_links_that_could_not_be_read_come_as_soon_as_they_can(account):
    """Clicks that went out without URLs are emitted again once the account answers its links."""
    account.world.faults.forbid("/links")
    first = account.run(only=[STREAM])
    clicks = [record for record in first.records[STREAM] if record["type"] == "click"]
    assert {click["link"]["url"] for click in clicks} == {None}
    account.wait(hours=1)
    second = account.run(first.state, only=[STREAM])
    assert second.code == 0
    account.world.faults.clear()
    account.wait(hours=1)
    third = account.run(second.state, only=[STREAM])
    again = [record for record in third.records[STREAM] if record["type"] == "click"]
    assert {click["id"] for click in again} == {click["id"] for click in clicks}
    assert None not in {click["link"]["url"] for click in again}
    account.wait(hours=100)
    fourth = account.run(third.state, only=[STREAM])
    assert STREAM not in fourth.records


def test_open_collections_are_not_read_twice(account):
    """Where the collections answer, activities add replies and forwards alone."""
    acts.react(account.world, 3, "Reply")
    ran = account.run(only=[STREAM], contact_activities=True)
    assert sorted(ran.ids(STREAM)) == sorted(truth(account.world) | {"reply-1"})


def test_the_next_run_reads_the_activities_of_contacts_that_changed(account):
    """A contact that opened or clicked since costs two requests, the others none."""
    close_collections(account)
    first = account.run(only=[STREAM], contact_activities=True)
    account.wait(hours=48)
    acts.click(account.world, 7, "https://acme.example/new")
    account.wait(hours=1)
    second = account.run(first.state, only=[STREAM], contact_activities=True)
    assert second.paths().count("activities") == 1
    (click,) = second.records[STREAM]
    assert (click["type"], click["contact"]["id"]) == ("click", "7")
    assert click["link"]["url"] == "https://acme.example/new"


def test_an_interrupted_read_of_activities_goes_on_behind_its_last_contact():
    """The state holds the last contact; what changed meanwhile comes with the next run."""
    account = Account(contacts=700, shape=Shape(sends=900))
    close_collections(account)
    account.world.faults.server_error("/activities", times=None, after=650)
    first = account.run(only=[STREAM], contact_activities=True, max_retry_seconds=1)
    assert first.code == 1
    account.world.faults.clear()
    close_collections(account)
    second = account.run(first.state, only=[STREAM], contact_activities=True)
    assert second.code == 0
    assert second.paths().count("activities") <= 201
    kinds = {event_id for event_id in truth(account.world) if not event_id.startswith("bounce")}
    assert kinds <= set(first.ids(STREAM)) | set(second.ids(STREAM))


@pytest.mark.parametrize("include", [True, False])
def test_an_activity_whose_row_is_not_sent_along_says_what_is_missing(account, include):
    """Without the sideload a record has contact, id and time; its type is an error, not a guess."""
    close_collections(account)
    account.world.switches.activities_sideload = include
    ran = account.run(only=[STREAM], contact_activities=True)
    links = [record for record in ran.records[STREAM] if record["id"].startswith("link-")]
    assert {link["type"] for link in links} == ({"open", "click"} if include else {None})
    assert all(bool(link["_errors"]) != include for link in links)
    assert all(link["occurred_at"] and link["contact"] for link in links)


def test_a_collection_out_of_order_is_read_whole(account, caplog):
    """A collection without ascending ids is read as a whole; changed rows are emitted again."""
    first = account.run(only=[STREAM])
    account.world.faults.rewrite("/logs", lambda body: body["logs"].reverse())
    account.wait(hours=24)
    new = acts.send(account.world, 5).id
    second = account.run(first.state, only=[STREAM])
    assert f"send-{new}" in second.ids(STREAM)
    assert "the tap reads all of it" in caplog.text


def test_saved_segments_have_a_count_and_members_that_are_asked_for():
    """One small page per segment gives its count.

    Members are read for configured segments alone.
    """
    account = Account(contacts=60)
    world = account.world
    segments = list(world.tables["segments"])
    ran = account.run(
        only=["marketing_saved_segments", "marketing_saved_segment_members"],
        saved_segments=[segments[0].name.upper(), str(segments[1].id)],
    )
    expected = {
        str(segment.id): {
            str(row.contact) for row in world.tables["contactTags"].by("tag", segment.tag)
        }
        for segment in segments
    }
    for record in ran.records["marketing_saved_segments"]:
        assert record["contact_count"] == len(expected[record["id"]])
    found = {}
    for record in ran.records["marketing_saved_segment_members"]:
        found.setdefault(record["segment_id"], set()).add(record["contact_id"])
    wanted = {str(segment.id) for segment in segments[:2]}
    assert found == {
        segment_id: ids for segment_id, ids in expected.items() if segment_id in wanted and ids
    }


def test_an_unknown_saved_segment_fails_the_stream_with_a_line(caplog):
    """An unknown saved segment fails its stream with one line; the run ends with 1."""
    account = Account(contacts=5)
    ran = account.run(
        only=["marketing_saved_segment_members", "marketing_tags"], saved_segments=["nonsense"]
    )
    assert ran.code == 1
    assert "no saved segment 'nonsense'" in caplog.text
    assert ran.records["marketing_tags"]


def test_no_member_is_emitted_if_the_filter_is_ignored(caplog):
    """The tap does not emit members if the account ignores the filter."""
    account = Account(contacts=30)
    account.world.faults.deaf("segmentid")
    ran = account.run(
        only=["marketing_saved_segments", "marketing_saved_segment_members"], saved_segments=["1"]
    )
    assert ran.code == 1
    assert "marketing_saved_segment_members" not in ran.records
    assert {record["contact_count"] for record in ran.records["marketing_saved_segments"]} == {None}
    assert "does not filter contacts" in caplog.text


def drop_echo(document):
    """Remove what `page_input` repeats."""
    document["meta"]["page_input"] = {}


@pytest.mark.parametrize("is_deaf", [False, True])
def test_an_account_that_repeats_no_filter_proves_it_by_its_count(is_deaf):
    """Where `page_input` repeats no filter, the count of all contacts decides."""
    account = Account(contacts=60)
    tagged = account.world.tables["contactTags"]
    segment = next(
        segment for segment in account.world.tables["segments"] if tagged.by("tag", segment.tag)
    )
    expected = {str(row.contact) for row in tagged.by("tag", segment.tag)}
    assert len(expected) < 60
    account.world.faults.rewrite("/contacts", drop_echo, times=None)
    if is_deaf:
        account.world.faults.deaf("segmentid")
    ran = account.run(
        only=["marketing_saved_segments", "marketing_saved_segment_members"],
        saved_segments=[str(segment.id)],
    )
    found = {
        member["contact_id"] for member in ran.records.get("marketing_saved_segment_members", ())
    }
    counts = {
        record["id"]: record["contact_count"] for record in ran.records["marketing_saved_segments"]
    }
    assert (ran.code, found) == ((1, set()) if is_deaf else (0, expected))
    assert counts[str(segment.id)] == (None if is_deaf else len(expected))


@pytest.mark.parametrize("refusal", ["forbid", "not_found"])
def test_a_collection_that_stops_in_the_middle_fails_the_stream(refusal):
    """A collection that is refused after its first page fails the stream; the others are read."""
    account = Account(contacts=10, shape=Shape(sends=150))
    total = len(list(account.world.tables["logs"]))
    assert total > 100
    getattr(account.world.faults, refusal)("/logs", after=1)
    ran = account.run(only=[STREAM])
    types = Counter(record["type"] for record in ran.records[STREAM])
    assert (ran.code, types["send"]) == (1, 100)
    assert types["open"]
    account.world.faults.clear()
    again = account.run(ran.state, only=[STREAM])
    assert again.code == 0
    assert {record["type"] for record in again.records[STREAM]} >= {"send"}
    ids = {record["id"] for run in (ran, again) for record in run.records[STREAM]}
    assert sum(event_id.startswith("send-") for event_id in ids) == total


def test_urls_that_cannot_be_read_for_now_fail_the_stream():
    """A server error of `/links` fails the stream: a row without its URL would stay without it."""
    account = Account(contacts=10, shape=Shape(sends=50))
    account.world.faults.server_error("/links", times=None)
    ran = account.run(only=[STREAM])
    assert ran.code == 1
    account.world.faults.clear()
    again = account.run(ran.state, only=[STREAM])
    clicks = [
        record
        for run in (ran, again)
        for record in run.records.get(STREAM, ())
        if record["type"] == "click"
    ]
    assert clicks
    assert all(click["link"]["url"] for click in clicks)


def test_none_of_it_costs_a_request_where_it_is_not_selected(account):
    """The default selection requests no path of engagement."""
    paths = account.run().paths()
    assert not set(paths) & {*COLLECTIONS, "links", "segments"}
