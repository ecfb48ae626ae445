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


@pytest.mark.parametrize("column", ["email", "contact_id"])
def test_contacts_of_an_account_without_order_are_all_found(
    runner: TargetRunner, column: str
) -> None:
    """Contacts are found in an account that ignores both `id_greater` and the order."""
    runner.world.switches.id_greater = False
    runner.world.switches.contact_orders = "ignored"
    people = [runner.world.add_contact(f"m{n * 7919 % 450}@shop.example") for n in range(450)]
    runner.world.add_tag("vip")
    rows = [
        {column: person.email if column == "email" else str(person.id), "tag_name": "vip"}
        for person in people[100:350]
    ]
    run = runner.send("marketing_contact_tags", *rows)
    assert (run.code, set(run.actions)) == (0, {"updated"})


def test_a_broken_walk_over_an_account_without_order_hides_no_contact(
    runner: TargetRunner,
) -> None:
    """After such a walk ends early, the next walk still finds the contacts it did not reach."""
    runner.world.switches.id_greater = False
    runner.world.switches.contact_orders = "ignored"
    people = [runner.world.add_contact(f"m{n * 7919 % 450}@shop.example") for n in range(450)]
    runner.world.add_tag("vip")
    runner.world.faults.server_error("/api/3/contacts", status=422, times=1, after=4)
    runner.batch_rows = 225
    rows = [{"email": person.email, "tag_name": "vip"} for person in people]
    run = runner.send("marketing_contact_tags", *rows)
    assert (run.code, set(run.actions)) == (0, {"updated"})


def test_contacts_of_an_account_with_small_pages_are_all_found(runner: TargetRunner) -> None:
    """Contacts are found by id in an account that sends fewer rows than requested."""
    runner.world.switches.most_rows = 20
    people = [runner.world.add_contact(f"m{n}@shop.example") for n in range(90)]
    runner.world.add_tag("vip")
    rows = [{"contact_id": str(person.id), "tag_name": "vip"} for person in people]
    run = runner.send("marketing_contact_tags", *rows, {"contact_id": "999", "tag_name": "vip"})
    assert run.actions == ["updated"] * 90 + ["rejected"]
