"""Each switch has two behaviours, and each is shown here."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.sandbox_tests.caller import caller_of

AFTER, BEFORE = "filters[updated_after]", "filters[updated_before]"


def test_limits_over_100_are_capped_or_refused():
    """limit=500 gives 100 rows, or 422."""
    caller = caller_of(contacts=150)
    assert len(caller.rows("/contacts", limit=500)) == 100
    caller.world.switches.limit_over_100 = "422"
    assert caller.call("GET", "/contacts", limit=500).status_code == 422


def test_includes_can_be_refused_in_part():
    """All, no or single relations are included; unknown names are ignored or refused."""
    caller = caller_of(contacts=30)
    include = "fieldValues,contactTags.tag,nonsense"
    everything = caller.get("/contacts", include=include)
    assert {"fieldValues", "contactTags", "tags"} <= everything.keys()
    switches = caller.world.switches
    switches.include = frozenset({"contactTags"})
    document = caller.get("/contacts", include=include)
    assert "contactTags" in document["contacts"][0]
    assert "fieldValues" not in document
    assert "fieldValues" not in document["contacts"][0]
    switches.include_nested = False
    assert "tags" not in caller.get("/contacts", include=include)
    switches.include_row_cap = 3
    assert len(caller.get("/contacts", include=include)["contactTags"]) == 3
    switches.include_id_arrays = False
    assert "contactTags" not in caller.get("/contacts", include=include)["contacts"][0]
    switches.include = "none"
    assert "contactTags" not in caller.get("/contacts", include=include)
    switches.include_unknown = "400"
    assert caller.call("GET", "/contacts", include=include).status_code == 400


def test_empty_sideloads_can_be_absent():
    """A relation without rows is an empty array or no key."""
    caller = caller_of()
    caller.world.add_contact("a@x.example")
    assert caller.get("/contacts", include="contactTags")["contactTags"] == []
    caller.world.switches.include_empty_key = False
    assert "contactTags" not in caller.get("/contacts", include="contactTags")


@pytest.fixture
def dated():
    """One contact, updated on 1 July 2030 at 23:30 in Chicago, 04:30 UTC on the second."""
    caller = caller_of()
    instant = int(datetime(2030, 7, 2, 4, 30, tzinfo=UTC).timestamp())
    caller.world.add_contact("a@x.example", udate=instant, updated=instant + 86400)
    return caller


def found(caller, value, key=AFTER):
    return len(caller.rows("/contacts", **{key: value}))


def test_zones_of_date_filters(dated):
    """A date without offset is local or UTC; a Z is used or ignored."""
    switches = dated.world.switches
    assert found(dated, "2030-07-01 23:29:59") == 1
    assert found(dated, "2030-07-02 00:00:00") == 0
    switches.date_naive_zone = "UTC"
    assert found(dated, "2030-07-02 00:00:00") == 1
    assert found(dated, "2030-07-02T04:29:59.000Z") == 1
    switches.date_z_zone = "account"
    assert found(dated, "2030-07-02T04:29:59Z") == 0


def test_granularity_bounds_and_column(dated):
    """A date filter is by day or second, inclusive or not, on either column, or ignored."""
    switches = dated.world.switches
    exact = "2030-07-02T04:30:00Z"
    assert found(dated, exact) == 0
    switches.date_inclusive = True
    assert found(dated, exact) == 1
    switches.date_granularity = "day"
    assert found(dated, "2030-07-01 23:59:59") == 1
    switches.date_granularity, switches.date_column = "second", "updated_timestamp"
    assert found(dated, "2030-07-02 12:00:00") == 1
    switches.date_filters = "ignored"
    assert found(dated, "2040-01-01") == 1


def test_null_udates_are_on_neither_side():
    """A contact without udate passes no date filter."""
    caller = caller_of()
    caller.world.add_contact("a@x.example", udate=None)
    assert found(caller, "2000-01-01") == found(caller, "2040-01-01", BEFORE) == 0


def test_keyset_can_be_ignored():
    """If id_greater is ignored, the first page is returned again."""
    caller = caller_of(contacts=5)
    keyset = {"orders[id]": "ASC", "id_greater": 3}
    assert [row["id"] for row in caller.rows("/contacts", **keyset)] == ["4", "5"]
    assert caller.get("/contacts", **keyset)["meta"]["total"] == "2"
    caller.world.switches.id_greater_total = "all"
    assert caller.get("/contacts", **keyset)["meta"]["total"] == "5"
    caller.world.switches.id_greater = False
    assert len(caller.rows("/contacts", **keyset)) == 5


@pytest.mark.parametrize(
    ("switch", "tags", "notes"),
    [("native", "65", 12), ("string", "65", "12"), ("int", 65, 12), ("wrong", "43", 7)],
)
def test_totals(switch, tags, notes):
    """meta.total is right, of the other type, wrong, or missing."""
    caller = caller_of(meta_total=switch)
    world = caller.world
    while len(world.tables["tags"]) < 65:
        world.add_tag(f"more {len(world.tables['tags'])}")
    for _ in range(12):
        world.add_note("Activity", 1, "x")
    assert caller.get("/tags")["meta"]["total"] == tags
    assert caller.get("/notes")["meta"]["total"] == notes
    world.switches.meta_total = "missing"
    assert "meta" not in caller.get("/tags")
    assert "total" not in caller.get("/contacts")["meta"]


def test_users_and_memberships():
    """Times, mfaEnabled and both paths to memberships exist or not."""
    caller = caller_of()
    assert "mfaEnabled" in caller.rows("/users")[0]
    assert caller.call("GET", "/userGroups").status_code == 404
    assert caller.call("GET", "/groups/1/userGroups").status_code == 200
    other = caller_of(
        users_stamps=True, users_mfa=False, user_groups_collection=True, group_user_groups=False
    )
    row = other.rows("/users")[0]
    assert {"cdate", "udate"} <= row.keys()
    assert "mfaEnabled" not in row
    assert len(other.rows("/userGroups")) == 5
    assert other.call("GET", "/groups/1/userGroups").status_code == 404


def test_hidden_deals_are_stubs_everywhere():
    """A hidden deal has four keys in lists and alone; its pipeline is not listed."""
    caller = caller_of(contacts=20, deals=10, hidden_deals=True)
    stubs = [row for row in caller.rows("/deals", limit=100) if row["isDisabled"]]
    assert len(stubs) == 5
    assert all(set(stub) == {"title", "status", "id", "isDisabled"} for stub in stubs)
    caller.world.switches.stub_disabled = 1
    assert caller.get(f"/deals/{stubs[0]['id']}")["deal"]["isDisabled"] == 1
    assert caller.get("/deals")["meta"]["total"] == 15
    assert len(caller.rows("/dealGroups")) == 2
    assert caller.ask("PUT", f"/deals/{stubs[0]['id']}", {"deal": {"title": "x"}})[0] == 403


def test_sideloaded_values_can_be_spelled_otherwise():
    """Values beside deals have one column per type, or the spelling of their collection."""
    caller = caller_of(contacts=10, deals=10)
    wide = caller.get("/deals", include="dealCustomFieldData")
    assert {"deal_id", "custom_field_id"} <= wide["dealCustomFieldData"][0].keys()
    caller.world.switches.deal_data_sideload = "slim"
    slim = caller.get("/deals", include="dealCustomFieldData")
    assert "customFieldId" in slim["dealCustomFieldData"][0]
    assert len(wide["dealCustomFieldData"]) == len(slim["dealCustomFieldData"])


def test_stages_from_the_future():
    """Udate of stages can be the UTC time with the local offset."""
    caller = caller_of()
    stage = caller.world.add_stage("New", 1)
    real = caller.get(f"/dealStages/{stage.id}")["dealStage"]["udate"]
    caller.world.switches.stage_udate_future = True
    ahead = caller.get(f"/dealStages/{stage.id}")["dealStage"]["udate"]
    gap = datetime.fromisoformat(ahead) - datetime.fromisoformat(real)
    assert gap.total_seconds() == 6 * 3600


def test_deal_filters_and_orders():
    """After is inclusive, before is not; values are whole dollars; mdate orders by a switch."""
    caller = caller_of(contacts=20, deals=40)
    deals = list(caller.world.tables["deals"])
    edge = caller.world.dt(deals[0].mdate)
    after = caller.rows("/deals", limit=100, **{AFTER: edge})
    before = caller.rows("/deals", limit=100, **{BEFORE: edge})
    assert len(after) + len(before) == 40
    assert deals[0].id in {int(row["id"]) for row in after}
    rich = caller.rows("/deals", limit=100, **{"filters[minimum_value]": 20000})
    assert {int(r["id"]) for r in rich} == {d.id for d in deals if d.value >= 2_000_000}
    natural = [row["id"] for row in caller.rows("/deals", limit=100)]
    assert natural != sorted(natural, key=int)
    by_mdate = {"orders[mdate]": "ASC", "limit": 100}
    assert [row["id"] for row in caller.rows("/deals", **by_mdate)] == natural
    caller.world.switches.orders_mdate = True
    stamps = [row["mdate"] for row in caller.rows("/deals", **by_mdate)]
    assert stamps == sorted(stamps, key=datetime.fromisoformat)


def test_top_level_associations_ignore_filters_and_drift():
    """/contactTags ignores filters, in an order that varies."""
    caller = caller_of(contacts=200)
    whole = len(caller.world.tables["contactTags"])
    assert caller.get("/contactTags", **{"filters[contact]": 1})["meta"]["total"] == str(whole)
    pages = [[row["id"] for row in caller.rows("/contactTags", limit=100)] for _ in range(6)]
    assert len({tuple(page) for page in pages}) > 1
    assert all(abs(int(row) - n) < 20 for page in pages for n, row in enumerate(page))
    caller.world.switches.drifting_order = False
    rows = [int(row["id"]) for row in caller.rows("/contactTags", limit=100)]
    assert rows == sorted(rows)


def test_a_plus_in_search_is_a_plus():
    """A form-encoded space finds nothing; %20 does."""
    caller = caller_of()
    caller.world.add_tag("two words")
    assert caller.rows("/tags?search=two%20words".partition("?")[0], search="two words") == []
    answer = caller.call("GET", "/tags?search=two%20words")
    assert len(answer.json()["tags"]) == 1


def test_rate_headers_on_success_by_switch():
    """2xx answers have RateLimit headers only by a switch."""
    assert "RateLimit-Limit" not in caller_of().call("GET", "/users/me").headers
    caller = caller_of(ratelimit_headers=True, requests_per_second=5)
    assert caller.call("GET", "/users/me").headers["RateLimit-Remaining"] == "4"
