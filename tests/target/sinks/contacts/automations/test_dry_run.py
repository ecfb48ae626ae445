"""Dry runs count the contacts that would enter or leave; max_changes limits enrolments."""

from __future__ import annotations

import pytest

from tests.target.sinks.contacts.automations.account import EMAIL, Account


@pytest.mark.parametrize("others", [0, 12])
def test_a_dry_run_counts_who_would_enter_and_leave(account: Account, others: int) -> None:
    """A dry run counts contacts that would enter or leave, by automation.

    It leaves out contacts that are or were enrolled, and those that left every list.
    """
    w = account.world
    news = w.add_list("News")
    inside, outside, opted_out = (w.add_contact(f"{name}@shop.example") for name in ("i", "o", "g"))
    w.enrol(inside.id, account.dunning.id)
    w.enrol(outside.id, account.nurture.id)
    w.subscribe(opted_out.id, news.id, 2)
    rows = [
        {"email": inside.email, "automations": ["Dunning"]},
        {
            "email": outside.email,
            "automations": ["Dunning"],
            "leave_automations": ["Nurture"],
        },
        {"email": opted_out.email, "automations": ["Dunning"]},
        {"email": "new@shop.example", "automations": ["Dunning", "Nurture"]},
        *[
            {"email": f"n{n}@shop.example", "first_name": "N", "automations": ["Dunning"]}
            for n in range(others)
        ],
    ]
    dry = account.send(*rows, dry_run=True)
    assert dry.code == 0
    assert dry.writes == []
    plan = dry.report["plan"]
    assert plan["enters"] == {"Dunning": 2 + others, "Nurture": 1}
    assert plan["leaves"] == {"Nurture": 1}
    assert plan["by_endpoint"]["POST contactAutomations"] == 3 + others
    assert dry.report["automations"] == {"entered": {}, "left": {}}
    run = account.send(*rows)
    assert run.report["automations"] == {"entered": plan["enters"], "left": plan["leaves"]}
    again = account.send(*rows, dry_run=True, force=True)
    assert (again.report["plan"]["enters"], again.report["plan"]["leaves"]) == ({}, {})


def test_a_dry_run_counts_a_person_of_two_batches_once(account: Account) -> None:
    """A dry run counts a person of two batches once, without writing to the ledger."""
    account.world.add_contact(EMAIL)
    account.runner.batch_rows = 1
    rows = [{"email": EMAIL, "first_name": name, "automations": ["Dunning"]} for name in "AB"]
    assert account.send(*rows, dry_run=True).report["plan"]["enters"] == {"Dunning": 1}


def test_max_changes_lets_no_more_people_in(account: Account) -> None:
    """Rows beyond max_changes enter in a later run; no contact enters twice."""
    rows = [{"email": f"p{n}@shop.example", "automations": ["Dunning"]} for n in range(6)]
    run = account.send(*rows, max_changes=2)
    assert run.code == 1
    assert run.actions.count("created") == 2
    assert sum(account.entered(row["email"]) for row in rows) == 2
    account.send(*rows, max_changes=2)
    assert sum(account.entered(row["email"]) for row in rows) == 4
    account.send(*rows)
    assert [account.entered(row["email"]) for row in rows] == [1] * 6
