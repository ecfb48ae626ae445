"""Deletes of deals and notes without an id: what finds the record, and what the result says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner

DELETED = {"_sdc_deleted_at": "2031-01-01"}
ALLOWED = {"delete_mode": "delete", "max_deletes": 5}
KEYED = ALLOWED | {"opportunity_external_id_field": "Order number"}
NOT_WRITTEN_HERE = "the ledger does not know the record; give its id to delete it"


@pytest.fixture
def shop(make_runner: Callable[..., TargetRunner]) -> TargetRunner:
    """Return an account with two deals that another client wrote, with keys of ours."""
    runner = make_runner(deals=0)
    world = runner.world
    pipeline = world.add_pipeline("Orders")
    world.add_stage("Open", pipeline.id)
    world.add_custom_field("deal", "Order number", "text")
    world.add_contact("buyer@shop.example")
    for key in ("A-1", "A-2"):
        runner.send("crm_opportunities", order(key), opportunity_external_id_field="Order number")
    for ledger in runner.folder.glob("ledger.sqlite*"):
        ledger.unlink()
    return runner


def order(key: str) -> dict[str, Any]:
    """Return a row of a deal."""
    return {
        "external_id": key,
        "name": "Pallet",
        "amount": 450,
        "currency": "EUR",
        "contact": {"email": "buyer@shop.example"},
        "pipeline": {"name": "Orders"},
    }


def deals_left(runner: TargetRunner) -> int:
    """Return the number of deals in the account."""
    return len(list(runner.world.tables["deals"]))


def test_a_deal_that_the_ledger_does_not_know_is_deleted_by_its_external_id(
    shop: TargetRunner,
) -> None:
    """A delete finds a deal by its external id, as a write does."""
    run = shop.send("crm_opportunities", {"external_id": "a-1"} | DELETED, **KEYED)
    assert (run.actions, run.reason()) == (["updated"], "deleted")
    assert deals_left(shop) == 1
    again = shop.send("crm_opportunities", {"external_id": "A-1"} | DELETED, **KEYED)
    assert (again.actions, again.reason()) == (["skipped"], "deleted already")


def test_an_external_id_of_two_deals_deletes_neither(shop: TargetRunner) -> None:
    """A delete whose external id several deals have is rejected."""
    keys = shop.world.tables["dealCustomFieldData"]
    for row in keys:
        keys.change(row, fieldValue="A-9")
    run = shop.send("crm_opportunities", {"external_id": "A-9"} | DELETED, **KEYED)
    assert run.reason() == "external_id: it matches several opportunities; give the id"
    assert (run.actions, deals_left(shop)) == (["rejected"], 2)


def test_a_deal_without_a_key_is_not_called_deleted(shop: TargetRunner) -> None:
    """A deal that nothing finds is skipped, and the result does not say that it was deleted."""
    row = {key: value for key, value in order("").items() if key != "external_id"}
    run = shop.send("crm_opportunities", row | DELETED, **ALLOWED)
    assert (run.actions, run.reason()) == (["skipped"], NOT_WRITTEN_HERE)
    assert deals_left(shop) == 2


def test_a_note_that_the_ledger_does_not_know_is_not_called_deleted(shop: TargetRunner) -> None:
    """A note of another client is skipped without its id, and deleted with it."""
    contact = next(iter(shop.world.tables["contacts"]))
    note = shop.world.add_note("Subscriber", contact.id, "Called.")
    row = {"content": "Called.", "contact": {"id": str(contact.id)}}
    run = shop.send("crm_notes", row | DELETED, **ALLOWED)
    assert (run.actions, run.reason()) == (["skipped"], NOT_WRITTEN_HERE)
    assert shop.send("crm_notes", {"id": str(note.id)} | DELETED, **ALLOWED).reason() == "deleted"
