"""With --undo-creates an undo deletes created records that no other client uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.undo.decisions.value_decision import is_before
from tests.sandbox.rows_crm import ContactDeal
from tests.sandbox.tasks.planting import define_types
from tests.sandbox.tasks.rows import Task
from tests.target.runner import state_of, stream_of
from tests.target.undo.account import differences, reasons_of, truth_of

if TYPE_CHECKING:
    from tests.target.undo.account import UndoRunner


def test_created_records_are_deleted_only_if_that_is_asked_for(runner: UndoRunner) -> None:
    """Created records are deleted only with --undo-creates, up to max_deletes."""
    before = truth_of(runner.world)
    rows = [{"email": f"n{n}@shop.example", "first_name": "N"} for n in range(3)]
    runner.send_rows("crm_contacts", *rows)
    run = runner.last_run
    assert runner.undo(run).writes == []
    runner.undo(run, creates=True, max_deletes=2)
    assert len(differences(before, truth_of(runner.world))["contacts"]) == 1
    undone = runner.undo(run, creates=True, max_deletes=2)
    assert differences(before, truth_of(runner.world)) == {}
    assert undone.actions.count("updated") == 1


@pytest.mark.parametrize("count", [3, 12])
def test_a_created_contact_stays_once_another_client_uses_it(
    runner: UndoRunner, count: int
) -> None:
    """A created contact with a note, or with another address by now, is not deleted."""
    world = runner.world
    rows = [{"email": f"n{n}@shop.example", "first_name": "N"} for n in range(count)]
    runner.send_rows("crm_contacts", *rows, look_up_ids=True)
    run = runner.last_run
    noted, moved = (world.find_contact(rows[n]["email"]) for n in (0, 1))
    assert noted is not None
    assert moved is not None
    world.add_note("Subscriber", noted.id, "Call back on Monday")
    world.edit_contact(moved.id, email="moved@shop.example")
    undone = runner.undo(run, creates=True, max_deletes=100)
    assert world.find_contact("n0@shop.example") is not None
    assert world.find_contact("moved@shop.example") is not None
    assert undone.actions.count("updated") == count - 2
    assert len(list(world.tables["notes"].by("parent", ("Subscriber", noted.id)))) == 1


@pytest.mark.parametrize("what", ["another contact", "a task", "a task of the contact", "a deal"])
def test_what_others_attached_to_a_created_record_keeps_it(runner: UndoRunner, what: str) -> None:
    """A created deal or contact that another client attached something to is not deleted."""
    world = runner.world
    world.switches.tasks = "served"
    define_types(world)
    deal = {"name": "Big", "contact": [{"id": "1"}], "owner": {"id": "1"}, "stage": {"id": "1"}}
    run = runner.run(
        *stream_of("crm_contacts", {"email": "n0@shop.example"}),
        *stream_of("crm_opportunities", deal),
        state_of(1),
        **runner.settings,
    )
    contact, opportunity = (int(result["id"]) for result in run.results)
    now = world.now()
    if what == "another contact":
        world.tables["contactDeals"].insert(ContactDeal(2, opportunity, now, now))
    elif what == "a deal":
        world.tables["contactDeals"].insert(ContactDeal(contact, 1, now, now))
    else:
        owner = ("Subscriber", contact) if "contact" in what else ("Deal", opportunity)
        world.tables["dealTasks"].insert(Task(*owner, 1, now, now, now, now))
    undone = runner.undo(creates=True, max_deletes=10)
    kept = contact if what in {"a deal", "a task of the contact"} else opportunity
    [skipped] = [result for result in undone.results if result["action"] == "skipped"]
    assert skipped["id"] == str(kept)
    assert skipped["reason"].startswith("changed since")
    assert (contact in world.tables["contacts"]) == (kept == contact)
    assert (opportunity in world.tables["deals"]) == (kept == opportunity)


def test_a_contact_that_a_form_created_before_the_import_stays(runner: UndoRunner) -> None:
    """Of a contact that was created between the look-up and the import, the run is no creator."""
    world, answer = runner.world, runner.world.answer

    def answer_late(method: str, path: str, *arguments: Any, **named: Any) -> Any:
        if path.endswith("settings/account"):
            world.add_contact("n3@shop.example", firstName="N")
            runner.clock.sleep(60)
        return answer(method, path, *arguments, **named)

    world.answer = answer_late  # type: ignore[method-assign]
    rows = [{"email": f"n{n}@shop.example", "first_name": "N"} for n in range(12)]
    runner.send_rows("crm_contacts", *rows)
    world.answer = answer  # type: ignore[method-assign]
    runner.undo(creates=True, max_deletes=100)
    assert [n for n in range(12) if world.find_contact(f"n{n}@shop.example")] == [3]


@pytest.mark.parametrize(
    ("entity", "path", "what"),
    [
        ("contact", "/contacts/{id}/deals", "deals"),
        ("contact", "/contacts/{id}/contactDeals", "deals"),
        ("contact", "/contacts/{id}/notes", "notes"),
        ("contact", "/dealTasks", "tasks"),
        ("deal", "/deals/{id}/notes", "notes"),
        ("deal", "/deals/{id}/contactDeals", "contacts"),
        ("deal", "/dealTasks", "tasks"),
        ("account", "/accounts/{id}/notes", "notes"),
        ("account", "/accounts", "contacts and deals"),
    ],
)
@pytest.mark.parametrize("status", [403, 404])
def test_a_record_stays_if_its_attachments_cannot_be_read(
    runner: UndoRunner, entity: str, path: str, what: str, status: int
) -> None:
    """A created record is not deleted while the key may not read its deals, notes or tasks."""
    world = runner.world
    rows = {
        "contact": ("crm_contacts", {"email": "n0@shop.example", "first_name": "N"}),
        "deal": (
            "crm_opportunities",
            {"name": "Big", "contact": [{"id": "1"}], "owner": {"id": "1"}, "stage": {"id": "1"}},
        ),
        "account": ("crm_accounts", {"name": "Miller & Sons"}),
    }
    stream, row = rows[entity]
    [created] = runner.send_rows(stream, row).results
    run = runner.last_run
    native_id = int(created["id"])
    fault = world.faults.forbid if status == 403 else world.faults.not_found
    # The undo reads the account, its custom fields and its notes before the collection.
    after = 3 if path == "/accounts" else 0
    fault(path.format(id=native_id), None, method="GET", after=after)
    undone = runner.undo(creates=True, max_deletes=10)
    world.faults.clear()
    assert native_id in world.tables[f"{entity}s"]
    reason = f"not deleted: the target cannot read its {what} (HTTP {status})"
    assert reasons_of(undone)["created"] == {f"skipped: {reason}"}
    runner.undo(run, creates=True, max_deletes=10)
    assert native_id not in world.tables[f"{entity}s"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_record_that_the_key_may_not_read_is_neither_deleted_nor_gone(
    runner: UndoRunner, status: int
) -> None:
    """A record that the undo may not read has the refusal as result. The other records go on."""
    names = ("Miller & Sons", "Smith & Sons")
    results = runner.send_rows("crm_accounts", *({"name": name} for name in names)).results
    run, ids = runner.last_run, [int(result["id"]) for result in results]
    fault = runner.world.faults.forbid if status == 403 else runner.world.faults.not_found
    fault(f"/accounts/{ids[0]}", None, method="GET")
    undone = runner.undo(run, creates=True, max_deletes=10)
    assert [native_id in runner.world.tables["accounts"] for native_id in ids] == [True, False]
    refused = {
        (result["action"], result["reason"].startswith("ActiveCampaign refused"))
        for result in undone.results
        if result["key"]["name"] == names[0]
    }
    assert refused == {("rejected", True)}


def test_a_task_beyond_the_first_page_keeps_a_contact(runner: UndoRunner) -> None:
    """Where ActiveCampaign ignores the filter of tasks, the undo looks at all tasks."""
    world = runner.world
    world.switches.tasks = "served"
    define_types(world)
    [created] = runner.send_rows("crm_contacts", {"email": "n0@shop.example"}).results
    contact, now = int(created["id"]), world.now()
    for owner in (*[1] * 120, contact):
        world.tables["dealTasks"].insert(Task("Subscriber", owner, 1, now, now, now, now))
    world.faults.deaf("filters")
    runner.undo(creates=True, max_deletes=10)
    assert contact in world.tables["contacts"]


def test_a_creation_time_that_cannot_be_read_proves_no_earlier_record() -> None:
    """The target does not stop at a creation time that cannot be read, nor calls it earlier."""
    assert is_before("2031-01-15T08:00:00-06:00", 2e9)
    assert not is_before("soon", 2e9)
