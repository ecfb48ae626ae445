"""Filters and orders return the records that the test itself filters and sorts."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from tap_activecampaign_unified.python_reader import (
    RESOURCES,
    ActiveCampaignReader,
    InvalidQuery,
    SettingsError,
)
from tap_activecampaign_unified.python_reader.filters import filters_of, sort_keys_of
from tap_activecampaign_unified.resources import by_name

from .accounts import reading_of, requests_in, small, walk

CONTACTS = ("crm_contacts", "marketing_contacts")
# What an account may ignore without an error.
DEAF = ("filters[", "email", "tagid", "listid", "search", "orders[", "ids[]")


@pytest.fixture
def account():
    """An account with enough of everything to be chosen from."""
    return small(contacts=40, deals=25, accounts=12)


def every(account, resource):
    """Return all records of a resource."""
    return walk(reading_of(account), resource, limit=100)[0]


def ids(records):
    """Return ids in order."""
    return [record["id"] for record in records]


def moments(records, field):
    """Return an early and a late instant that exclude some of the records."""
    known = sorted(record[field] for record in records if record[field])
    return known[len(known) // 3], known[2 * len(known) // 3]


@pytest.mark.parametrize("field", ["created_at", "updated_at"])
@pytest.mark.parametrize(
    "resource", [*CONTACTS, "crm_accounts", "crm_opportunities", "crm_notes", "marketing_tags"]
)
@pytest.mark.parametrize("is_deaf", [False, True], ids=["honoured", "ignored"])
def test_times_lie_between_any_two_instants(account, resource, field, is_deaf):
    """Each operator on times is exact to the second, whatever the account's own filter does."""
    records = every(account, resource)
    low, high = moments(records, field)
    if is_deaf:
        account.world.faults.deaf(*DEAF)
    for lower, other in itertools.product(("gt", "gte"), ("lt", "lte")):
        found, _ = walk(
            reading_of(account), resource, limit=6, **{field: {lower: low, other: high}}
        )
        wanted = [
            record
            for record in records
            if record[field]
            and (record[field] > low or (lower == "gte" and record[field] == low))
            and (record[field] < high or (other == "lte" and record[field] == high))
        ]
        assert sorted(ids(found)) == sorted(ids(wanted))
    exact, _ = walk(reading_of(account), resource, **{field: low})
    assert ids(exact) == [record["id"] for record in records if record[field] == low]


@pytest.mark.parametrize(
    "switches",
    [
        {"date_granularity": "day"},
        {"date_naive_zone": "UTC"},
        {"date_column": "updated_timestamp"},
        {"timezone": "Pacific/Auckland"},
    ],
    ids=str,
)
def test_no_reading_of_a_date_filter_leaves_a_contact_out(switches):
    """A contact changed a second ago is found under every reading of the account's date filter."""
    account = small(contacts=60, **switches)
    records = every(account, "crm_contacts")
    for bound in sorted({record["created_at"] for record in records})[::7]:
        found, _ = walk(reading_of(account), "crm_contacts", created_at={"gte": bound}, limit=9)
        assert ids(found) == [record["id"] for record in records if record["created_at"] >= bound]


def test_a_contact_without_a_change_of_its_own_is_found_by_its_creation():
    """A contact without `udate` is found by its creation, in one list ordered by id."""
    account = small(contacts=40)
    for contact in itertools.islice(account.world.tables["contacts"], 0, None, 3):
        contact.udate, contact.updated, contact.edited = None, contact.cdate, False
    records = every(account, "crm_contacts")
    low, _ = moments(records, "updated_at")
    found, pages = walk(reading_of(account), "crm_contacts", limit=4, updated_at={"gte": low})
    assert ids(found) == [record["id"] for record in records if record["updated_at"] >= low]
    back = reading_of(account).list(
        "crm_contacts", limit=4, updated_at={"gte": low}, cursor=pages[-1]["prev_cursor"]
    )
    assert back["result"] == pages[-2]["result"]


@pytest.mark.parametrize("is_deaf", [False, True], ids=["honoured", "ignored"])
def test_contacts_are_found_by_address_tag_and_segment(account, is_deaf):
    """Contacts are found by address, tag and segment, by name or id, in any case.

    A contact must have all of several tags.
    """
    records = every(account, "crm_contacts")
    sample = next(
        record for record in records if len(record["tags"]) > 1 and record["email_addresses"]
    )
    member = next(
        (record, two)
        for record in records
        for two in record["segments"]
        if two["status"] == "active"
    )
    if is_deaf:
        account.world.faults.deaf(*DEAF)
    address = sample["email_addresses"][0]["email"].upper()
    names = [tag["name"] for tag in sample["tags"][:2]]
    questions = [
        ({"email": address}, lambda record: record is sample),
        ({"email_addresses": {"email": address}}, lambda record: record is sample),
        ({"tags": names[0].upper()}, lambda record: names[0] in map(named, record["tags"])),
        ({"tags": names}, lambda record: set(names) <= set(map(named, record["tags"]))),
        (
            {"tags": [{"id": sample["tags"][0]["id"]}]},
            lambda record: sample["tags"][0] in record["tags"],
        ),
        ({"segments": member[1]["name"]}, lambda record: member[1] in record["segments"]),
        ({"tags": None}, lambda record: not record["tags"]),
        ({"name": sample["name"]}, lambda record: record["name"] == sample["name"]),
    ]
    for filters, is_wanted in questions:
        found, _ = walk(reading_of(account), "crm_contacts", limit=3, **filters)
        assert ids(found) == ids(filter(is_wanted, records)), filters


def named(tag):
    """Return a tag's name."""
    return tag["name"]


def test_a_contact_that_left_a_segment_is_not_in_it(account):
    """A segment contains its active members; other members are found by their status."""
    records = every(account, "marketing_contacts")
    left = next(
        (record, two)
        for record in records
        for two in record["segments"]
        if two["status"] == "unsubscribed"
    )
    reading = reading_of(account)
    inside = walk(reading, "marketing_contacts", segments={"id": left[1]["id"]})[0]
    assert left[0]["id"] not in ids(inside)
    asked_for = {"id": left[1]["id"], "status": "unsubscribed"}
    assert left[0]["id"] in ids(walk(reading, "marketing_contacts", segments=asked_for)[0])


def test_an_address_is_found_in_any_case(account):
    """An address is found in any case, even if the account compares with case."""
    account.world.switches.email_match = "exact"
    contact = next(iter(account.world.tables["contacts"]))
    found = reading_of(account).list("marketing_contacts", email=contact.email.upper())["result"]
    assert ids(found) == [str(contact.id)]


@pytest.mark.parametrize("is_deaf", [False, True], ids=["honoured", "ignored"])
def test_opportunities_are_found_by_each_of_their_fields(account, is_deaf):
    """Each of stage, pipeline, owner, status, name and amount finds exactly its opportunities."""
    records = every(account, "crm_opportunities")
    sample = records[3]
    if is_deaf:
        account.world.faults.deaf(*DEAF)
    questions = [
        (
            {"stage": sample["stage"]["name"]},
            lambda record: record["stage"]["name"],
            sample["stage"]["name"],
        ),
        ({"stage": {"id": sample["stage"]["id"]}}, lambda record: record["stage"], sample["stage"]),
        (
            {"pipeline": sample["pipeline"]["name"]},
            lambda record: record["pipeline"],
            sample["pipeline"],
        ),
        ({"owner": sample["owner"]}, lambda record: record["owner"], sample["owner"]),
        ({"owner": sample["owner"]["id"]}, lambda record: record["owner"], sample["owner"]),
        ({"status": sample["status"]}, lambda record: record["status"], sample["status"]),
        ({"name": sample["name"].upper()}, lambda record: record["name"], sample["name"]),
        (
            {"amount": {"gte": sample["amount"]}},
            lambda record: record["amount"] >= sample["amount"],
            True,
        ),
        (
            {"contact": sample["contact"][0]},
            lambda record: sample["contact"][0] in record["contact"],
            True,
        ),
        ({"is_disabled": False}, lambda record: record["is_disabled"], False),
    ]
    for filters, of, value in questions:
        found, _ = walk(reading_of(account), "crm_opportunities", limit=4, **filters)
        # The account lists deals in no fixed order unless the request has an order.
        assert sorted(ids(found)) == sorted(
            record["id"] for record in records if of(record) == value
        ), filters


def test_custom_fields_are_filters_too(account):
    """Filters accept keys of `custom_fields` with typed values."""
    records = every(account, "crm_contacts")
    reading = reading_of(account)
    seen = set()
    for key, schema in (
        reading._loader.custom_fields(by_name["crm_contacts"]).schema()["properties"].items()
    ):
        values = [
            record["custom_fields"][key] for record in records if record["custom_fields"][key]
        ]
        kind = schema["type"][0]
        if not values or kind in seen or kind == "object":
            continue
        seen.add(kind)
        value = values[0][0] if kind == "array" else values[0]
        found = walk(reading, "crm_contacts", custom_fields={key: value})[0]
        wanted = [
            record["id"]
            for record in records
            if (
                value in record["custom_fields"][key]
                if kind == "array"
                else record["custom_fields"][key] == value
            )
        ]
        assert ids(found) == wanted, key
    assert len(seen) > 2
    with pytest.raises(InvalidQuery, match="custom_fields: holds no nonsense; there are"):
        reading.list("crm_contacts", custom_fields={"nonsense": 1})


def test_pairs_are_found_by_either_id(account):
    """Pairs are found by either id, and the reader requests only these."""
    reading = reading_of(account)
    pairs = every(account, "marketing_contact_tags")
    sample = pairs[len(pairs) // 2]
    for field in ("contact_id", "tag_id", "tag_name"):
        found = walk(reading, "marketing_contact_tags", limit=2, **{field: sample[field]})[0]
        assert found == [pair for pair in pairs if pair[field] == sample[field]]
    with requests_in(account) as paths:
        reading.list("marketing_contact_tags", contact_id=sample["contact_id"])
    assert paths == ["contacts"]


@pytest.mark.parametrize("field", ["updated_at", "email", "id"])
def test_an_account_that_sends_small_pages_loses_no_sorted_row(field):
    """A page holds as many records as the caller asks for, also where the account sends fewer."""
    account = small(contacts=45, most_rows=20)
    found, pages = walk(
        reading_of(account), "marketing_contacts", limit=40, sort_by={field: "desc"}
    )
    assert len(pages[0]["result"]) == 40
    assert sorted(found, key=repr) == sorted(every(account, "marketing_contacts"), key=repr)


@pytest.mark.parametrize("way", ["asc", "desc"])
@pytest.mark.parametrize(
    ("resource", "field"),
    [
        ("crm_contacts", "id"),
        ("crm_contacts", "created_at"),
        ("crm_contacts", "updated_at"),
        ("crm_contacts", "name"),
        ("marketing_contacts", "email"),
        ("crm_opportunities", "created_at"),
        ("crm_opportunities", "updated_at"),
        ("crm_opportunities", "amount"),
        ("crm_accounts", "name"),
        ("crm_notes", "updated_at"),
        ("marketing_tags", "name"),
        ("crm_fields", "position"),
    ],
)
@pytest.mark.parametrize("is_deaf", [False, True], ids=["honoured", "ignored"])
def test_pages_are_sorted_from_first_to_last(account, resource, field, way, is_deaf):
    """Pages hold every record once in order, whether the account or the reader sorts."""
    records = every(account, resource)
    if is_deaf:
        account.world.faults.deaf(*DEAF)
    parameters = {"limit": 7, "sort_by": {field: way}}
    found, pages = walk(reading_of(account), resource, **parameters)
    assert sorted(found, key=repr) == sorted(records, key=repr)

    def rank(record):
        value = record[field]
        if field == "id":
            value = int(value)
        return (value is not None, value.casefold() if isinstance(value, str) else value or 0)

    ranks = [rank(record) for record in found]
    assert ranks == sorted(ranks, reverse=way == "desc")
    again = reading_of(account)
    for before, page in zip(pages[-2::-1], pages[:0:-1], strict=True):
        back = again.list(resource, cursor=page["prev_cursor"], **parameters)
        assert back["result"] == before["result"]


def test_unknown_filters_and_orders_are_named_with_those_there_are(account):
    """An unknown filter or order is an error with the known names, before any request."""
    reading = reading_of(account)
    with requests_in(account) as paths:
        for resource in RESOURCES:
            names = ", ".join(filters_of(by_name[resource]))
            with pytest.raises(InvalidQuery, match=f"no such filter: emial; there are {names}$"):
                reading.list(resource, emial="x")
            keys = sort_keys_of(by_name[resource])
            with pytest.raises(
                InvalidQuery, match=f"cannot be sorted by nose; .*{', '.join(keys)}$"
            ):
                reading.list(resource, sort_by={"nose": "asc"})
        for parameters, problem in (
            ({"created_at": {"after": "2031-01-01"}}, "no such operator: after; there are eq, gt"),
            ({"created_at": "yesterday"}, "created_at: must be a date or a date-time"),
            ({"tags": {"nam": "x"}}, "tags: holds no nam; there are id, name"),
            ({"deleted": "no"}, "deleted: must be true or false"),
            ({"email": 1.5}, "email: must be text"),
            ({"created_at": {}}, "created_at: must be a value or a bound"),
            ({"custom_fields": "gold"}, "custom_fields: must be an object"),
            ({"scores": {"value": float("nan")}}, "scores.value: must be a number"),
            ({"scores": {"value": True}}, "scores.value: must be a number"),
            ({"sort_by": {"name": "up"}}, "name must be asc or desc"),
            ({"sort_by": {"name": "asc", "id": "asc"}}, "sort_by: must be one field"),
        ):
            with pytest.raises(InvalidQuery, match=problem):
                reading.list("crm_contacts", **parameters)
    # Only the custom fields are requested.
    assert paths == ["fields"]


def test_an_unknown_tag_reads_no_contacts(account):
    """A filter by a tag that does not exist reads only tags."""
    for tags in ("no such tag", 12345):
        with requests_in(account) as paths:
            page = reading_of(account).list("crm_contacts", tags=tags)
        assert page == {"result": [], "next_cursor": None, "prev_cursor": None, "result_count": 0}
        assert set(paths) == {"tags"}


def test_times_may_be_given_in_any_form(account):
    """A datetime, a date and text with any offset find the same records."""
    records = every(account, "crm_contacts")
    low, _ = moments(records, "created_at")
    moment = dt.datetime.fromisoformat(low)
    reading = reading_of(account)
    answers = [
        ids(walk(reading, "crm_contacts", created_at={"gte": form})[0])
        for form in (
            low,
            moment,
            moment.astimezone(dt.timezone(dt.timedelta(hours=9))).isoformat(),
            moment.replace(tzinfo=None),
            low.replace("+00:00", "Z"),
        )
    ]
    assert all(answer == answers[0] for answer in answers)
    day = reading.list("crm_contacts", limit=100, created_at={"gte": moment.date()})["result"]
    midnight = moment.date().isoformat()
    assert ids(day) == [record["id"] for record in records if record["created_at"] >= midnight]


@pytest.mark.parametrize("value", ["ada@shop.example", "Fjord Ltd", "Ada"])
def test_a_reference_with_only_an_id_takes_no_name(account, value):
    """A filter on a reference that has only an id refuses a name or an address."""
    reading = reading_of(account)
    with pytest.raises(InvalidQuery, match="contact: has only an id; give the id"):
        reading.list("crm_notes", contact=value)
    assert reading.list("crm_notes", contact="4711")["result"] == []
    assert reading.list("crm_notes", contact={"id": "4711"})["result"] == []


@pytest.mark.parametrize("pair", [(None, None), ("", "x"), ("https://acme.api-us1.com", None)])
def test_a_missing_connection_names_both_settings(pair):
    """A missing URL or key is named as troubleshooting does, not by a variable of the tap."""
    with pytest.raises(SettingsError, match=r"^api_url or api_key is missing: set both$"):
        ActiveCampaignReader(*pair)
