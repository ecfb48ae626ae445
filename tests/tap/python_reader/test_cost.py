"""Calls of the Python API have exact numbers of requests, the first and later calls."""

from __future__ import annotations

from functools import partial

import pytest

from tap_activecampaign_unified.python_reader import InvalidQuery
from tap_activecampaign_unified.python_reader import planner as questions

from .accounts import access_of, reading_of, requests_in, small


@pytest.fixture
def account():
    """An account whose collections take several requests each."""
    return small(contacts=450, deals=320, accounts=210)


def costs(account, call):
    """Return the number of requests of a call, and its result."""
    with requests_in(account) as paths:
        call()
    return len(paths)


# Requests of the first page, with what is read once and kept, and of the next page.
PAGES = {
    # the page; one look at each of tags, lists, values, links for the proof; three small tables
    ("crm_contacts", 1): (7, 1),
    ("crm_contacts", 25): (12, 1),
    ("crm_contacts", 100): (13, 2),
    ("crm_opportunities", 1): (6, 2),
    ("crm_accounts", 1): (3, 1),
    ("crm_notes", 1): (1, 1),
    ("crm_notes", 25): (1, 1),
    ("crm_users", 1): (1, 1),
    ("marketing_tags", 25): (1, 1),
    ("marketing_segments", 25): (1, 1),
    ("crm_stages", 25): (2, 1),
    ("crm_fields", 25): (3, 0),
    ("marketing_contact_tags", 25): (4, 1),
    ("crm_tasks", 25): (2, 1),
}


@pytest.mark.parametrize(("resource", "limit"), PAGES, ids=str)
def test_a_page_costs_the_same_on_an_account_of_any_size(account, resource, limit):
    """On an account of any size, a call reads the page, related rows and small tables once."""
    reading = reading_of(account)
    page = {}
    first = costs(account, lambda: page.update(reading.list(resource, limit=limit)))
    cursor = page["next_cursor"]
    then = costs(account, lambda: reading.list(resource, limit=limit, cursor=cursor))
    assert (first, then) == PAGES[resource, limit]


def test_one_record_costs_one_request_once_names_are_known(account):
    """Once names and sideloads are known, `get` sends one request per record."""
    reading = reading_of(account)
    reading.list("crm_contacts", limit=25)
    assert costs(account, lambda: reading.get("crm_contacts", 300)) == 1
    assert costs(account, lambda: reading.list("crm_contacts", limit=1, id=200)) == 1
    reading.refresh()
    assert costs(account, lambda: reading.get("crm_contacts", 300)) == 4  # three small tables


def test_without_sideloads_related_rows_are_read_per_contact(account):
    """Without sideloads a contact costs its four relations and its account's name, no more."""
    account.world.switches.include = "none"
    reading = reading_of(account)
    reading.list("crm_contacts", limit=25)
    assert costs(account, lambda: reading.get("crm_contacts", 300)) == 6


def test_filters_that_the_account_honours_spare_the_rest(account):
    """A filter that the account honours reads one page, not the whole account."""
    reading = reading_of(account)
    reading.list("crm_contacts", limit=25)
    contact = list(account.world.tables["contacts"])[-1]
    tag = next(iter(account.world.tables["contactTags"])).tag
    newest = max(row.udate or 0 for row in account.world.tables["contacts"])
    moment = account.world.dt(newest)
    for filters, most in (
        ({"email": contact.email}, 1),
        ({"tags": {"id": str(tag)}}, 1),
        ({"updated_at": {"gte": moment}}, 2),
        ({"email": "nobody@nowhere.example"}, 2),
    ):
        ask = partial(reading.list, "crm_contacts", limit=5, **filters)
        assert costs(account, ask) == most, filters


def test_rows_that_the_reader_sorts_are_read_once(account):
    """The reader sorts 210 accounts after three requests; the next page costs none."""
    reading = reading_of(account)
    parameters = {"sort_by": {"name": "asc"}, "limit": 2}
    page = {}
    costs(account, lambda: page.update(reading.list("crm_accounts", **parameters)))
    first = costs(account, lambda: page.update(reading.list("crm_accounts", **parameters)))
    then = costs(
        account, lambda: reading.list("crm_accounts", cursor=page["next_cursor"], **parameters)
    )
    assert (first, then) == (3 + 2, 2)  # custom values of two rows


def test_a_page_of_what_is_sorted_here_never_reads_a_collection_of_unknown_size(account):
    """The reader reads fields of the page's deals only: their collection reports no count."""
    with requests_in(account) as paths:
        reading_of(account).list("crm_opportunities", sort_by={"updated_at": "desc"}, limit=10)
    assert paths.count("dealCustomFieldData") == 1  # a request for its count
    assert sum(path.endswith("/dealCustomFieldData") for path in paths) == 10


def test_opportunities_are_sorted_by_the_account_where_it_can(account):
    """An order that the account supports reads one page of opportunities."""
    reading = reading_of(account)
    reading.list("crm_opportunities", limit=5)
    for field in ("name", "amount", "created_at"):
        with requests_in(account) as paths:
            reading.list("crm_opportunities", sort_by={field: "desc"}, limit=5)
        assert paths.count("deals") == 1


def test_a_long_search_reads_related_rows_as_a_whole(account):
    """A search over many rows reads their related rows as a whole, and drops them afterwards."""
    reading = reading_of(account)
    with requests_in(account) as paths:
        assert reading.list("crm_accounts", industry="none of these")["result"] == []
    alone = [path for path in paths if path.endswith("/accountCustomFieldData")]
    assert len(alone) < 130  # of 210 accounts
    assert len(paths) < 170
    with requests_in(account) as paths:
        reading.get("crm_accounts", "7")
    assert "accounts/7/accountCustomFieldData" in paths


def test_a_name_is_searched_by_one_word_and_compared_as_a_whole(account):
    """The reader searches for one word of a name and compares the whole name itself."""
    reading = reading_of(account)
    reading.list("crm_contacts", limit=25)
    contact = list(account.world.tables["contacts"])[-1]
    name = f"{contact.firstName} {contact.lastName}"
    found = []
    assert costs(account, lambda: found.append(reading.list("crm_contacts", name=name))) <= 2
    assert {record["name"] for record in found[0]["result"]} == {name}


def test_too_many_rows_to_be_sorted_are_refused_by_their_number(account, monkeypatch):
    """The reader rejects too many rows after one request, which has the count."""
    monkeypatch.setattr(questions, "MAX_SORTED", 300)
    with (
        requests_in(account) as paths,
        pytest.raises(InvalidQuery, match="more than 300 rows to sort"),
    ):
        reading_of(account).list("crm_contacts", sort_by={"updated_at": "desc"})
    assert paths == ["contacts"]


def test_the_second_write_of_a_block_costs_the_write_alone(account):
    """The second write of a block sends only its write: small tables were read by the first."""
    with access_of(account) as access:

        def tag(email):
            record = {"email": email, "tags": ["vip"], "custom_fields": {}}
            return lambda: access.upsert("crm_contacts", record)

        first, then = costs(account, tag("a@b.example")), costs(account, tag("c@d.example"))
    assert (first, then) == (4, 2)  # the first asks for the contact limit as well
