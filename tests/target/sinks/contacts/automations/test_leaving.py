"""Contacts leave an automation by a row, and enter again only after they left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.target.sinks.contacts.automations.account import EMAIL, Account

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize("alone", [False, True])
def test_a_contact_that_another_client_enrolled_does_not_enter_again(
    account: Account, *, is_over: bool, alone: bool
) -> None:
    """A contact that another client enrolled does not enter again until a row leaves."""
    person = account.world.add_contact(EMAIL)
    enrolment = account.world.enrol(person.id, account.dunning.id)
    if is_over:
        account.world.end_enrolment(enrolment.id)
    row = {"email": EMAIL, "automations": ["Dunning"]} | ({} if alone else {"first_name": "Ada"})
    run = account.send(row)
    assert run.actions == ["unchanged" if alone else "updated"]
    assert "is or was in it" in run.reason()
    account.send({**row, "last_name": "Lovelace"}, force=True)
    assert account.entered() == 1
    account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    account.send(row)
    assert account.entered() == 2


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("left", ["removed", "ended"])
def test_a_contact_that_left_by_a_row_may_enter_once_more(
    make_runner: Callable[..., TargetRunner], left: str, status: int
) -> None:
    """After a row leaves, a row may enter once more, and not a third time."""
    account = Account(
        make_runner(
            contacts=0, deals=0, accounts=0, left_enrolment=left, no_enrolment_status=status
        )
    )
    enter = {"email": EMAIL, "automations": ["Dunning"]}
    leave = {"email": EMAIL, "leave_automations": ["Dunning"]}
    account.send(enter)
    run = account.send(leave)
    assert run.actions == ["updated"]
    assert run.report["automations"] == {"entered": {}, "left": {"Dunning": 1}}
    again = account.send(leave, force=True)
    assert (again.actions, again.writes) == (["unchanged"], [])
    assert account.send(enter).actions == ["updated"]
    for row in (enter, {**enter, "first_name": "Ada"}):
        account.send(row, force=True)
    assert account.entered() == 2


@pytest.mark.parametrize("left", ["removed", "ended"])
def test_an_enrolment_after_a_leave_counts(
    make_runner: Callable[..., TargetRunner], left: str
) -> None:
    """An enrolment after the leave counts, by any client, active or completed."""
    account = Account(make_runner(contacts=0, deals=0, accounts=0, left_enrolment=left))
    account.send({"email": EMAIL, "automations": ["Dunning"]})
    account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    person = account.world.find_contact(EMAIL)
    account.world.end_enrolment(account.world.enrol(person.id, account.dunning.id).id)
    account.send({"email": EMAIL, "automations": ["Dunning"]})
    assert account.entered() == 2


@pytest.mark.parametrize("left", ["removed", "ended"])
@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("fault", ["reset_after_apply", "truncated_json", "late_trouble"])
def test_leaving_whose_answer_was_lost_is_done(
    make_runner: Callable[..., TargetRunner], left: str, status: int, fault: str
) -> None:
    """A leave whose answer is lost is done: the 404 of its retry is no refusal."""
    account = Account(
        make_runner(
            contacts=0, deals=0, accounts=0, left_enrolment=left, no_enrolment_status=status
        )
    )
    account.send({"email": EMAIL, "automations": ["Dunning"]})
    getattr(account.world.faults, fault)("/contactAutomations", method="DELETE")
    run = account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    assert (run.code, run.actions) == (0, ["updated"])
    assert not run.reason()


def test_a_refused_leave_is_a_reason_and_permits_no_enrolment(account: Account) -> None:
    """After a refused leave the contact is still enrolled and does not enter again."""
    account.send({"email": EMAIL, "automations": ["Dunning"]})
    account.world.faults.forbid("/contactAutomations", method="DELETE")
    run = account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    assert (run.code, run.actions) == (0, ["skipped"])
    assert "does not let this key" in run.reason()
    account.world.faults.clear()
    account.send({"email": EMAIL, "automations": ["Dunning"]}, force=True)
    assert account.entered() == 1


def test_leaving_takes_out_of_every_run_through_it(account: Account) -> None:
    """A leave ends both enrolments of a contact, and none of another contact."""
    w = account.world
    people = [w.add_contact(EMAIL), w.add_contact("bob@shop.example")]
    for person in people:
        for _ in range(2):
            w.enrol(person.id, account.dunning.id)
        w.enrol(person.id, account.nurture.id)
    account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    left = [(row.contact, row.automation) for row in w.tables["contactAutomations"]]
    assert left.count((people[0].id, account.dunning.id)) == 0
    assert left.count((people[0].id, account.nurture.id)) == 1
    assert left.count((people[1].id, account.dunning.id)) == 2


def test_a_leave_of_an_unknown_address_creates_no_contact(account: Account) -> None:
    """A leave for an unknown address creates no contact."""
    run = account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    assert run.actions == ["skipped"]
    assert account.world.find_contact(EMAIL) is None


def test_in_one_batch_the_later_row_wins(account: Account) -> None:
    """In one batch, leave then enter keeps a contact in; enter then leave takes it out."""
    account.send({"email": EMAIL, "automations": ["Dunning"]})
    enter = {"email": EMAIL, "automations": ["Dunning"]}
    leave = {"email": EMAIL, "leave_automations": ["Dunning"]}
    run = account.send(leave, enter)
    assert run.actions == ["unchanged", "unchanged"]
    assert len(list(account.world.tables["contactAutomations"])) == 1
    assert account.entered() == 1
    run = account.send({**enter, "first_name": "Ada"}, leave)
    assert "a later row of this contact" in run.reason(1)
    assert not list(account.world.tables["contactAutomations"])
    assert account.entered() == 1


def test_a_leave_finds_a_contact_that_was_created_again(account: Account) -> None:
    """A leave finds a contact by address if the ledger's id was deleted."""
    account.send({"email": EMAIL, "automations": ["Dunning"]})
    account.world.delete_contact(account.world.find_contact(EMAIL).id)
    again = account.world.add_contact(EMAIL)
    account.world.enrol(again.id, account.dunning.id)
    run = account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    assert run.actions == ["updated"]
    assert not list(account.world.tables["contactAutomations"])
