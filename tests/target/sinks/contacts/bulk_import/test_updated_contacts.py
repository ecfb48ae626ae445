"""Results of imports in accounts that also list updated contacts among the created ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.sinks.contacts.bulk_import.test_skipped_contacts import people

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner

BY_IMPORT = "created or updated by import"


@pytest.mark.parametrize("lists_updated", [False, True])
@pytest.mark.parametrize("new", [0, 3])
def test_a_contact_that_was_looked_up_is_not_created(
    make_runner: Callable[..., TargetRunner], *, lists_updated: bool, new: int
) -> None:
    """A contact that the target found before its import is updated, and its result has the id."""
    runner = make_runner(import_lists_updated=lists_updated)
    rows: list[dict[str, Any]] = people(12)
    ids = [str(runner.world.add_contact(row["email"]).id) for row in rows[new:]]
    run = runner.send("crm_contacts", *rows, undo_path=str(runner.folder / "undo.sqlite"))
    assert run.actions == ["created"] * new + ["updated"] * (12 - new)
    assert [result["id"] for result in run.results[new:]] == ids
    assert {result["reason"] for result in run.results} == {None}


def test_a_list_with_an_updated_contact_shows_no_created_contacts(
    make_runner: Callable[..., TargetRunner],
) -> None:
    """A list with a contact of the ledger does not show which of the contacts are new."""
    runner = make_runner(import_lists_updated=True)
    rows = people(12)
    for row in rows[:6]:
        runner.world.add_contact(row["email"])
    runner.send("crm_contacts", rows[0])
    run = runner.send("crm_contacts", *[{**row, "last_name": "Vang"} for row in rows])
    assert run.actions == ["updated"] * 12
    assert [result["reason"] for result in run.results] == [BY_IMPORT] * 12
