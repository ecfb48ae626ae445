"""Pages and single records equal the account's own tables and the tap's records."""

from __future__ import annotations

import pytest

from tap_activecampaign_unified.python_reader import (
    RESOURCES,
    InvalidQuery,
    NotFound,
    PermissionDenied,
)
from tap_activecampaign_unified.resources import by_name

from .accounts import OBJECT, reading_of, requests_in, small, walk, with_everything

#: Those that only some accounts have rows of.
OF_SOME = tuple(
    name
    for name in RESOURCES
    if name.startswith(("commerce_", "marketing_saved_", "marketing_engagements"))
)
USUAL = tuple(name for name in RESOURCES if name not in OF_SOME)


@pytest.fixture
def account():
    """A small account."""
    return small()


@pytest.mark.parametrize("resource", USUAL)
def test_the_pages_hold_what_the_tap_writes(account, resource):
    """All pages together are the tap's records, each once, forwards and backwards."""
    records, pages = walk(reading_of(account), resource, limit=7)
    truth = account.run(only=[resource]).records.get(resource, [])
    assert sorted(records, key=repr) == sorted(truth, key=repr)
    again = reading_of(account)  # a cursor works in another process
    for before, page in zip(pages[-2::-1], pages[:0:-1], strict=True):
        back = again.list(resource, limit=7, cursor=page["prev_cursor"])
        assert back["result"] == before["result"]
    assert pages[0]["prev_cursor"] is None


@pytest.mark.parametrize("resource", [*OF_SOME, OBJECT])
def test_every_stream_of_the_tap_can_be_listed_and_got(resource):
    """Pages of e-commerce, engagement, segments and custom objects hold what the tap writes.

    `get` returns each of these records by its id.
    """
    account = with_everything()
    segments = [str(row.id) for row in account.world.tables["segments"]]
    records, pages = walk(reading_of(account), resource, limit=5)
    truth = account.run(only=[resource], saved_segments=segments).records[resource]
    assert len(truth) > 1
    assert sorted(records, key=repr) == sorted(truth, key=repr)
    again = reading_of(account)
    for before, page in zip(pages[-2::-1], pages[:0:-1], strict=True):
        assert (
            again.list(resource, limit=5, cursor=page["prev_cursor"])["result"]
            == (before["result"])
        )
    keys = by_name[resource].keys if resource in by_name else ("id",)
    for record in (records[0], records[-1]):
        key = record["id"] if keys == ("id",) else {name: record[name] for name in keys}
        assert again.get(resource, key) == record
    with pytest.raises(NotFound):
        again.get(resource, "999" if keys == ("id",) else dict.fromkeys(keys, "999"))


def test_orders_are_found_by_what_either_store_knows():
    """Filters compare what the record has, also where only the GraphQL store knows it."""
    account = with_everything()
    reading = reading_of(account)
    every = list(reading.every("commerce_orders"))
    for field in ("status", "store_order_id", "contact", "shipping_method", "total_amount"):
        value = every[0][field]
        found = list(reading.every("commerce_orders", **{field: value}))
        assert found == [record for record in every if record[field] == value]
    in_oslo = list(reading.every("commerce_orders", shipping_address={"city": "Oslo"}))
    assert in_oslo == [record for record in every if record["shipping_address"]]
    lines = list(reading.every("commerce_order_lines", store_order_id="o-3"))
    assert len(lines) == 2
    (segment,) = {row.name for row in account.world.tables["segments"] if row.id == 1}
    members = list(reading.every("marketing_saved_segment_members", segment_name=segment))
    assert members == list(reading.every("marketing_saved_segment_members", segment_id="1"))
    assert {member["segment_id"] for member in members} == {"1"}


def test_the_next_page_of_engagements_continues_the_walk():
    """The next page costs no request that the page before made; a page back reads again."""
    account = with_everything()
    reading = reading_of(account)
    first = reading.list("marketing_engagements", limit=5)
    with requests_in(account) as paths:
        second = reading.list("marketing_engagements", limit=5, cursor=first["next_cursor"])
    assert paths == []
    other = reading_of(account)
    assert other.list("marketing_engagements", limit=5, cursor=first["next_cursor"]) == second


@pytest.mark.parametrize("field", ["count", "title", "id"])
def test_rows_without_numbers_as_ids_are_sorted(field):
    """Records of custom objects, whose ids are no numbers, are sorted by any single value."""
    account = with_everything()
    found = list(reading_of(account).every(OBJECT, sort_by={field: "desc"}, limit=5))
    assert len(found) == 12
    assert [record[field] for record in found] == sorted(
        (record[field] for record in found), reverse=True
    )


@pytest.mark.parametrize("resource", ["crm_contacts", "crm_opportunities", "crm_accounts"])
def test_without_sideloads_the_records_are_the_same(account, resource):
    """Without sideloads, the reader requests related rows separately, and records are the same."""
    truth, _ = walk(reading_of(account), resource, limit=7)
    account.world.switches.include = "none"
    assert walk(reading_of(account), resource, limit=7)[0] == truth
    account.world.switches.include_unknown = "400"
    assert walk(reading_of(account), resource, limit=7)[0] == truth


@pytest.mark.parametrize("limit", [1, 2, 99, 100])
def test_every_page_size_gives_all_of_it_once(account, limit):
    """Every page size up to 100 returns all records once; a larger limit is rejected."""
    found, pages = walk(reading_of(account), "crm_contacts", limit=limit)
    ids = [record["id"] for record in found]
    assert ids == sorted(set(ids), key=int)
    assert len(ids) == len(account.world.tables["contacts"])
    assert {page["result_count"] for page in pages[:-1]} <= {limit}
    with pytest.raises(InvalidQuery, match="between 1 and 100"):
        reading_of(account).list("crm_contacts", limit=101)


@pytest.mark.parametrize("resource", ["crm_contacts", "crm_opportunities", "crm_notes"])
def test_rows_deleted_between_pages_cost_no_other(resource):
    """A script that deletes each page before it reads the next page gets every record once."""
    account = small(contacts=60, deals=40)
    reading, seen, cursor = reading_of(account), [], None
    world = account.world
    table, delete = {
        "crm_contacts": ("contacts", world.delete_contact),
        "crm_opportunities": ("deals", world.delete_deal),
        "crm_notes": ("notes", world.tables["notes"].delete),
    }[resource]
    rows = world.tables[table]
    all_ids = sorted(str(row.id) for row in rows)
    while True:
        page = reading.list(resource, limit=7, cursor=cursor)
        seen += [record["id"] for record in page["result"]]
        for record in page["result"]:
            delete(int(record["id"]))
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(set(seen)) == all_ids
    assert len(seen) == len(all_ids)


def test_rows_added_between_pages_move_no_other(account):
    """New rows that shift the pages cause no record to be returned twice."""
    reading = reading_of(account)
    order = {"sort_by": {"created_at": "desc"}, "limit": 5}
    first = reading.list("crm_opportunities", **order)
    account.wait(hours=1)
    for number in range(3):
        account.world.add_deal(f"new {number}")
    second = reading.list("crm_opportunities", cursor=first["next_cursor"], **order)
    ids = [record["id"] for record in first["result"] + second["result"]]
    assert len(ids) == len(set(ids)) == 8


def test_a_cursor_works_only_with_its_own_query(account):
    """A cursor of another filter, order or resource, or an invented cursor, is rejected."""
    reading = reading_of(account)
    cursor = reading.list("crm_contacts", limit=1)["next_cursor"]
    for resource, made_up, more in (
        ("crm_accounts", cursor, {}),
        ("crm_contacts", cursor, {"name": "Ada"}),
        ("crm_contacts", cursor, {"sort_by": {"name": "asc"}}),
        ("crm_contacts", "x" + cursor, {}),
        ("crm_contacts", "bm8=", {}),
        ("crm_contacts", 7, {}),
    ):
        with pytest.raises(InvalidQuery, match="cursor"):
            reading.list(resource, cursor=made_up, **more)


@pytest.mark.parametrize("resource", USUAL)
def test_one_record_is_the_record_of_the_list(account, resource):
    """`get` returns the record that `list` returns, by each id that a resource has."""
    reading = reading_of(account)
    listed = reading.list(resource, limit=3)["result"]
    if not listed:
        pytest.fail(f"the account has no {resource}")
    keys = by_name[resource].keys
    for record in listed:
        key = record["id"] if keys == ("id",) else {name: record[name] for name in keys}
        assert reading.get(resource, key) == record


def test_an_unknown_id_is_not_found(account):
    """An unknown id raises `NotFound`; text that cannot be an id is never part of a path."""
    reading = reading_of(account)
    for resource in ("crm_contacts", "crm_accounts", "crm_opportunities", "marketing_tags"):
        with pytest.raises(NotFound):
            reading.get(resource, "999999")
        with requests_in(account) as paths, pytest.raises(InvalidQuery, match="not an id"):
            reading.get(resource, "1/notes")
        assert paths == []
    with pytest.raises(InvalidQuery, match="contact_id and tag_id"):
        reading.get("marketing_contact_tags", "1")
    with pytest.raises(InvalidQuery, match="there are directory_groups"):
        reading.list("crm_contact")


def test_the_untouched_row_comes_on_request(account):
    """`remote_data` is the row as ActiveCampaign sent it, and only present on request."""
    reading = reading_of(account)
    assert "remote_data" not in reading.get("crm_contacts", "1")
    assert reading.get("crm_contacts", 1, remote_data=True)["remote_data"]["id"] == "1"
    listed = reading.list("crm_accounts", limit=1, remote_data=True)["result"]
    assert "accountUrl" in listed[0]["remote_data"]


def test_an_account_that_does_not_go_on_behind_an_id_loses_nothing(account):
    """Where the account ignores `id_greater`, the pages are the same in both directions."""
    truth, _ = walk(reading_of(account), "crm_contacts", limit=7)
    account.world.switches.id_greater = False
    records, pages = walk(reading_of(account), "crm_contacts", limit=7)
    assert records == truth
    again = reading_of(account)
    back = again.list("crm_contacts", limit=7, cursor=pages[2]["prev_cursor"])
    assert back["result"] == pages[1]["result"]
    assert again.get("crm_contacts", "3") == truth[2]


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_an_account_that_goes_on_behind_an_id_but_orders_as_it_likes_loses_nothing(account, limit):
    """A few rows that are in order by chance do not prove the order, at any page size."""
    truth, _ = walk(reading_of(account), "crm_contacts", limit=limit)
    account.world.switches.contact_orders = "ignored"
    records, _ = walk(reading_of(account), "crm_contacts", limit=limit)
    assert records == truth


def test_get_finds_the_row_in_an_account_that_ignores_filters_and_orders(account):
    """If the account answers with another row, `get` still finds the requested row."""
    truth, _ = walk(reading_of(account), "crm_contacts", limit=7)
    account.world.switches.id_greater = False
    account.world.switches.contact_orders = "ignored"
    for record in truth:
        assert reading_of(account).get("crm_contacts", record["id"]) == record
        listed = reading_of(account).list(
            "crm_contacts", id=record["id"], sort_by={"id": "desc"}, limit=1
        )
        assert listed["result"] == [record]
    with pytest.raises(NotFound):
        reading_of(account).get("crm_contacts", "999999")


def test_forbidden_relations_are_named_in_each_record(account):
    """Tags that the key may not read are null and in `_errors`, never an empty array."""
    account.world.switches.include = "none"
    account.world.faults.forbid("/contacts/1/contactTags", None)
    account.world.faults.forbid("/contactTags", None)
    reading = reading_of(account)
    record = reading.list("crm_contacts", limit=1)["result"][0]
    assert record["tags"] is None
    assert any(error.startswith("tags: ") for error in record["_errors"])
    with pytest.raises(PermissionDenied):
        reading.list("marketing_contact_tags", limit=1)


def test_every_gives_all_records(account):
    """`every` returns all records over all pages, with filters."""
    reading = reading_of(account)
    assert [record["id"] for record in reading.every("crm_accounts")] == [
        record["id"] for record in walk(reading, "crm_accounts")[0]
    ]
    won = list(reading.every("crm_opportunities", status="won", limit=1))
    assert {record["status"] for record in won} <= {"won"}
