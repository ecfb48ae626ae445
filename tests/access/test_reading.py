"""Pages and single records are held against the account's own tables and the tap's records."""

from __future__ import annotations

import pytest
import requests

from tap_activecampaign_unified.access import RESOURCES, BadQuery, Reading
from tap_activecampaign_unified.api import Missing
from tests.api.lab import KEY, ORIGIN
from tests.sandbox import SandboxAdapter
from tests.tap.running import Account


def reading_of(account):
    """Return access to an account in this process."""
    session = requests.Session()
    session.mount("https://", SandboxAdapter(account.world))
    return Reading(ORIGIN, KEY, clock=account.clock, session=session, max_concurrent_requests=1)


@pytest.fixture
def account():
    """A small account."""
    return Account(contacts=23, deals=8, accounts=6)


def walk(reading, resource, **how):
    """Return the records of all pages, forwards, and the pages."""
    pages = [reading.list(resource, **how)]
    while pages[-1]["next_cursor"]:
        pages.append(reading.list(resource, cursor=pages[-1]["next_cursor"], **how))
    return [record for page in pages for record in page["result"]], pages


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_pages_hold_what_the_tap_writes(account, resource):
    """All pages together are the tap's records, each once, and the way back is the same pages."""
    records, pages = walk(reading_of(account), resource, limit=7)
    truth = account.run(only=[resource]).records[resource]
    assert sorted(records, key=repr) == sorted(truth, key=repr)
    again = reading_of(account)  # a cursor outlives the process that gave it
    for before, page in zip(pages[-2::-1], pages[:0:-1], strict=True):
        back = again.list(resource, limit=7, cursor=page["prev_cursor"])
        assert back["result"] == before["result"]
    assert pages[0]["prev_cursor"] is None


def test_a_row_deleted_between_pages_costs_no_other(account):
    """Contacts go on behind an id: who goes away meanwhile takes nobody along."""
    reading = reading_of(account)
    first = reading.list("crm_contacts", limit=5)
    gone = first["result"][1]["id"]
    before = {str(row.id) for row in account.world.tables["contacts"]}
    reading.client.send("DELETE", f"contacts/{gone}")
    second = reading.list("crm_contacts", limit=100, cursor=first["next_cursor"])
    found = [record["id"] for record in first["result"] + second["result"]]
    assert sorted(found) == sorted(before)


def test_a_filter_is_checked_here_and_an_unknown_one_is_an_error(account):
    """The server ignores filters it does not know; a page holds only what was asked for."""
    reading = reading_of(account)
    one = next(iter(account.world.tables["contacts"]))
    records, _ = walk(reading, "marketing_contacts", limit=2, email=one.email)
    assert [record["id"] for record in records] == [str(one.id)]
    with pytest.raises(BadQuery, match="no such filter: emial"):
        reading.list("marketing_contacts", emial=one.email)


def test_a_cursor_serves_only_the_question_it_came_from(account):
    """A cursor with other filters, of another resource or made up is refused."""
    reading = reading_of(account)
    cursor = reading.list("crm_contacts", limit=1)["next_cursor"]
    for resource, made_up in (("crm_accounts", cursor), ("crm_contacts", "x" + cursor)):
        with pytest.raises(BadQuery):
            reading.list(resource, cursor=made_up)


def test_one_record_is_the_record_of_the_list(account):
    """`get` maps as `list` does; the untouched row comes on request; what is not there is said."""
    reading = reading_of(account)
    listed = reading.list("crm_opportunities", limit=1)["result"][0]
    assert reading.get("crm_opportunities", listed["id"]) == listed
    assert reading.get("crm_contacts", "1", remote_data=True)["remote_data"]["id"] == "1"
    with pytest.raises(Missing):
        reading.get("crm_contacts", "999999")
    with pytest.raises(BadQuery):
        reading.get("crm_contacts", "1/notes")


def test_an_account_that_does_not_go_on_behind_an_id_loses_nothing(account):
    """Where `id_greater` is ignored the pages are the same; going back says that it cannot."""
    truth, _ = walk(reading_of(account), "crm_contacts", limit=7)
    account.world.switches.id_greater = False
    records, pages = walk(reading_of(account), "crm_contacts", limit=7)
    assert records == truth
    with pytest.raises(BadQuery, match="does not read backwards"):
        reading_of(account).list("crm_contacts", limit=7, cursor=pages[1]["prev_cursor"])
