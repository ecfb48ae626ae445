"""Look-ups of contacts whose answer does not say which contacts the account has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("column", ["email", "contact_id"])
@pytest.mark.parametrize("is_null", [False, True])
def test_an_answer_without_contacts_does_not_mean_that_there_are_none(
    runner: TargetRunner, *, count: int, column: str, is_null: bool
) -> None:
    """If an answer has no array of contacts, the rows that name them fail and are sent again."""

    def hide(document: dict[str, Any]) -> None:
        document.clear()
        document.update({"contacts": None} if is_null else {"scoreValues": []})

    people = [runner.world.add_contact(f"m{n}@shop.example") for n in range(count)]
    runner.world.add_tag("vip")
    rows = [
        {column: person.email if column == "email" else str(person.id), "tag_name": "vip"}
        for person in people
    ]
    undo = str(runner.folder / "undo.sqlite")
    runner.world.faults.rewrite("/contacts", hide, method="GET")
    run = runner.send("marketing_contact_tags", *rows, undo_path=undo)
    assert (run.code, set(run.actions)) == (1, {"failed"})
    runner.world.faults.clear()
    run = runner.send("marketing_contact_tags", *rows, undo_path=undo)
    assert (run.code, set(run.actions)) == (0, {"updated"})
