"""Concurrent requests emit the same records in the same order, with as many requests."""

from __future__ import annotations

import pytest

from tests.cases import briefly
from tests.tap.running import CONTACT_STREAMS, Account

SIZE = {"contacts": 950, "deals": 320, "accounts": 210}


def written(ran) -> dict[str, list]:
    """Return the output of a run, by stream and in order."""
    return {stream: records for stream, records in ran.records.items() if records}


@pytest.mark.parametrize(
    ("order", "sideload"),
    briefly([(2, "auto"), (3, "never"), (2, "never"), (3, "auto"), (5, "auto"), (5, "never")], 1),
)
def test_any_order_of_requests_writes_the_same(order, sideload):
    """Concurrent requests in any order emit the records of one request at a time."""
    single = Account(**SIZE).run(max_concurrent_requests=1, sideload=sideload)
    account = Account(**SIZE)
    account.order, account.reads_far_ahead = order, True
    concurrent = account.run(sideload=sideload)
    assert written(concurrent) == written(single)
    assert [m["stream"] for m in concurrent.messages if m["type"] == "RECORD"] == [
        m["stream"] for m in single.messages if m["type"] == "RECORD"
    ]
    # A prefetched page shares a row with the page before, which costs one request in a hundred.
    # A few more are lost where the account ignores a parameter.
    assert concurrent.requests <= 1.02 * single.requests + 8


@pytest.mark.parametrize("order", briefly(range(4), 1))
def test_an_incremental_run_asks_for_nothing_in_vain(order):
    """Without changes, prefetching costs an incremental run no request."""
    account = Account(**SIZE)
    first = account.run(only=CONTACT_STREAMS)
    account.wait(hours=1)
    account.order, account.reads_far_ahead = order, True
    again = account.run(first.state, only=CONTACT_STREAMS)
    account.wait(hours=1)
    alone = account.run(again.state, only=CONTACT_STREAMS, max_concurrent_requests=1)
    assert again.records == alone.records == {}
    assert again.requests == alone.requests


@pytest.mark.parametrize("order", briefly(range(4), 1))
def test_a_first_load_stopped_anywhere_goes_on_from_there(order):
    """After a stop the next run reads again the pages that were prefetched and not emitted."""
    account = Account(contacts=1450)
    account.order, account.reads_far_ahead = order, True
    account.world.faults.server_error("/api/3/contacts", status=500, times=None, after=8 + order)
    first = account.run(only=["crm_contacts"], max_retry_seconds=5)
    assert first.code == 1
    account.world.faults.clear()
    account.wait(hours=1)
    second = account.run(first.state, only=["crm_contacts"])
    assert second.code == 0
    ids = {*first.ids("crm_contacts"), *second.ids("crm_contacts")}
    assert ids == {str(number) for number in range(1, 1451)}


def test_a_test_run_reads_little():
    """`--test` reads one record per stream and cancels prefetched pages."""
    account = Account(contacts=2_000, deals=30, accounts=30)
    tap = account.tap_class()(config=account.config())
    before = len(account.world.log)
    tap.try_out()
    assert len(account.world.log) - before < 45
