"""Contacts that may not enter an automation do not enter, and the results give the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.target.sinks.contacts.automations.account import EMAIL, Account


def test_no_contact_enters_without_allow_automations(account: Account) -> None:
    """Without allow_automations the rest is written; once allowed, those rows alone are sent."""
    rows = [
        {"email": EMAIL, "first_name": "Ada", "automations": ["Dunning"]},
        {"email": "bob@shop.example", "automations": ["Dunning"]},
        {"email": "eve@shop.example", "first_name": "Eve"},
        {"email": "kim@shop.example", "leave_automations": ["Dunning"]},
    ]
    run = account.send(*rows, allow_automations=False)
    assert run.actions == ["created", "skipped", "created", "skipped"]
    assert all("allow_automations" in run.reason(n) for n in (1, 2, 4))
    assert not account.calls
    assert not [path for _, path in run.requests if "utomation" in path]
    assert account.send(*rows[::2], allow_automations=False).requests == []
    run = account.send(*rows)
    assert run.actions == ["updated", "created", "unchanged", "skipped"]
    assert (account.entered(), account.entered("bob@shop.example")) == (1, 1)


def test_run_automations_false_enters_no_contact(account: Account) -> None:
    """With run_automations false no contact enters, whatever allow_automations is."""
    run = account.send(
        {"email": EMAIL, "first_name": "Ada", "automations": ["Dunning"]}, run_automations=False
    )
    assert run.actions == ["created"]
    assert "run_automations" in run.reason()
    assert not account.calls
    assert account.entered() == 0


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"automations": ["Dunnning"]}, "no automation with this name"),
        ({"leave_automations": ["Dunnning"]}, "no automation with this name"),
        ({"automations": [{"id": "999"}]}, "no automation with this id"),
        ({"automations": ["Twice"]}, "give the id, one of 8, 9"),
        ({"automations": ["Dunning"], "leave_automations": ["dunning"]}, "enters and leaves"),
        ({"automations": "Dunning"}, "must be an array"),
        ({"automations": [7]}, "must hold names or objects"),
        ({"automations": '["Dunning"'}, "begins like an array"),
    ],
)
def test_a_row_that_names_no_automation_is_rejected_whole(
    account: Account, row: dict[str, Any], why: str
) -> None:
    """A row with an unknown automation is rejected before any part of it is written."""
    made = [account.world.add_automation("Twice") for _ in range(2)]
    why = why.replace("8, 9", f"{made[0].id}, {made[1].id}")
    run = account.send({"email": EMAIL, "first_name": "Ada", "tags": ["new"], **row})
    assert run.actions == ["rejected"]
    assert why in run.reason()
    assert run.writes == []


@pytest.mark.parametrize("status", [0, 2])
def test_an_inactive_automation_is_a_reason_and_is_tried_again(
    account: Account, status: int
) -> None:
    """With an inactive automation the rest is written; once it is active, the row enters."""
    account.world.tables["automations"].change(account.off, status=status)
    row = {"email": EMAIL, "first_name": "Ada", "automations": ["Summer sale"]}
    run = account.send(row)
    assert run.actions == ["created"]
    assert "not active" in run.reason()
    alone = {"email": "bob@shop.example", "automations": ["Summer sale"]}
    assert account.send(alone).actions == ["skipped"]
    assert account.world.find_contact("bob@shop.example") is None
    assert not account.calls
    account.world.tables["automations"].change(account.off, status=1)
    account.send(row)
    assert account.entered(automation=account.off) == 1


def test_an_unfinished_contact_does_not_enter(account: Account) -> None:
    """A contact of which a part was left out does not enter: a mail would lack that part."""
    row = {"email": EMAIL, "custom_fields": {"invoice": "R-7"}, "automations": ["Dunning"]}
    run = account.send({**row, "first_name": "Ada"})
    assert "rest of the row" in run.reason()
    assert account.entered() == 0
    account.world.add_field("Invoice")
    account.send({**row, "first_name": "Ada"})
    assert account.entered() == 1


@pytest.mark.parametrize("spoiled", [("POST", "/contactAutomations"), ("GET", "/automations")])
def test_without_the_permission_to_enrol_the_rest_is_written(
    account: Account, spoiled: tuple[str, str]
) -> None:
    """Without the permission to enrol, the rest is written with a reason; later the rows enter."""
    method, prefix = spoiled
    rows = [
        {"email": f"p{n}@shop.example", "first_name": "P", "automations": ["Dunning"]}
        for n in range(5)
    ]
    rows.append({"email": "q@shop.example", "automations": ["Dunning"]})
    account.world.faults.forbid(prefix, method=method)
    run = account.send(*rows)
    assert run.code == 0
    assert set(run.actions[:5]) == {"created"}
    assert all("does not let this key" in run.reason(n) for n in range(1, 7))
    posts = [path for m, path in run.requests if (m, path) == ("POST", "contactAutomations")]
    assert len(posts) < 15  # the first is retried for some time; the others are not sent
    account.world.faults.clear()
    account.send(*rows)
    assert {account.entered(row["email"]) for row in rows} == {1}


@pytest.mark.parametrize("status", [403, 422])
def test_one_contact_that_is_not_taken_in_keeps_out_no_other(account: Account, status: int) -> None:
    """A refusal of one contact, by 403 or 422, stops no other contact; a later run retries it."""
    account.world.switches.refused_enrolment_status = status
    rows = [
        {"email": f"p{n}@shop.example", "first_name": "P", "automations": ["Dunning"]}
        for n in range(3)
    ]

    def refuse(world: Any, method: str, path: str, query: Any) -> None:
        entry = world.log[-1]
        if (method, path) == ("POST", "/api/3/contactAutomations"):
            person = world.find_contact("p1@shop.example")
            sent = json.loads(entry.body)["contactAutomation"]
            account.dunning.status = 2 if person and sent["contact"] == str(person.id) else 1

    account.world.before_request(refuse)
    run = account.send(*rows)
    assert "did not enter the contact" in run.reason(2)
    assert [account.entered(row["email"]) for row in rows] == [1, 0, 1]
    account.world.hooks.clear()
    account.dunning.status = 1
    account.send(*rows)
    assert [account.entered(row["email"]) for row in rows] == [1, 1, 1]


@pytest.mark.usefixtures("long_combinations")
@pytest.mark.parametrize("status", [2, 3])
def test_a_contact_that_left_every_list_does_not_enter(account: Account, status: int) -> None:
    """A contact that opted out and is active on no list does not enter, except by resubscribe."""
    w = account.world
    news, offers = w.add_list("News"), w.add_list("Offers")
    people = [w.add_contact(f"p{n}@shop.example") for n in range(3)]
    for person in people:
        w.subscribe(person.id, news.id, status)
    w.subscribe(people[1].id, offers.id, 1)
    w.subscribe(people[2].id, offers.id, 0)
    rows = [{"email": person.email, "automations": ["Dunning"]} for person in people]
    run = account.send(*rows)
    assert run.actions == ["skipped", "updated", "skipped"]
    assert "resubscribe" in run.reason()
    assert [account.entered(person.email) for person in people] == [0, 1, 0]
    account.send(*rows, resubscribe=True)
    assert [account.entered(person.email) for person in people] == [1, 1, 1]
