"""Members whose contact was changed, deleted or made again in the account in between."""

from __future__ import annotations

import pytest

from tests.target.runner import state_of, stream_of

from .scene import Scene, leavers, row_of

A, B, C = "ada@shop.example", "ben@shop.example", "cy@shop.example"
MORE = {"tags": ["trial", "spring"]}


def people_of(count: int) -> list[str]:
    """Return addresses, that of Ada among them."""
    return [A, *(f"p{n}@shop.example" for n in range(count - 1))]


@pytest.mark.parametrize("count", [2, 12])
def test_a_row_whose_address_moved_on_is_another_contact(scene: Scene, count: int) -> None:
    """If a contact got another address, its row is written to the contact of the row's address.

    Both lose what the audience gave when the row is gone, also through the importer.
    """
    people = people_of(count)
    scene.send(*people)
    former = scene.world.find_contact(A)
    scene.world.edit_contact(former.id, email=C)
    rows = [{"email": one, **MORE} for one in people]
    run = scene.send(*rows)
    [result] = [one for one in run.results if one["key"] == {"email": A}]
    new = scene.world.find_contact(A)
    assert (result["action"], result["id"]) == ("created", str(new.id))
    assert (scene.tags(A), scene.tags(C)) == ({"trial", "spring"}, {"trial"})
    run = scene.send(*rows[1:])
    assert {one["id"] for one in leavers(run)} == {str(former.id), str(new.id)}
    assert (scene.tags(A), scene.tags(C)) == (set(), set())


def test_who_leaves_loses_it_under_a_new_address(scene: Scene) -> None:
    """A contact keeps its id when its address changes; a new contact of the old one keeps all."""
    scene.send(A, B)
    scene.world.edit_contact(scene.world.find_contact(A).id, email=C)
    scene.add(A, "trial")
    assert len(leavers(scene.send(B))) == 1
    assert (scene.tags(A), scene.tags(C)) == ({"trial"}, set())


@pytest.mark.parametrize("count", [2, 12])
def test_a_contact_that_was_made_again_has_one_result(scene: Scene, count: int) -> None:
    """A deleted contact that a later row made again leaves once, as the new contact."""
    people = people_of(count)
    scene.send(*people)
    scene.world.delete_contact(scene.world.find_contact(A).id)
    rows = [{"email": one, **MORE} for one in people]
    scene.send(*rows)
    run = scene.send(*rows[1:])
    assert [one["id"] for one in leavers(run)] == [str(scene.world.find_contact(A).id)]
    assert scene.tags(A) == set()


def test_what_a_user_gave_to_a_contact_that_was_made_again_stays(scene: Scene) -> None:
    """What a deleted contact was given is gone with it; a new contact of the address keeps all."""
    scene.send(A, B)
    scene.world.delete_contact(scene.world.find_contact(A).id)
    scene.add(A, "trial")
    [left] = leavers(scene.send(B))
    assert left["kept"] == "the account no longer has this contact"
    assert scene.tags(A) == {"trial"}


def test_what_a_merge_moved_to_another_contact_stays(scene: Scene) -> None:
    """A member that was merged into another contact leaves; the other contact keeps its tags."""
    scene.send(A, B)
    kept = scene.add(C)
    scene.world.merge_contacts(kept, scene.world.find_contact(A).id)
    [left] = leavers(scene.send(B))
    assert left["kept"] == "the account no longer has this contact"
    assert scene.tags(C) == {"trial"}


def test_a_tag_is_the_audiences_by_id_name_and_new_name(scene: Scene) -> None:
    """A tag that rows name by id, in another case, or under its earlier name, is taken back."""
    scene.send(A, B)
    [tag] = list(scene.world.tables["tags"])
    scene.send({"email": A, "tags": [{"id": str(tag.id)}, "TRIAL"]}, B)
    renamed = stream_of("marketing_tags", {"id": str(tag.id), "name": "Former"})
    assert scene.run(*renamed, state_of(1)).actions == ["updated"]
    scene.send({"email": A, "tags": ["trial", {"id": str(tag.id)}]}, B, force=True)
    assert scene.tags(A) == {"trial", "Former"}
    scene.send(row_of(B))
    assert scene.tags(A) == set()
