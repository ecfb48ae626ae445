"""Rows with different values for one contact, deal or note: the later row wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

GONE = "2031-01-01T00:00:00+00:00"
MAY_DELETE: dict[str, Any] = {"delete_mode": "delete", "max_deletes": 9}
WHO = "lea@harbour.example"


@pytest.mark.parametrize("bulk_import", ["never", "always"])
@pytest.mark.parametrize("keys", [["email"], []])
def test_a_contact_that_is_written_and_then_deleted_is_deleted(
    runner: TargetRunner, bulk_import: str, keys: list[str]
) -> None:
    """A contact that is written and then deleted is deleted, in one batch and on redelivery."""
    rows = [{"email": WHO, "first_name": "Lea"}, {"email": WHO, "_sdc_deleted_at": GONE}]
    settings = {**MAY_DELETE, "bulk_import": bulk_import}
    for _ in range(2):
        run = runner.run(*stream_of("crm_contacts", *rows, keys=keys), state_of(2), **settings)
        assert run.reason(2) == "deleted"
        assert runner.world.find_contact(WHO) is None


def test_a_contact_that_is_deleted_and_then_written_exists(runner: TargetRunner) -> None:
    """A contact that is deleted and then written exists."""
    runner.send("crm_contacts", {"email": WHO})
    rows = [{"email": WHO, "_sdc_deleted_at": GONE}, {"email": WHO, "first_name": "Lea"}]
    run = runner.send("crm_contacts", *rows, **MAY_DELETE)
    assert run.actions == ["updated", "created"]
    assert runner.world.find_contact(WHO).firstName == "Lea"


def test_a_delete_by_another_name_waits_for_its_row(runner: TargetRunner) -> None:
    """A delete by id waits for a write by address, because both may name one contact."""
    person = next(iter(runner.world.tables["contacts"]))
    rows = [{"email": person.email, "first_name": "Lea"}, {"id": str(person.id)}]
    rows[1]["_sdc_deleted_at"] = GONE
    run = runner.send("crm_contacts", *rows, **MAY_DELETE)
    assert run.actions == ["updated", "updated"]
    assert runner.world.find_contact(person.email) is None


def test_deletes_of_others_do_not_cut_an_import(runner: TargetRunner) -> None:
    """Tombstones of other people do not split a batch."""
    people = list(runner.world.tables["contacts"])[:5]
    rows: list[dict[str, Any]] = []
    for number, person in enumerate(people):
        rows += [{"email": f"{n}.{number}@harbour.example", "first_name": "A"} for n in range(4)]
        rows.append({"email": person.email, "_sdc_deleted_at": GONE})
    run = runner.send("crm_contacts", *rows, **MAY_DELETE)
    assert run.code == 0
    assert run.writes.count(("POST", "import/bulk_import")) == 1


def test_an_id_with_another_address_deletes_no_contact(runner: TargetRunner) -> None:
    """A delete whose address differs from that of its id deletes no contact."""
    first, other = list(runner.world.tables["contacts"])[:2]
    row = {"id": str(first.id), "email": other.email, "_sdc_deleted_at": GONE}
    run = runner.send("crm_contacts", row, **MAY_DELETE)
    assert (run.actions, run.writes) == (["rejected"], [])
    assert "allow_email_change" in run.reason()
    same = {"id": str(first.id), "email_addresses": [{"email": first.email.upper()}]}
    run = runner.send("crm_contacts", same | {"_sdc_deleted_at": GONE}, **MAY_DELETE)
    assert run.reason() == "deleted"


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_a_row_that_waited_does_not_undo_a_later_row(
    runner: TargetRunner, is_one_batch: bool
) -> None:
    """A row that waited for its list does not replace the values of a later row."""
    first = {"email": WHO, "first_name": "Old", "segments": ["Later"]}
    contacts = stream_of("crm_contacts", first, {"email": WHO, "first_name": "New"}, keys=["email"])
    if not is_one_batch:
        contacts.insert(2, state_of(1))
    later = {"name": "Later", "sender_url": "https://x.example", "sender_reminder": "Hello"}
    run = runner.run(*contacts, state_of(2), *stream_of("marketing_segments", later), state_of(3))
    person = runner.world.find_contact(WHO)
    assert (run.code, person.firstName) == (0, "New")
    assert [
        membership.status
        for membership in runner.world.tables["contactLists"]
        if membership.contact == person.id
    ]
    assert sorted(run.results[n]["row"] for n in range(3)) == [1, 2, 3]
    assert [state["bookmarks"]["at"] for state in run.states] == [3]


def test_a_deal_that_waited_for_its_stage_does_not_go_back(runner: TargetRunner) -> None:
    """A row that waited for its stage does not move the deal back from a later row's stage."""
    runner.world.add_custom_field("deal", "Order", "text")
    deal = {"external_id": "A-1", "amount": 1}
    deals = stream_of(
        "crm_opportunities",
        deal | {"name": "A", "contact": {"email": WHO}, "pipeline": {"name": "Boats"}},
        deal | {"stage": {"name": "Later"}},
        deal | {"stage": {"name": "In Contact"}, "amount": 3},
        keys=["external_id"],
    )
    for place in (2, 4):
        deals.insert(place, state_of(place))
    run = runner.run(
        *stream_of("crm_contacts", {"email": WHO}),
        *stream_of("crm_pipelines", {"name": "Boats", "currency": "EUR"}),
        *deals,
        state_of(5),
        *stream_of("crm_stages", {"name": "Later", "pipeline": {"name": "Boats"}}),
        opportunity_external_id_field="Order",
    )
    assert (run.code, run.actions.count("rejected")) == (0, 0)
    made = max(runner.world.tables["deals"], key=lambda deal: deal.id)
    assert runner.world.tables["dealStages"][made.stage].title == "In Contact"
    assert str(made.value) == "300"


def test_a_delete_waits_behind_its_row(runner: TargetRunner) -> None:
    """A row that waits for its list is written before the delete that follows it."""
    rows = stream_of(
        "crm_contacts",
        {"email": WHO, "segments": ["Later"]},
        {"email": WHO, "_sdc_deleted_at": GONE},
        keys=["email"],
    )
    later = {"name": "Later", "sender_url": "https://x.example", "sender_reminder": "Hello"}
    run = runner.run(
        *rows, state_of(2), *stream_of("marketing_segments", later), state_of(3), **MAY_DELETE
    )
    assert run.reason(2) == "deleted"
    assert runner.world.find_contact(WHO) is None


def test_a_row_behind_a_rejected_row_is_written(runner: TargetRunner) -> None:
    """A row behind a rejected row of the same contact is written."""
    rows = [{"email": WHO, "first_name": "Old", "segments": ["Never"]}]
    rows.append({"email": WHO, "first_name": "New"})
    run = runner.run(*stream_of("crm_contacts", *rows, keys=["email"]), state_of(2))
    assert run.actions == ["rejected", "created"]
    assert runner.world.find_contact(WHO).firstName == "New"
