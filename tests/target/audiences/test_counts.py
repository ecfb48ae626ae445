"""Requests of joining and leaving an audience, for thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.audiences import grants

from .scene import Scene, leavers

if TYPE_CHECKING:
    import pytest

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
        grants, "MOST_READ", 200
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
