"""ActiveCampaign answers an upsert with another contact: nothing goes to that contact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

UNSUBSCRIBED = 2


@pytest.mark.parametrize("undo", [False, True])
def test_a_contact_of_another_address_gets_nothing(runner: TargetRunner, *, undo: bool) -> None:
    """The row is failed, and the next run writes it to the contact of its address."""
    world = runner.world
    news = world.add_list("News")
    other = world.add_contact("other@shop.example")
    world.subscribe(other.id, news.id, UNSUBSCRIBED)

    def confuse(document: dict[str, Any]) -> None:
        document["contact"] |= {"id": str(other.id), "email": other.email}

    world.faults.rewrite("/contact/sync", confuse, times=1, method="POST")
    row = {"email": "lea@shop.example", "tags": ["vip"], "segments": ["News"]}
    settings = {"undo_path": str(runner.folder / "undo.sqlite")} if undo else {}
    run = runner.send("crm_contacts", row, **settings)
    assert (run.code, run.actions, run.states) == (1, ["failed"], [])
    assert "another address" in run.reason()
    assert world.membership(other.id, news.id).status == UNSUBSCRIBED
    assert not [tag for tag in world.tables["contactTags"] if tag.contact == other.id]
    run = runner.send("crm_contacts", row, **settings)
    assert (run.code, run.actions) == (0, ["updated"])
    assert not [tag for tag in world.tables["contactTags"] if tag.contact == other.id]
