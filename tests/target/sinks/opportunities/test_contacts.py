"""Deals with secondary contacts: the primary contact is read, and written as it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.rows import ContactDeal
from tests.target.test_copy import read

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner


def people_of(runner: TargetRunner, count: int) -> list[Any]:
    """Create contacts."""
    return [runner.world.add_contact(f"d{n}@shop.example") for n in range(count)]


def links_of(runner: TargetRunner, deal: Any) -> set[int]:
    """Return the secondary contacts of a deal."""
    return {link.contact for link in runner.world.tables["contactDeals"].by("deal", deal.id)}


def deal_of(runner: TargetRunner, name: str) -> Any:
    """Return the only deal of this name."""
    (found,) = [deal for deal in runner.world.tables["deals"] if deal.title == name]
    return found


@pytest.mark.parametrize(
    ("flags", "primary"),
    [
        ([None, None], 0),
        ([True, False], 0),
        ([False, True], 1),
        ([False, None], 1),
        ([False, "yes"], 1),
        (["f", "t"], 1),
        ([False, False], None),
    ],
    ids=str,
)
def test_the_flag_says_who_is_primary(
    runner: TargetRunner, flags: list[Any], primary: int | None
) -> None:
    """The flag marks the primary contact; without flags the first is, with all false none is."""
    people = people_of(runner, 2)
    account = runner.world.add_account("Deal Co")
    stage = next(iter(runner.world.tables["dealStages"]))
    contact = [
        {"email": person.email} | ({} if flag is None else {"is_primary": flag})
        for person, flag in zip(people, flags, strict=True)
    ]
    row = {
        "name": "Flagged",
        "stage": {"id": str(stage.id)},
        "account": {"id": str(account.id)},
        "contact": contact,
    }
    assert runner.send("crm_opportunities", row).actions == ["created"]
    deal = deal_of(runner, "Flagged")
    wanted = None if primary is None else people[primary].id
    assert (deal.contact or None) == wanted
    assert links_of(runner, deal) - {wanted} == {person.id for person in people} - {wanted}


def test_two_primary_contacts_are_rejected(runner: TargetRunner) -> None:
    """A row with two primary contacts is rejected."""
    contact = [{"email": person.email, "is_primary": True} for person in people_of(runner, 2)]
    run = runner.send("crm_opportunities", {"name": "Two", "contact": contact})
    assert run.actions == ["rejected"]
    assert "is_primary" in run.reason()


def test_a_deal_with_only_secondary_contacts_goes_there_and_back(runner: TargetRunner) -> None:
    """A deal without a primary contact is read and written back without a primary contact."""
    people = people_of(runner, 2)
    account = runner.world.add_account("Deal Co")
    deal = runner.world.add_deal("Secondary", account=account.id)
    deal.contact = 0
    for person in people:
        now = runner.world.now()
        runner.world.tables["contactDeals"].insert(ContactDeal(person.id, deal.id, now, now))
    messages = read(runner.world, runner.clock, runner.folder)
    (row,) = [
        message["record"]
        for message in messages
        if message["type"] == "RECORD"
        and message["stream"] == "crm_opportunities"
        and message["record"]["name"] == "Secondary"
    ]
    assert row["contact"] == [{"id": str(person.id), "is_primary": False} for person in people]
    assert runner.send("crm_opportunities", row).code == 0
    assert not deal.contact
    assert links_of(runner, deal) == {person.id for person in people}
