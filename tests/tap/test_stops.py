"""Stopped runs, forbidden streams and failed streams: state, other streams, exit code."""

from __future__ import annotations

import signal

import pytest

from .running import CONTACT_STREAMS, Account


def stop_at(account: Account, pages: int) -> None:
    """Send SIGTERM's exception after so many pages of the walk."""
    queries = []

    def hook(_world, _method, _path, query):
        if any(name == "id_greater" for name, _ in query) and ("limit", "100") in query:
            queries.append(query)
            if len(queries) == pages + 1:
                account.stop(signal.SIGTERM)

    account.world.before_request(hook)


def test_a_stopped_first_load_goes_on_where_it_stopped():
    """After a stop by a signal, the next run reads only the rest."""
    account = Account(contacts=950)
    stop_at(account, 4)
    first = account.run(only=CONTACT_STREAMS)
    assert first.code == 128 + signal.SIGTERM
    account.world.hooks.clear()
    account.revive()
    account.wait(hours=2)
    second = account.run(first.state, only=CONTACT_STREAMS)
    assert second.code == 0
    for stream in CONTACT_STREAMS:
        ids = [*first.ids(stream), *second.ids(stream)]
        assert sorted(map(int, ids)) == list(range(1, 951))
    assert second.paths().count("contacts") <= 7  # five pages of the rest
    third = account.run(second.state, only=CONTACT_STREAMS)
    assert third.records == {}


def test_a_change_before_the_second_half_is_emitted_by_the_next_run():
    """A row of the first half that changed before the second half is emitted by the run after."""
    account = Account(contacts=1450)
    stop_at(account, 8)
    first = account.run(only=["crm_contacts"])
    account.world.hooks.clear()
    account.revive()
    account.wait(hours=2)
    account.world.edit_contact(5, firstName="Between")
    second = account.run(first.state, only=["crm_contacts"])
    assert "5" not in second.ids("crm_contacts")
    third = account.run(second.state, only=["crm_contacts"])
    assert third.ids("crm_contacts") == ["5"]


def test_a_stopped_walk_by_offset_loses_no_contact():
    """Where the account ignores `id_greater` and the order, a stopped load begins again."""
    account = Account(contacts=2500)
    account.world.switches.id_greater = False
    account.world.switches.contact_orders = "ignored"
    account.world.faults.server_error("/api/3/contacts", status=500, times=None, after=17)
    first = account.run(only=["crm_contacts"], max_retry_seconds=5)
    assert first.code == 1
    assert 0 < len(first.ids("crm_contacts")) < 2500
    account.world.faults.clear()
    second = account.run(first.state, only=["crm_contacts"])
    assert second.code == 0
    assert {*first.ids("crm_contacts"), *second.ids("crm_contacts")} == {
        str(number) for number in range(1, 2501)
    }


def test_state_comes_with_every_page_group():
    """A run continues after a crash from the STATE of the last page group."""
    account = Account(contacts=2500)
    account.world.faults.server_error("/api/3/contacts", status=500, times=None, after=17)
    first = account.run(only=["crm_contacts"], max_retry_seconds=5)
    assert first.code == 1
    progress = first.state["bookmarks"]["crm_contacts"]["progress"]
    assert progress["after"] >= 1000
    assert "replication_key_value" not in first.state["bookmarks"]["crm_contacts"]
    account.world.faults.clear()
    second = account.run(first.state, only=["crm_contacts"])
    assert {*first.ids("crm_contacts"), *second.ids("crm_contacts")} == {
        str(number) for number in range(1, 2501)
    }


def test_a_stream_the_plan_forbids_is_skipped():
    """On a plan without CRM the other streams run, and the summary names the skipped streams."""
    account = Account(contacts=30, deals=10, accounts=10)
    account.world.faults.no_crm()
    ran = account.run()
    assert ran.code == 0
    assert len(ran.ids("crm_contacts")) == 30
    outcomes = {name: stats.outcome for name, stats in ran.tap._report.stats_by_stream.items()}
    assert outcomes["crm_opportunities"] == "skipped"
    assert outcomes["marketing_contacts"] == "done"


def test_on_forbidden_fail_fails_at_the_end():
    """With on_forbidden: fail the other streams run, and the run ends with 1."""
    account = Account(contacts=30, deals=10, accounts=10)
    account.world.faults.forbid("/api/3/notes")
    ran = account.run(only=["crm_notes", "crm_contacts"], on_forbidden="fail")
    assert ran.code == 1
    assert len(ran.ids("crm_contacts")) == 30


def test_a_403_that_passes_costs_time_only():
    """A few 403s of a valid key are retried, and the stream is read."""
    account = Account(contacts=30)
    account.world.faults.forbid("/api/3/contacts", times=4)
    ran = account.run(only=["crm_contacts"])
    assert len(ran.ids("crm_contacts")) == 30


def test_a_failing_stream_keeps_its_bookmark_and_the_others_run():
    """A failed stream ends the run with 1 and keeps its bookmark; the others run."""
    account = Account(contacts=30, deals=10)
    first = account.run(only=["crm_notes", "crm_contacts"])
    account.wait(hours=2)
    account.world.touch(3)
    account.world.faults.server_error("/api/3/notes", status=502, times=None)
    second = account.run(first.state, only=["crm_notes", "crm_contacts"], max_retry_seconds=30)
    assert second.code == 1
    assert second.ids("crm_contacts") == ["3"]
    before, after = first.state["bookmarks"], second.state["bookmarks"]
    assert after["crm_notes"] == before["crm_notes"]
    assert after["crm_contacts"] != before["crm_contacts"]


@pytest.mark.parametrize("fault", ["lapsed", "bad_key"])
def test_a_lapsed_account_or_a_bad_key_ends_the_run(fault):
    """A lapsed account or a bad key ends the run with one line, exit code 1 and the old state."""
    account = Account(contacts=30)
    first = account.run(only=["crm_contacts"])
    catalog = account.discover()
    account.wait(hours=2)
    if fault == "lapsed":
        account.world.faults.lapsed()
    else:
        account.world.api_key = "another"
    for entry in catalog.values():
        entry.metadata.root.selected = entry.tap_stream_id == "marketing_tags"
    second = account.run(first.state, catalog=catalog)
    assert second.code == 1
    assert "\n" not in second.line
    assert second.state == first.state


def test_the_summary_adds_up():
    """The rows read of each stream are emitted, suppressed or skipped with a reason."""
    account = Account(contacts=150, deals=40, accounts=20)
    first = account.run()
    account.wait(hours=1)
    account.world.touch(4)
    for ran in (first, account.run(first.state)):
        for name, stats in ran.tap._report.stats_by_stream.items():
            left_out = sum(stats.skipped.values())
            assert stats.read == stats.emitted + stats.suppressed + left_out, name
            assert stats.emitted == len(ran.records.get(name, [])), name
        total = sum(stats.requests for stats in ran.tap._report.stats_by_stream.values())
        assert total <= ran.requests


def test_the_grace_time_ends_with_the_run():
    """The timer of a stop signal does not interrupt later code in the process."""
    account = Account(contacts=250)
    stop_at(account, 1)
    assert account.run(only=["crm_contacts"]).code == 128 + signal.SIGTERM
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
