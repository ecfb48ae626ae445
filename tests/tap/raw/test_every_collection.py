"""Every list endpoint is a stream, and its rows arrive as they were sent."""

from __future__ import annotations

import jsonschema
import pytest

from tap_activecampaign_unified.raw import COLLECTIONS
from tests.tap.running import CONTACT_STREAMS, Account

from .account import RAW, complete, expected

# The list endpoints of the reference. A single automation has no further columns.
PATHS = """
accounts accountContacts accountCustomFieldMeta accountCustomFieldData activities addresses
audiences automations automationBlocks bounceLogs brandings calendars campaigns links linkData
messageActivities campaignLists campaignMessages configs connections contacts contactAutomations
contactConversions contactData contactDeals contactEmails contactLists contactTags conversions
conversionTriggers customObjects/schemas customObjects/records/{id} dealActivities
dealCustomFieldMeta dealCustomFieldData dealGroups dealGroupUsers dealRoles deals dealStages
dealTasks dealTasktypes ecomCustomers ecomOrders ecomOrderProducts ecomOrderActivities
emailActivities eventTrackingEvents fields fieldValues forms goals groupLimits groupMembers groups
import/bulk_import lists lists/exclusions messages notes personalizations prism/urlWhitelistings
savedResponses scores segments siteMessages sms sms/broadcasts tags taskOutcomes
tasktypeOutcomeRels templates users webhooks webhook/events
""".split()


@pytest.fixture(scope="module")
def account():
    """An account that has rows in every collection."""
    return complete()


@pytest.fixture(scope="module")
def ran(account):
    """One run of all raw streams."""
    return account.run(only=RAW)


def test_no_list_endpoint_is_left_out():
    """Every list endpoint is the source of a stream, which is named after its collection."""
    assert set(PATHS) <= {collection.endpoint for collection in COLLECTIONS}
    assert all(name.startswith("raw_") and name == name.lower() for name in RAW)
    assert {"raw_contact_tags", "raw_segments", "raw_account_custom_field_meta"} <= set(RAW)


@pytest.mark.parametrize("name", RAW)
def test_rows_arrive_one_to_one(account, ran, name):
    """A raw stream emits every row with every column and value in its type."""
    found, wanted = ran.records.get(name, []), expected(account, name)
    assert wanted
    order = lambda row: str(sorted(row.items(), key=str))  # noqa: E731
    assert sorted(found, key=order) == sorted(wanted, key=order)
    assert ran.tap._report.stats_by_stream[name].outcome == "done"


def test_every_column_is_declared_before_it_comes(ran):
    """Every column is in a SCHEMA before its first record, because loaders drop others."""
    declared, checkers = {}, {}
    for message in ran.messages:
        stream = message.get("stream")
        if message["type"] == "SCHEMA":
            declared[stream] = message["schema"]["properties"]
            checkers[stream] = jsonschema.Draft7Validator(message["schema"])
            assert set(message["key_properties"]) <= set(declared[stream])
        elif message["type"] == "RECORD":
            assert set(message["record"]) <= set(declared[stream]), stream
            assert not list(checkers[stream].iter_errors(message["record"])), stream


def test_off_until_selected():
    """No raw stream is selected by default."""
    account = Account(contacts=5, deals=3, accounts=2)
    assert not set(RAW) & set(account.run().schemas)
    catalog = account.discover()
    for name in RAW:
        assert catalog[name].metadata.root.selected_by_default is False
        assert not catalog[name].metadata.root.selected
    assert catalog["crm_contacts"].metadata.root.selected


def test_in_one_run_with_unified_streams_an_endpoint_is_read_once():
    """Beside unified streams an endpoint is read once, and raw rows have no sideload columns."""
    account = Account(contacts=40, deals=15, accounts=5)
    raw = ("raw_contacts", "raw_deals", "raw_tags", "raw_notes")
    alone = account.run(only=raw)
    mapped = (*CONTACT_STREAMS, "crm_opportunities", "marketing_tags", "crm_notes")
    apart, together = account.run(only=mapped), account.run(only=[*mapped, *raw])
    for name in raw:
        assert together.records[name] == alone.records[name]
    for name in mapped:
        assert together.records[name] == apart.records[name]
    assert together.requests == apart.requests


def test_rows_of_a_parent_cost_a_request_for_each_parent_and_no_more():
    """A child stream costs the parents' pages and one request per parent."""
    account = complete()
    ran = account.run(only=["raw_tracking_logs"])
    nested = [path for path in ran.paths() if path != "contacts"]
    assert sorted(nested) == sorted(f"contacts/{n}/trackingLogs" for n in range(1, 13))
    assert ran.paths().count("contacts") <= 2
