"""A run sends as many requests as docs/benchmarks.md says."""

from __future__ import annotations

import pytest

from tests.sandbox import Shape
from tests.tap.running import CONTACT_STREAMS, Account

CONTACTS = 10_000
SHAPE = Shape(
    contact_fields=8,
    values_per_contact=8,
    tags=80,
    lists=6,
    tags_per_contact=2,
    lists_per_contact=1,
)
ACCOUNTS = 1_000


@pytest.fixture(scope="module")
def large() -> Account:
    """Ten thousand contacts with fields, tags, memberships and accounts."""
    return Account(contacts=CONTACTS, accounts=ACCOUNTS, shape=SHAPE, requests_per_second=5)


@pytest.mark.long
@pytest.mark.slow
def test_ten_thousand_contacts_take_115_requests(large):
    """Both contact streams of 10,000 contacts with related rows need at most 115 requests."""
    ran = large.run(only=CONTACT_STREAMS)
    assert len(ran.ids("crm_contacts")) == len(set(ran.ids("marketing_contacts"))) == CONTACTS
    record = ran.by_id("crm_contacts")["77"]
    assert len(record["custom_fields"]) == 8
    assert record["tags"]
    assert record["segments"]
    assert any(r["account"] and r["account"]["name"] for r in ran.records["crm_contacts"])
    assert ran.requests <= 115
    assert large.world.busiest_second() <= 5
    large.wait(hours=72)
    again = large.run(ran.state, only=CONTACT_STREAMS)
    assert again.records == {}
    assert again.requests <= 25


@pytest.mark.long
@pytest.mark.slow
def test_ten_thousand_contacts_take_118_requests_under_a_start_date(large):
    """A start_date before all contacts costs at most three requests more, and loses none."""
    for start in ("1999-05-05", "2020-01-01T00:00:00Z"):
        ran = large.run(only=CONTACT_STREAMS, start_date=start)
        for stream in CONTACT_STREAMS:
            assert len(ran.ids(stream)) == len(set(ran.ids(stream))) == CONTACTS
        assert ran.requests <= 118


@pytest.mark.long
@pytest.mark.slow
def test_accounts_that_are_not_sideloaded_cost_their_own_pages(large):
    """Without sideloads of accounts, links and names cost one request per 100 each."""
    large.world.switches.include = frozenset({"fieldValues", "contactTags", "contactLists"})
    links = len(large.world.tables["accountContacts"])
    ran = large.run(only=CONTACT_STREAMS)
    large.world.switches.include = "all"
    assert len(ran.ids("crm_contacts")) == CONTACTS
    assert ran.requests <= 115 + links // 100 + ACCOUNTS // 100


def test_a_deselected_stream_costs_no_request():
    """The tap sends no request for deselected streams and their lookups."""
    account = Account(contacts=30, deals=10, accounts=10)
    ran = account.run(only=["marketing_tags"])
    assert ran.paths() == ["tags"]
    ran = account.run(only=["crm_users"])
    assert ran.paths() == ["users"]


def test_a_deselected_property_costs_no_request():
    """The tap requests no related rows of contacts if no selected property needs them."""
    account = Account(contacts=30, accounts=10)
    catalog = account.discover()
    entry = catalog["crm_contacts"]
    kept = {"id", "first_name", "updated_at"}
    for crumb, metadata in entry.metadata.items():
        if len(crumb) == 2 and crumb[1] not in kept:
            metadata.selected = False
    ran = account.run(only=["crm_contacts"], catalog=catalog)
    assert set(ran.paths()) == {"contacts"}
    assert not any(name == "include" for entry in ran.received for name, _ in entry.query)
    assert set(ran.records["crm_contacts"][0]) <= {*kept, "_errors"}


def test_streams_of_one_endpoint_share_their_requests():
    """Four contact streams cost the requests of one; both user streams those of one."""
    account = Account(contacts=250)
    first = account.run(only=["crm_contacts"]).paths().count("contacts")
    four = account.run(
        only=[*CONTACT_STREAMS, "marketing_contact_tags", "marketing_segment_memberships"]
    )
    assert four.paths().count("contacts") == first
    users = account.run(only=["crm_users", "directory_users"])
    assert users.paths().count("users") == 1


def test_discovery_asks_for_definitions_alone():
    """--discover requests definitions of custom fields and custom objects, and nothing else."""
    account = Account(contacts=30)
    account.discover()
    paths = {entry.path.removeprefix("/api/3/") for entry in account.world.log}
    fields = {"fields", "accountCustomFieldMeta", "dealCustomFieldMeta"}
    assert paths == fields | {"customObjects/schemas"}
