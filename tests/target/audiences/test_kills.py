"""After a kill at any request, a second run leaves each contact with what it should have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import length
from tests.cases import briefly
from tests.target.combinations import combinations, settings_of
from tests.target.kills import killed_at

from .scene import ALL, Scene

if TYPE_CHECKING:
    from pathlib import Path

HAD, KEPT = "had@shop.example", "kept@shop.example"
NOTHING = {"tags": set(), "lists": set(), "plan": "", "automations": []}
#: Every request in the longest search, else some of them.
STEP = {"": 6, length.FULL: 2}.get(length.SEARCH, 1)
#: Every combination of the settings beside audiences: one after the other, at each kill point.
OTHERS = combinations("audiences")
#: The number of contacts, whether the account processes the last request, and the next input. The
#: first six have every pair of these.
CASES = [
    (4, False, "the same"),
    (14, True, "the same"),
    (4, True, "all again"),
    (14, False, "all again"),
    (4, False, "nobody new"),
    (14, True, "nobody new"),
    (14, False, "the same"),
    (4, True, "the same"),
    (14, True, "all again"),
    (4, False, "all again"),
    (14, False, "nobody new"),
    (4, True, "nobody new"),
]


class Story:
    """One audience and its inputs; the number of contacts decides about the importer."""

    def __init__(self, folder: Path, people: int, number: int = 0) -> None:
        """Create an account in which one contact has the tag; another stream gives it to one.

        ``number`` chooses the other settings.
        """
        folder.mkdir()
        self.scene = Scene(folder, on_leave=ALL)
        others = OTHERS[number // STEP % len(OTHERS)]
        self.scene.settings |= settings_of(others, folder)
        self.people = [f"p{n}@shop.example" for n in range(people)]
        # A contact that returns is subscribed again only with this.
        self.scene.settings["resubscribe"] = True
        self.scene.add(HAD, "trial")
        other = {"email": KEPT, "tags": ["trial"]}
        self.other = ("buyers", other)

    def row(self, email: str) -> dict[str, Any]:
        """Return a contact's row; some enter an automation, which the importer cannot do."""
        row = {
            "email": email,
            "tags": ["trial"],
            "segments": ["News"],
            "custom_fields": {"plan": "pro"},
        }
        return row | ({"automations": ["Welcome"]} if email.startswith("p1@") else {})

    def run(self, *emails: str) -> Any:
        """Send these contacts as the complete audience."""
        return self.scene.send(*map(self.row, emails))

    def check(self, members: set[str]) -> None:
        """Compare all contacts with what the members should have."""
        self.scene.world.settle(at_once=True)
        for contact in self.scene.world.tables["contacts"]:
            email, has = contact.email, self.scene.has(contact.email)
            if email not in members:
                tags = {"trial"} if email in {HAD, KEPT} else set()
                assert has == NOTHING | {"tags": tags}, email
                continue
            entered = [self.scene.welcome.id] if email.startswith("p1@") else []
            wanted = {"tags": {"trial"}, "lists": {"News"}, "plan": "pro", "automations": entered}
            assert has == wanted, email


@pytest.mark.parametrize(("people", "is_carried_out", "then"), briefly(CASES, 6))
def test_killed_at_every_request_of_a_run_in_which_people_leave(
    tmp_path: Path, people: int, is_carried_out: bool, then: str
) -> None:
    """After a kill in a run with leaving contacts, the next input gives the right account.

    It is the same input, or one in which leaving contacts are back, or fewer contacts are.
    """
    step = STEP
    number = 1
    while True:
        story = Story(tmp_path / f"{number}", people, number)
        first = story.people[: people - 1]
        stay = [story.people[0], *story.people[2:]]  # the last one is new, the second one leaves
        story.run(*first, HAD, KEPT)
        story.scene.send(story.other[1], stream="buyers")
        before = len(story.scene.world.log)
        with killed_at(story.scene.world, number, after=is_carried_out):
            run = story.run(*stay)
            assert run.code == 0
            assert len(story.scene.world.log) - before < number
            break
        if then == "all again":
            assert story.run(*first, HAD, KEPT).code == 0
            story.check({*first, HAD, KEPT})
        if then == "nobody new":
            assert story.run(*stay[:-1]).code == 0
            story.check(set(stay[:-1]))
        else:
            assert story.run(*stay).code == 0
            story.check(set(stay))
        assert story.run(story.people[0]).code == 0
        story.check({story.people[0]})
        number += step
    assert number > 8


@pytest.mark.parametrize("people", [3, 12])
@pytest.mark.parametrize("is_carried_out", [False, True], ids=["before", "after"])
def test_killed_at_every_request_of_the_first_run(
    tmp_path: Path, people: int, is_carried_out: bool
) -> None:
    """A contact of a killed first run that never returns loses what the run gave."""
    step = STEP
    number = 1
    while True:
        story = Story(tmp_path / f"{number}", people, number)
        with killed_at(story.scene.world, number, after=is_carried_out):
            assert story.run(*story.people, HAD).code == 0
            break
        assert story.run(story.people[0]).code == 0
        story.check({story.people[0]})
        number += step
    assert number > 8


def test_people_whose_import_is_still_open_leave_later(tmp_path: Path) -> None:
    """An import that a killed run queued is waited for; if it stays open, its people stay too."""
    story = Story(tmp_path / "open", 12)
    scene = story.scene
    story.run("first@shop.example")
    scene.world.switches.import_seconds = 1_000
    queued = len(scene.world.imports)
    number = 0
    while len(scene.world.imports) == queued:
        number += 1
        with killed_at(scene.world, number, after=True):
            story.run("first@shop.example", *story.people)
    run = story.run("first@shop.example")
    assert run.code == 0
    assert run.report["audiences"]["trial"]["left"] == 0
    scene.world.settle(at_once=True)
    scene.clock.sleep(2_000)
    assert "trial" in scene.tags(story.people[0])
    assert story.run("first@shop.example").report["audiences"]["trial"]["left"] == 12
    story.check({"first@shop.example"})
