"""Contacts enter an automation by name, once, by the sandbox's own count of enrolments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.target.sinks.contacts.automations.account import EMAIL, ON, Account


@pytest.mark.parametrize(
    "form",
    [
        ["Dunning"],
        [" dunning "],
        '["Dunning"]',
        [{"name": "Dunning"}],
        '[{"name": "DUNNING"}]',
        lambda account: [{"id": str(account.dunning.id)}],
        lambda account: json.dumps([{"id": account.dunning.id}]),
    ],
    ids=["name", "case", "text", "object", "objects as text", "id", "id as text"],
)
def test_automations_are_named_as_tags_are(account: Account, form: Any) -> None:
    """An automation is named by name in any case, by id, as object, array or its JSON text."""
    automations = form(account) if callable(form) else form
    run = account.send({"email": EMAIL, "automations": automations})
    assert (run.code, run.actions) == (0, ["created"])
    assert account.entered() == 1
    assert run.report["automations"] == {"entered": {"Dunning": 1}, "left": {}}


@pytest.mark.parametrize("nothing", [None, [], "", "[]", [""]])
def test_a_row_without_automations_reads_none(account: Account, nothing: Any) -> None:
    """A row without automations writes its contact and does not read automations."""
    row = {"email": EMAIL, "automations": nothing, "leave_automations": nothing}
    run = account.send(row)
    assert run.actions == ["created"]
    assert not run.reason()
    assert not [path for _, path in run.requests if "utomation" in path]


def test_a_row_enters_once_whatever_is_sent_again(account: Account) -> None:
    """A row that is sent again, unchanged, changed, with force or another key, enrols once."""
    row = {"email": EMAIL, "custom_fields": {"score": 1}, "automations": ["Dunning"]}
    account.send(row)
    assert account.send(row).requests == []
    for again in ({"custom_fields": {"score": 2}}, {"first_name": "Ada"}, {"last_name": "L"}):
        run = account.send({**row, **again})
        assert run.actions == ["updated"]
        assert "entered before" in run.reason()
        assert not [path for _, path in run.requests if "contactAutomations" in path]
    account.send(row, force=True)
    account.runner.send("marketing_contacts", row, **ON)
    person = account.world.find_contact(EMAIL)
    account.send({"id": str(person.id), "automations": ["Dunning"]}, force=True)
    assert account.entered() == 1


def test_a_row_that_only_enters_touches_nothing_else(account: Account) -> None:
    """An existing contact takes one read of contact, enrolments and lists each, and one write."""
    account.world.add_contact(EMAIL)
    before = account.world.find_contact(EMAIL).udate
    account.runner.clock.sleep(60)
    run = account.send({"email": EMAIL, "automations": ["Dunning"]})
    assert run.actions == ["updated"]
    assert run.writes == [("POST", "contactAutomations")]
    assert account.world.find_contact(EMAIL).udate == before
    again = account.send({"email": EMAIL, "automations": ["Dunning"]}, force=True)
    assert (again.actions, again.writes) == (["unchanged"], [])


def test_the_sequence_finds_the_contact_finished(account: Account) -> None:
    """A contact enters after all its other parts are written, and leaves before them."""
    w = account.world
    w.add_list("Readers")
    person = w.add_contact(EMAIL)
    w.tag(person.id, w.add_tag("old").id)
    w.enrol(person.id, account.nurture.id)
    account.send(
        {
            "email": EMAIL,
            "first_name": "Ada",
            "custom_fields": {"score": 7},
            "tags": ["vip"],
            "remove_tags": ["old"],
            "segments": ["Readers"],
            "account": {"name": "Fjord"},
            "title": "CFO",
            "automations": ["Dunning"],
            "leave_automations": ["Nurture"],
        }
    )
    writes = [
        (request.method, request.path.removeprefix("/api/3/").split("/")[0])
        for request in w.log
        if request.method != "GET"
    ]
    assert writes[-2:] == [("DELETE", "contactAutomations"), ("POST", "contactAutomations")]
    assert {"contactTags", "contactLists", "accountContacts"} <= {path for _, path in writes[:-2]}
    assert (account.entered(), account.entered(automation=account.nurture)) == (1, 1)


def test_people_of_an_import_enter_once_their_import_is_over(account: Account) -> None:
    """30 new and 30 known contacts of an import enter once each, and the results say so."""
    for n in range(30):
        account.world.add_contact(f"p{n}@shop.example")
    rows = [
        {"email": f"p{n}@shop.example", "first_name": f"P{n}", "automations": ["Dunning"]}
        for n in range(60)
    ]
    run = account.send(*rows)
    assert run.code == 0
    assert ("POST", "import/bulk_import") in run.writes
    assert {account.entered(row["email"]) for row in rows} == {1}
    assert set(run.actions) <= {"created", "updated"}
    assert run.report["automations"]["entered"] == {"Dunning": 60}
    assert account.send(*rows).requests == []
    changed = [{**row, "first_name": "New"} for row in rows]
    run = account.send(*changed)
    assert set(run.actions) == {"updated"}
    # The ledger has all their ids: one request finds out whether they have their addresses still.
    looks = [path for method, path in run.requests if method == "GET"]
    assert set(looks) <= {"automations", "contacts", "import/info", "import/bulk_import"}
    assert looks.count("contacts") == 1
    assert {account.entered(row["email"]) for row in rows} == {1}


def test_an_excluded_contact_does_not_enter(account: Account) -> None:
    """A contact on the exclusion list is not created, and its result says that it did not enter."""
    account.world.excluded_emails.add("p3@shop.example")
    rows = [
        {"email": f"p{n}@shop.example", "first_name": "P", "automations": ["Dunning"]}
        for n in range(12)
    ]
    run = account.send(*rows)
    assert "the importer did not accept this contact" in run.reason(4)
    assert [account.entered(row["email"]) for row in rows] == [1] * 3 + [0] + [1] * 8


def test_several_automations_of_one_row(account: Account) -> None:
    """A row with several automations enters each once."""
    account.send({"email": EMAIL, "automations": ["Dunning"]})
    run = account.send({"email": EMAIL, "automations": ["Dunning", "Nurture"]})
    assert run.actions == ["updated"]
    assert (account.entered(), account.entered(automation=account.nurture)) == (1, 1)


def test_rows_of_one_person_in_one_batch_enter_once(account: Account) -> None:
    """Two rows of one person in a batch enter once, also if one names the person by id."""
    person = account.world.add_contact(EMAIL)
    rows = [
        {"email": EMAIL, "automations": ["Dunning"]},
        {"email": EMAIL.upper(), "first_name": "Ada", "automations": ["dunning"]},
        {"id": str(person.id), "automations": [{"id": str(account.dunning.id)}]},
    ]
    account.send(*rows)
    assert account.entered() == 1


@pytest.mark.parametrize("rows", [1, 12])
def test_a_contact_that_was_created_again_enters(account: Account, rows: int) -> None:
    """A contact that was deleted and created again has another id, and enters."""
    people = [
        {"email": f"p{n}@shop.example", "first_name": "P", "automations": ["Dunning"]}
        for n in range(rows)
    ]
    account.send(*people)
    for row in people:
        account.world.delete_contact(account.world.find_contact(row["email"]).id)
    run = account.send(*[{**row, "first_name": "Q"} for row in people])
    assert run.code == 0
    assert {account.entered(row["email"]) for row in people} == {1}


def test_ids_of_another_account_say_nothing(account: Account) -> None:
    """An automation with another account's id is found by its name."""
    automation_id = str(account.dunning.id)
    run = account.send(
        {"email": EMAIL, "automations": [{"id": automation_id}]}, source_ids="foreign"
    )
    assert run.actions == ["rejected"]
    ref = {"id": str(account.off.id), "name": "Dunning"}
    account.send({"email": EMAIL, "automations": [ref]}, source_ids="foreign")
    assert account.entered() == 1
