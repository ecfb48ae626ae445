"""An answer of 200 or 201 that lacks the record proves no write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

WHO = {"email": "lea@harbour.example"}
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "accounts": ("crm_accounts", {"name": "Fresh"}),
    "tags": ("marketing_tags", {"name": "Fresh"}),
    "lists": ("marketing_segments", {"name": "Fresh"}),
    "dealGroups": ("crm_pipelines", {"name": "Fresh", "currency": "USD"}),
    "notes": ("crm_notes", {"content": "Fresh", "contact": WHO}),
    "contacts": ("crm_contacts", {"email": "fresh@harbour.example", "first_name": "Fresh"}),
    "deals": (
        "crm_opportunities",
        {"name": "Fresh", "amount": 1, "currency": "USD", "contact": WHO, "stage": {"name": "New"}},
    ),
}


def send(runner: TargetRunner, table: str) -> list[str]:
    """Send the row twice, the second time as a new delivery, and return the actions of both."""
    stream, row = ROWS[table]
    return runner.send(stream, row).actions + runner.send(stream, row).actions


def prepare(runner: TargetRunner) -> None:
    """Add the records that the rows refer to."""
    runner.world.add_contact(WHO["email"])
    runner.world.add_stage("New", runner.world.add_pipeline("Sales").id)


def replace(document: dict[str, Any], answer: dict[str, Any]) -> None:
    """Replace a document by an answer."""
    document.clear()
    document.update(answer)


@pytest.mark.parametrize("table", ROWS)
def test_a_complaint_in_place_of_the_record_is_not_a_write(
    runner: TargetRunner, table: str
) -> None:
    """A 200 with a message alone, of a request that was not processed, is no success."""
    prepare(runner)
    before = len(list(runner.world.tables[table]))
    path = "/contact/sync" if table == "contacts" else f"/{table}"
    runner.world.faults.complaint_200(path, method="POST")
    assert send(runner, table) == ["created", "unchanged"]
    assert len(list(runner.world.tables[table])) == before + 1


@pytest.mark.parametrize("answer", [{}, {"errors": [{"message": "late"}], "data": None}])
@pytest.mark.parametrize("table", ["accounts", "deals", "notes", "tags"])
def test_a_create_whose_answer_has_no_id_is_looked_for(
    runner: TargetRunner, table: str, answer: dict[str, Any]
) -> None:
    """A create that was processed and answered without the record is not sent again."""
    prepare(runner)
    before = len(list(runner.world.tables[table]))
    faults = runner.world.faults
    faults.rewrite(f"/{table}", lambda response: replace(response, answer), times=1, method="POST")
    assert send(runner, table) == ["created", "unchanged"]
    assert len(list(runner.world.tables[table])) == before + 1


def test_a_change_that_was_answered_with_a_complaint_is_sent_again(runner: TargetRunner) -> None:
    """A PUT that is answered with a message alone is repeated until the record is in the answer."""
    contact = runner.world.add_contact(WHO["email"])
    runner.world.faults.complaint_200("/contacts", method="PUT")
    run = runner.send("crm_contacts", {"id": str(contact.id), "first_name": "Lea"})
    assert run.actions == ["updated"]
    (same,) = (row for row in runner.world.tables["contacts"] if row.id == contact.id)
    assert same.firstName == "Lea"


def test_an_import_without_a_batch_in_its_answer_is_sent_again(runner: TargetRunner) -> None:
    """A batch that was answered with a message alone was not taken."""
    runner.world.faults.complaint_200("/import/bulk_import", method="POST")
    rows = [{"email": f"p{number}@warehouse.example"} for number in range(12)]
    run = runner.send("crm_contacts", *rows)
    assert set(run.actions) <= {"created", "updated"}
    emails = [contact.email for contact in runner.world.tables["contacts"]]
    assert {row["email"] for row in rows} <= set(emails)
