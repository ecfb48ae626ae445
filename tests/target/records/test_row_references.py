"""What a reference to another record may be: an object, a natural key, or an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.row_references import parse_reference

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner


@pytest.mark.parametrize(
    ("value", "column", "reference"),
    [
        ({"id": 7.0}, "stage", {"id": "7"}),
        ("Follow Up", "stage", {"name": "Follow Up"}),
        ("7", "stage", {"name": "7"}),
        (7, "stage", {"id": "7"}),
        (7.0, "owner", {"id": "7"}),
        ("ada@shop.example", "contact", {"email": "ada@shop.example"}),
        (272, "contact", {"id": "272"}),
        ("272", "contact", {"id": "272"}),
        ("272.0", "contact", {"id": "272"}),
        ("46", "opportunity", {"id": "46"}),
        (0, "account", {}),
        ("", "account", {}),
    ],
)
def test_a_number_is_an_id_and_text_a_natural_key(
    value: Any, column: str, reference: dict[str, str]
) -> None:
    """A number is an id, and text a name, except where no name finds a record."""
    assert parse_reference(value, column) == reference


@pytest.mark.parametrize(
    ("value", "column", "reason"),
    [
        (1.5, "stage", "stage: not an id of ActiveCampaign; use a whole number"),
        (True, "owner", "owner: must be an object with an id or a natural key"),
        ("Ada Lane", "contact", "contact: must be an e-mail address or an id of ActiveCampaign"),
        ("D-17", "opportunity", "opportunity: not an id of ActiveCampaign; use a whole number"),
    ],
)
def test_any_other_value_is_rejected(value: Any, column: str, reason: str) -> None:
    """A value that can be neither an id nor a natural key rejects the row."""
    with pytest.raises(RowRejected) as raised:
        parse_reference(value, column)
    assert raised.value.reason == reason


def test_a_note_names_its_contact_by_a_plain_id(runner: TargetRunner) -> None:
    """`contact: 1` of a note is the contact with this id, as a number and as text."""
    person = runner.world.add_contact("lea@shop.example")
    rows = [{"content": f"as {kind.__name__}", "contact": kind(person.id)} for kind in (int, str)]
    run = runner.send("crm_notes", *rows)
    assert run.actions == ["created", "created"]
    notes = list(runner.world.tables["notes"])
    assert {str(note.relid) for note in notes[-2:]} == {str(person.id)}
