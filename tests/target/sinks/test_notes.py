"""Notes: once for each content and parent, in any spelling, and on the right parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner

WHO = "lea@harbour.example"
BY_KEY: dict[str, Any] = {"opportunity_external_id_field": "Order"}


def notes_of(runner: TargetRunner, content: str) -> list[tuple[str, int]]:
    """Return the parents of the notes of a content."""
    notes = runner.world.tables["notes"]
    return [(str(n.reltype), int(n.relid)) for n in notes if n.note.strip() == content]


@pytest.mark.parametrize(
    "parent",
    [
        {"contact": {"email": WHO.upper()}},
        {"contact": [{"email": f" {WHO} "}]},
        {"contact": WHO.title()},
        {"contact__email": WHO},
        {"contact": '[{"email": "lea@harbour.example", "id": null}]'},
    ],
)
def test_a_parent_spelled_otherwise_makes_no_second_note(
    runner: TargetRunner, parent: dict[str, Any]
) -> None:
    """A parent in another case, in an array, flat or as JSON text makes no second note."""
    person = runner.world.add_contact(WHO)
    runner.send("crm_notes", {"content": "Called", "contact": {"email": WHO}})
    run = runner.send("crm_notes", {"content": " Called ", **parent})
    assert (run.actions, run.writes) == (["unchanged"], [])
    assert notes_of(runner, "Called") == [("Subscriber", person.id)]


@pytest.mark.parametrize("parent", ["contact", "account", "opportunity"])
@pytest.mark.parametrize("native_id", ["1_2", "c-1", "1.5"])
def test_a_parent_whose_id_is_no_number_rejects_the_row(
    runner: TargetRunner, parent: str, native_id: str
) -> None:
    """ActiveCampaign may take the first digits of such an id for another record."""
    run = runner.send("crm_notes", {"content": "Called", parent: {"id": native_id}})
    assert (run.actions, run.writes) == (["rejected"], [])
    assert f"{parent}.id" in run.reason()


def test_other_parents_have_notes_of_their_own(runner: TargetRunner) -> None:
    """The same content on another parent is another note."""
    for email in (WHO, "ann@harbour.example"):
        runner.world.add_contact(email)
        runner.send("crm_notes", {"content": "Called", "contact": {"email": email}})
    assert len(notes_of(runner, "Called")) == 2


def test_a_note_names_its_deal_by_your_own_key(runner: TargetRunner) -> None:
    """A note that names its deal by your key is on the deal and not on the contact beside it.

    The deal may come later in the input.
    """
    runner.world.add_custom_field("deal", "Order", "text")
    runner.world.add_contact(WHO)
    note = {"content": "Paid", "opportunity": {"external_id": "a-1"}, "contact": [{"email": WHO}]}
    pipeline = runner.world.add_pipeline("Boats")
    deal = {"external_id": "A-1", "name": "Boat", "contact": {"email": WHO}}
    run = runner.run(
        *stream_of("crm_notes", note, {"content": "Lost", "opportunity__external_id": "B-2"}),
        state_of(2),
        *stream_of("crm_opportunities", deal | {"pipeline": {"name": "Boats"}}),
        **BY_KEY,
    )
    made = next(deal for deal in runner.world.tables["deals"] if deal.group == pipeline.id)
    assert run.actions == ["created", "rejected", "created"]
    assert "external_id" in run.reason(2)
    assert notes_of(runner, "Paid") == [("Deal", made.id)]
    assert runner.send("crm_notes", note, **BY_KEY).actions == ["unchanged"]


def test_your_own_key_needs_the_field_that_holds_it(runner: TargetRunner) -> None:
    """Without the setting of the key's field such a row is rejected."""
    runner.world.add_contact(WHO)
    row = {"content": "Paid", "contact": {"email": WHO}, "opportunity": {"external_id": "A-1"}}
    run = runner.send("crm_notes", row)
    assert run.actions == ["rejected"]
    assert "opportunity_external_id_field" in run.reason()
    assert notes_of(runner, "Paid") == []


@pytest.mark.parametrize("stored", [WHO.title(), WHO])
@pytest.mark.parametrize("wanted", [WHO, WHO.upper()])
def test_a_parent_is_found_whatever_the_case_of_the_address(
    make_runner: Callable[..., TargetRunner], stored: str, wanted: str
) -> None:
    """A parent is found by an address in any case, also if the account compares with case."""
    runner = make_runner(email_match="exact")
    person = runner.world.add_contact(stored)
    run = runner.send("crm_notes", {"content": "Called", "contact": {"email": wanted}})
    assert run.actions == ["created"]
    assert notes_of(runner, "Called") == [("Subscriber", person.id)]
