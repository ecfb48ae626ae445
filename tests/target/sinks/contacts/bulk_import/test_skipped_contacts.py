"""Contacts that the importer skips without a failure: no result says that they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import Run, TargetRunner

SKIPPED = frozenset({"p3@warehouse.example", "p11@warehouse.example"})
NOT_THERE = "the account has no such contact after the import (an excluded address?)"


@pytest.fixture
def excluding(make_runner: Callable[..., TargetRunner]) -> TargetRunner:
    """Return an account that skips two addresses of an import without a failure."""
    runner = make_runner(import_names_excluded=False)
    runner.world.excluded_emails |= SKIPPED
    return runner


def people(count: int = 20) -> list[dict[str, Any]]:
    """Return rows of new contacts."""
    return [{"email": f"p{n}@warehouse.example", "first_name": f"P{n}"} for n in range(count)]


def rejected(run: Run) -> dict[str, str]:
    """Return the reasons of the rejected rows by address."""
    return {r["key"]["email"]: r["reason"] for r in run.results if r["action"] == "rejected"}


def test_a_contact_that_a_look_up_does_not_find_is_rejected(excluding: TargetRunner) -> None:
    """With look_up_ids, a contact that is not there after its import is rejected."""
    run = excluding.send("crm_contacts", *people(), look_up_ids=True)
    assert rejected(run) == dict.fromkeys(SKIPPED, NOT_THERE)
    assert run.actions.count("created") == 18


def test_a_skipped_contact_is_sent_again(excluding: TargetRunner) -> None:
    """The ledger does not know a skipped contact as written: the next delivery sends it."""
    excluding.send("crm_contacts", *people(), look_up_ids=True)
    excluding.world.excluded_emails.clear()
    run = excluding.send("crm_contacts", *people(), look_up_ids=True)
    assert run.actions.count("created") == 2
    assert run.actions.count("unchanged") == 18


def test_a_contact_that_an_undo_looked_up_is_rejected(excluding: TargetRunner) -> None:
    """A run with undo_path knows which contacts are new, and finds those that were skipped."""
    undo = str(excluding.folder / "undo.sqlite")
    run = excluding.send("crm_contacts", *people(), undo_path=undo)
    assert rejected(run) == dict.fromkeys(SKIPPED, NOT_THERE)
    assert run.actions.count("created") == 18


def test_a_contact_near_the_limit_is_rejected(excluding: TargetRunner) -> None:
    """Near the contact limit the target looks addresses up, and finds those that were skipped."""
    excluding.world.contact_limit = len(excluding.world.tables["contacts"].rows) + 19
    run = excluding.send("crm_contacts", *people())
    assert rejected(run) == dict.fromkeys(SKIPPED, NOT_THERE)


def test_new_contacts_cost_no_look_up_by_address(make_runner: Callable[..., TargetRunner]) -> None:
    """Contacts that the importer created are not looked up by address again."""
    runner = make_runner()
    undo = str(runner.folder / "undo.sqlite")
    run = runner.send("crm_contacts", *people(), undo_path=undo)
    assert set(run.actions) == {"created"}
    after = run.requests[run.requests.index(("POST", "import/bulk_import")) :]
    assert sum(path.startswith("contacts") for _, path in after) == 1
