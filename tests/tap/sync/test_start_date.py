"""A bound by date costs one walk, and no row without a date is missed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.tap.running import CONTACT_STREAMS, Account

DAY = 86400
OLDER = "2000-01-01T00:00:00+00:00"


def at(account: Account, days: float) -> str:
    """Return the moment so many days before the account's present."""
    moment = account.world.clock() - dt.timedelta(days=days)
    return moment.astimezone(dt.UTC).isoformat()


def aged(count: int, **options: Any) -> Account:
    """Return an account whose contacts changed a year ago, a tenth of them never."""
    account = Account(contacts=count, **options)
    old = int(account.world.clock().timestamp()) - 365 * DAY
    for row in account.world.tables["contacts"]:
        udate = None if row.id % 10 == 0 else old
        account.world.tables["contacts"].change(
            row, cdate=old, created=old, updated=old, udate=udate
        )
    return account


def walks(ran: Any, path: str = "contacts") -> list[dict[str, str]]:
    """Return the parameters of the page requests of a collection."""
    queries = [dict(e.query) for e in ran.received if e.path.removeprefix("/api/3/") == path]
    return [params for params in queries if params.get("limit") != "1"]


def test_a_start_date_before_the_account_costs_two_looks_at_the_count():
    """A start_date before 1,000 contacts costs two requests more than none."""
    account = Account(contacts=1_000, accounts=30)
    plain = account.run(only=CONTACT_STREAMS)
    bound = account.run(only=CONTACT_STREAMS, start_date=OLDER)
    assert bound.records == plain.records
    assert bound.requests == plain.requests + 2
    assert not any("filters[" in name for params in walks(bound) for name in params)


def test_a_start_date_that_spares_most_rows_is_left_to_the_server():
    """Of 1,000 contacts the tap reads the 60 changed contacts and the new contact without udate."""
    account = aged(1_000)
    world, now = account.world, int(account.world.clock().timestamp())
    changed = {str(n) for n in range(1, 1_000, 17)}
    for contact_id in changed:
        world.tables["contacts"].change(
            world.tables["contacts"][int(contact_id)], udate=now - 5 * DAY
        )
    new = world.add_contact("new@x.example", udate=None, cdate=now - 2 * DAY, created=now - 2 * DAY)
    world.tables["contacts"].change(new, updated=now - 2 * DAY)
    ran = account.run(only=["crm_contacts"], start_date=at(account, 30))
    assert set(ran.ids("crm_contacts")) == changed | {str(new.id)}
    assert len(ran.ids("crm_contacts")) == len(set(ran.ids("crm_contacts")))
    assert len(walks(ran)) <= 4


@pytest.mark.parametrize("days", [400, 300, 100, 30, 3])
@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"meta_total": "missing"},
        {"meta_total": "wrong"},
        {"date_filters": "ignored"},
        {"date_column": "updated_timestamp"},
        {"date_granularity": "day", "date_naive_zone": "UTC"},
    ],
    ids=str,
)
def test_no_contact_that_changed_since_is_missed(days, switches):
    """No contact with a later udate, or created later without udate, is missed.

    This holds for any count and filter of the server.
    """
    account = Account(contacts=230, seed=9, **switches)
    start = at(account, days)
    ran = account.run(only=["crm_contacts"], start_date=start)
    bound = dt.datetime.fromisoformat(start).timestamp()
    wanted = {
        str(row.id)
        for row in account.world.tables["contacts"]
        if (row.udate if row.udate is not None else row.cdate) >= bound
    }
    assert wanted <= set(ran.ids("crm_contacts"))
    assert len(ran.ids("crm_contacts")) == len(set(ran.ids("crm_contacts")))


def test_an_end_date_alone_costs_one_walk():
    """With an end_date alone all contacts are read once. No filter finds rows without udate."""
    account = Account(contacts=350)
    plain = account.run(only=["crm_contacts"])
    ran = account.run(only=["crm_contacts"], end_date=at(account, 100))
    assert ran.requests <= plain.requests + 3
    wanted = {
        contact_id
        for contact_id, r in plain.by_id("crm_contacts").items()
        if r["updated_at"] < at(account, 100)
    }
    assert set(ran.ids("crm_contacts")) == wanted


@pytest.mark.parametrize("stream", ["crm_opportunities", "raw_deals"])
@pytest.mark.parametrize("days", [2_000, 30])
def test_hidden_deals_arrive_under_any_start_date(stream, days):
    """Hidden deals, which have no visible date, are emitted once in a first load."""
    account = Account(contacts=30, deals=150, hidden_deals=True)
    start = at(account, days)
    ran = account.run(only=[stream], start_date=start)
    hidden = {
        str(deal.id)
        for deal in account.world.tables["deals"]
        if account.world.tables["dealGroups"][deal.group].hidden
    }
    bound = dt.datetime.fromisoformat(start).timestamp()
    recent = {str(d.id) for d in account.world.tables["deals"] if d.mdate >= bound}
    assert set(ran.ids(stream)) == hidden | recent
    assert len(walks(ran, "deals")) <= 2


def test_a_sweep_under_a_start_date_walks_once():
    """A sweep a week later reads everything in one walk under any start_date."""
    account = Account(contacts=1_000)
    options = {"only": ["crm_contacts"], "start_date": OLDER, "full_sweep_hours": 168}
    first = account.run(**options)
    account.wait(hours=200)
    again = account.run(first.state, **options)
    assert len(walks(again)) <= len(walks(first))


@pytest.mark.parametrize("after", range(2, 16))
def test_a_contact_that_only_the_second_walk_finds_survives_an_interruption(after):
    """A contact without udate and with a low id is emitted after an interruption at a higher id."""
    account = aged(600)
    world, now = account.world, int(account.world.clock().timestamp())
    contacts = world.tables["contacts"]
    for contact_id in range(301, 501):
        contacts.change(contacts[contact_id], udate=now - 3 * DAY)
    late = contacts[250]
    contacts.change(late, udate=None, cdate=now - DAY, created=now - DAY, updated=now - DAY)
    options = {"only": ["crm_contacts"], "start_date": at(account, 20), "max_retry_seconds": 1}
    world.faults.server_error("/contacts", times=None, after=after)
    first = account.run(**options)
    world.faults.clear()
    second = account.run(first.state, **options)
    assert second.code == 0
    found = [*first.ids("crm_contacts"), *second.ids("crm_contacts")]
    assert set(found) == {str(n) for n in (250, *range(301, 501))}
    assert len(found) == len(set(found))
