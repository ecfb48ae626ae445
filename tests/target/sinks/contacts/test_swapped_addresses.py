"""Two contacts swap their addresses between two runs: rows by address mean the new owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.audiences.leavers import HAS_ADDRESS
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import state_of, stream_of
from tests.target.undo.account import UndoRunner, differences, truth_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World
    from tests.target.runner import Run

A, B = "ada@shop.example", "ben@shop.example"
AUDIENCE = {"on_leave": ["remove_tags", "unsubscribe", "clear_fields"], "max_leave_share": 1}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "undo": {"undo_path": "undo.sqlite"},
    "audience": {"audiences": {"crm_contacts": AUDIENCE}},
}
#: What a row of the second run changes.
CHANGES: dict[str, dict[str, Any]] = {
    "name": {"first_name": "New"},
    "tags": {"tags": ["second"]},
    "removed tags": {"remove_tags": ["own"]},
    "subscription": {"segments": [{"id": "1", "status": "unsubscribed"}]},
    "automation left": {"leave_automations": ["Welcome"]},
    "account": {"company": "Fjord", "title": "Boss"},
    "all": {"first_name": "New", "remove_tags": ["own"], "leave_automations": ["Welcome"]},
}


class Swap:
    """An account with two contacts and some others."""

    def __init__(self, folder: Path, kind: str, others: int = 0) -> None:
        """Create the account, and write all contacts once."""
        clock = ManualClock()
        self.world: World = world_of(clock, is_empty=True)
        self.runner = UndoRunner(self.world, clock, folder)
        self.settings = {"allow_automations": True, **SETTINGS[kind]}
        if kind == "undo":
            self.settings |= self.runner.settings
        self.world.add_list("News")
        own, welcome = self.world.add_tag("own"), self.world.add_automation("Welcome")
        for email in (A, B):
            contact = self.world.add_contact(email)
            self.world.tag(contact.id, own.id)
            self.world.subscribe(contact.id, 1)
            self.world.enrol(contact.id, welcome.id)
        self.others = [{"email": f"p{n}@shop.example", "first_name": "P"} for n in range(others)]

    def send(self, *rows: dict[str, Any]) -> Run:
        """Write rows about addresses."""
        run = self.runner.run(
            *stream_of("crm_contacts", *rows, *self.others, keys=["email"]),
            state_of(1),
            **self.settings,
        )
        self.world.settle(at_once=True)
        self.runner.clock.sleep(100)
        return run

    def swap(self) -> None:
        """Let the contacts swap their addresses, as a user does."""
        ada, ben = self.world.find_contact(A), self.world.find_contact(B)
        assert ada is not None
        assert ben is not None
        self.world.edit_contact(ada.id, email="between@shop.example")
        self.world.edit_contact(ben.id, email=A)
        self.world.edit_contact(ada.id, email=B)

    def of(self, email: str) -> dict[str, Any]:
        """Return all values of the contact that has an address now."""
        contact = self.world.find_contact(email)
        assert contact is not None
        truth = truth_of(self.world)
        found = {"contacts": truth["contacts"][contact.id], "links": truth["links"].get(contact.id)}
        for name in ("values", "lists"):
            found[name] = {k: v for k, v in truth[name].items() if k[0] == contact.id}
        for name in ("tags", "automations"):
            found[name] = {row for row in truth[name] if row[0] == contact.id}
        return found


@pytest.mark.parametrize(
    ("kind", "others"),
    [
        ("plain", 0),
        ("audience", 0),
        pytest.param("undo", 0, marks=pytest.mark.long),
        *(pytest.param(kind, 12, marks=pytest.mark.long) for kind in SETTINGS),
    ],
)
@pytest.mark.parametrize("what", CHANGES)
def test_a_row_changes_the_contact_that_has_its_address_now(
    tmp_path: Path, what: str, kind: str, others: int
) -> None:
    """A row by address never writes to the contact that had the address in an earlier run."""
    swap = Swap(tmp_path, kind, others)
    swap.send({"email": A, "first_name": "Ada"}, {"email": B, "first_name": "Ben"})
    swap.swap()
    swap.others = [other | CHANGES[what] for other in swap.others]
    before = {email: swap.of(email) for email in (A, B)}
    run = swap.send({"email": A, **CHANGES[what]}, {"email": B, "first_name": "Ben"})
    assert run.code == 0
    assert swap.of(B) == before[B]
    assert swap.of(A) != before[A]


def test_a_contact_with_an_address_of_the_input_stays_in_the_audience(tmp_path: Path) -> None:
    """A contact with an address of the input loses nothing, whatever contact had it before."""
    swap = Swap(tmp_path, "audience", 3)
    row = {"tags": ["trial"], "segments": ["News"]}
    swap.send({"email": A, **row}, {"email": B, **row})
    swap.swap()
    before = swap.of(A)
    run = swap.send({"email": A, **row})
    assert run.code == 0
    assert swap.of(A) == before
    [stays] = [result for result in run.results if result["reason"] == HAS_ADDRESS]
    assert stays["action"] == "skipped"
    again = swap.send({"email": A, **row})
    assert [result for result in again.results if result["reason"]] == []
    swap.send()
    trial = next(tag.id for tag in swap.world.tables["tags"] if tag.tag == "trial")
    assert list(swap.world.tables["contactTags"].ids_by("tag", trial)) == []


@pytest.mark.parametrize("others", [0, 12], ids=["alone", "imported"])
def test_an_undo_restores_the_contacts_whose_values_changed(tmp_path: Path, others: int) -> None:
    """Each contact gets back its own values, whatever its address is at the undo."""
    swap = Swap(tmp_path, "undo", others)
    before = truth_of(swap.world)
    change = {"tags": ["wrong"], "company": "Fjord", "segments": ["News"]}
    swap.others = [other | change for other in swap.others]
    swap.send({"email": A, "first_name": "Ada", **change}, {"email": B, "first_name": "Ben"})
    swap.swap()
    swapped = truth_of(swap.world)["contacts"]
    undone = swap.runner.undo(creates=True, max_deletes=100)
    swap.swap()
    assert undone.code == 0
    left = differences(before, truth_of(swap.world))
    assert left.keys() <= {"accounts"}  # created by the importer
    assert swapped[1][0] == B


def test_an_import_is_undone_where_its_contacts_swapped_addresses(tmp_path: Path) -> None:
    """An undo of an import takes nothing from a contact that has an imported address by now."""
    swap = Swap(tmp_path, "undo", 12)
    world = swap.world
    swap.others[0] |= {"tags": ["wrong"]}
    swap.send()
    first, second = (world.find_contact(f"p{n}@shop.example") for n in (0, 1))
    assert first is not None
    assert second is not None
    wrong = next(tag.id for tag in world.tables["tags"] if tag.tag == "wrong")
    world.tag(second.id, wrong)  # a user's own
    world.edit_contact(second.id, firstName="Own")
    world.edit_contact(first.id, email="between@shop.example")
    world.edit_contact(second.id, email="p0@shop.example")
    world.edit_contact(first.id, email="p1@shop.example")
    swap.runner.undo(creates=True, max_deletes=100)
    assert second.firstName == "Own"
    assert second.id in world.tables["contacts"]
    assert wrong in {
        applied.tag for applied in world.tables["contactTags"].by("contact", second.id)
    }
