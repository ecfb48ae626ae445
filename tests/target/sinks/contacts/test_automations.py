"""Contacts enter an automation by name, once, by the sandbox's own count of enrolments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import Run, TargetRunner

EMAIL = "ada@shop.example"
ON: dict[str, Any] = {"allow_automations": True}


class Account:
    """A runner's account with an active and an inactive automation, and a way to send rows."""

    def __init__(self, runner: TargetRunner) -> None:
        """Create the automations, and a field for a score."""
        self.runner, self.world = runner, runner.world
        self.dunning = self.world.add_automation("Dunning")
        self.nurture = self.world.add_automation("Nurture")
        self.off = self.world.add_automation("Summer sale", status=2)
        self.world.add_field("Score")

    def send(self, *records: dict[str, Any], **settings: Any) -> Run:
        """Send rows of contacts, with automations allowed."""
        run = self.runner.send("crm_contacts", *records, **{**ON, **settings})
        assert len(run.results) == len(records)
        return run

    def entered(self, email: str = EMAIL, automation: Any = None) -> int:
        """Return how often a contact was enrolled in an automation."""
        person = self.world.find_contact(email)
        automation_id = (automation or self.dunning).id
        return self.world.enrolled(person.id, automation_id) if person else 0

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The write requests about enrolments."""
        found = [
            (request.method, request.path.removeprefix("/api/3/")) for request in self.world.log
        ]
        return [
            request
            for request in found
            if request[1].startswith("contactAutomations") and request[0] != "GET"
        ]


@pytest.fixture
def account(make_runner: Callable[..., TargetRunner]) -> Account:
    """An account without contacts."""
    return Account(make_runner(contacts=0, deals=0, accounts=0))


# --- entering -------------------------------------------------------------------------------------


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
    given = form(account) if callable(form) else form
    run = account.send({"email": EMAIL, "automations": given})
    assert (run.code, run.actions) == (0, ["created"])
    assert account.entered() == 1
    assert run.report["automations"] == {"entered": {"Dunning": 1}, "left": {}}


@pytest.mark.parametrize("nothing", [None, [], "", "[]", [""]])
def test_nothing_named_is_nothing_asked(account: Account, nothing: Any) -> None:
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


# --- what is left out -----------------------------------------------------------------------------


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


# --- earlier enrolments, and leaving --------------------------------------------------------------


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize("alone", [False, True])
def test_a_contact_that_another_client_enrolled_does_not_enter_again(
    account: Account, *, is_over: bool, alone: bool
) -> None:
    """A contact that another client enrolled does not enter again until a row leaves."""
    person = account.world.add_contact(EMAIL)
    there = account.world.enrol(person.id, account.dunning.id)
    if is_over:
        account.world.end_enrolment(there.id)
    row = {"email": EMAIL, "automations": ["Dunning"]} | ({} if alone else {"first_name": "Ada"})
    run = account.send(row)
    assert run.actions == ["unchanged" if alone else "updated"]
    assert "is or was in it" in run.reason()
    account.send({**row, "last_name": "Lovelace"}, force=True)
    assert account.entered() == 1
    account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    account.send(row)
    assert account.entered() == 2


@pytest.mark.parametrize("gone", [403, 404])
@pytest.mark.parametrize("left", ["removed", "ended"])
def test_a_contact_that_left_by_a_row_may_enter_once_more(
    make_runner: Callable[..., TargetRunner], left: str, gone: int
) -> None:
    """After a row leaves, a row may enter once more, and not a third time."""
    account = Account(
        make_runner(contacts=0, deals=0, accounts=0, left_enrolment=left, no_enrolment_status=gone)
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
@pytest.mark.parametrize("gone", [403, 404])
@pytest.mark.parametrize("fault", ["reset_after_apply", "truncated_json", "late_trouble"])
def test_leaving_whose_answer_was_lost_is_done(
    make_runner: Callable[..., TargetRunner], left: str, gone: int, fault: str
) -> None:
    """A leave whose answer is lost is done: the 404 of its retry is no refusal."""
    account = Account(
        make_runner(contacts=0, deals=0, accounts=0, left_enrolment=left, no_enrolment_status=gone)
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


def test_a_leave_finds_a_contact_that_was_created_again(account: Account) -> None:
    """A leave finds a contact by address if the ledger's id was deleted."""
    account.send({"email": EMAIL, "automations": ["Dunning"]})
    account.world.delete_contact(account.world.find_contact(EMAIL).id)
    again = account.world.add_contact(EMAIL)
    account.world.enrol(again.id, account.dunning.id)
    run = account.send({"email": EMAIL, "leave_automations": ["Dunning"]})
    assert run.actions == ["updated"]
    assert not list(account.world.tables["contactAutomations"])


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


# --- dry run and limits ---------------------------------------------------------------------------


@pytest.mark.parametrize("others", [0, 12])
def test_a_dry_run_counts_who_would_enter_and_leave(account: Account, others: int) -> None:
    """A dry run counts contacts that would enter or leave, by automation.

    It leaves out contacts that are or were enrolled, and those that left every list.
    """
    w = account.world
    news = w.add_list("News")
    inside, outside, gone = (w.add_contact(f"{name}@shop.example") for name in ("i", "o", "g"))
    w.enrol(inside.id, account.dunning.id)
    w.enrol(outside.id, account.nurture.id)
    w.subscribe(gone.id, news.id, 2)
    rows = [
        {"email": inside.email, "automations": ["Dunning"]},
        {
            "email": outside.email,
            "automations": ["Dunning"],
            "leave_automations": ["Nurture"],
        },
        {"email": gone.email, "automations": ["Dunning"]},
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
