"""An account with cached pages answers as an account without them."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.caller import caller_of

ASKED = {"limit": 5, "include": "contactTags,fieldValues", "orders[id]": "ASC"}


def change_a_row(world):
    """Rename a contact."""
    contacts = world.tables["contacts"]
    contacts.change(contacts[2], firstName="Somebody Else")


def take_a_tag(world):
    """Remove a tag from a contact of the page, whose own row does not change."""
    tags = world.tables["contactTags"]
    tags.delete(tags.ids_by("contact", 1)[0])


def turn_a_switch(world):
    """Disable sideloads."""
    world.switches.include = "none"


@pytest.mark.parametrize("change", [change_a_row, take_a_tag, turn_a_switch])
def test_a_kept_page_never_outlives_a_change(change):
    """A cached page is replaced when a row or a switch changes."""
    caller, other = caller_of(contacts=12), caller_of(contacts=12)
    caller.world.pages.most = 1 << 20
    before = caller.get("/contacts", **ASKED)
    assert caller.get("/contacts", **ASKED) == before == other.get("/contacts", **ASKED)
    change(caller.world)
    change(other.world)
    after = caller.get("/contacts", **ASKED)
    assert after != before
    assert after == other.get("/contacts", **ASKED)


def test_only_so_many_bytes_are_kept():
    """A page beyond the cache's size is rendered again."""
    caller = caller_of(contacts=12)
    caller.world.pages.most = 1
    first = caller.get("/contacts", **ASKED)
    assert caller.get("/contacts", **ASKED) == first
    assert [row["id"] for row in caller.get("/contacts", **ASKED, offset=5)["contacts"]] == [
        str(number) for number in range(6, 11)
    ]
