"""Requests of joining and leaving an audience, for thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.audiences import grant_recorder

from .scene import Scene, leavers

if TYPE_CHECKING:
    import pytest

    from tests.sandbox import World

MEMBERS, LEAVING, PRESENT = 1_200, 240, 400
PAGE = 100


def test_leaving_costs_at_most_eleven_requests_for_ten_tags(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request removes a tag, one reads a hundred people; those who stay cost none.

    Joining costs one reading of all contacts, one request for the values of a hundred contacts
    that were there, and one for the ids of a hundred new ones, beside the imports.
    """
    monkeypatch.setattr(
        grant_recorder, "MAX_VALUES_READ", 200
    )  # the slices of a batch add no reading of contacts
    people = [f"p{n}@shop.example" for n in range(MEMBERS)]
    for one in people[:PRESENT]:
        scene.add(one)
    first = scene.send(*people)
    assert first.code == 0
    about_contacts = [path for method, path in first.requests if path.startswith("contacts")]
    pages = PRESENT // PAGE + 1
    assert len(about_contacts) <= pages + PRESENT // PAGE + (MEMBERS - PRESENT) // PAGE + 12
    run = scene.send(*people[LEAVING:])
    assert run.code == 0
    assert len(leavers(run)) == LEAVING
    assert len(run.requests) <= 1.1 * LEAVING
    assert len([method for method, _ in run.requests if method == "DELETE"]) == LEAVING
    assert len(scene.world.tables["contactTags"]) == MEMBERS - LEAVING


def test_joining_reads_all_contacts_once_for_any_number_of_batches(scene: Scene) -> None:
    """Later batches read only the contacts that were created since, once for ids and addresses.

    What a contact had that a form created meanwhile is not the audience's.
    """
    batch, batches = 150, 4
    scene.runner.batch_rows = batch
    people = [f"p{n}@shop.example" for n in range(batch * batches)]
    late = people[-1]
    for n in range(600):
        scene.add(f"other{n}@shop.example")

    def sign_up(world: World, method: str, path: str, *_: object) -> None:
        if path.endswith("bulk_import") and world.find_contact(late) is None:
            scene.add(late, "trial")

    scene.world.before_request(sign_up)
    run = scene.send(*people)
    assert run.code == 0
    about_contacts = [path for method, path in run.requests if path.startswith("contacts")]
    assert len(about_contacts) <= 600 / PAGE + batches * (batch / PAGE + 3)
    scene.send(*people[: -batch // 2])
    assert scene.tags(late) == {"trial"}
    assert scene.tags(people[-2]) == set()


def test_contacts_that_change_while_a_run_joins_are_seen(scene: Scene) -> None:
    """A contact that is deleted, or gets another address, after all contacts were read is new."""
    scene.runner.batch_rows = 60
    people = [f"p{n}@shop.example" for n in range(180)]
    gone, moved = people[-1], people[-2]
    for one in (gone, moved):
        scene.add(one, "trial")

    def change(world: World, method: str, path: str, *_: object) -> None:
        if path.endswith("bulk_import") and (found := world.find_contact(gone)) is not None:
            world.delete_contact(found.id)
            world.edit_contact(world.find_contact(moved).id, email="new@shop.example")

    scene.world.before_request(change)
    run = scene.send(*people)
    assert (run.code, set(run.actions)) == (0, {"created"})
    scene.send(*people[:-60])
    assert (scene.tags(gone), scene.tags(moved)) == (set(), set())
    assert scene.tags("new@shop.example") == {"trial"}
