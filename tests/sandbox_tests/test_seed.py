"""The content of a seeded account, which is the same each time."""

from __future__ import annotations

import re
import time
from dataclasses import fields

import pytest

from tests.sandbox import FakeClock, Shape, World
from tests.sandbox.shown import SHOW
from tests.sandbox_tests.caller import caller_of


def world_of(**options):
    return World(clock=FakeClock(), **{"contacts": 300, "deals": 80, "accounts": 60} | options)


def test_the_same_seed_is_the_same_account():
    """Equal seeds and clocks give equal rows; another seed gives others."""
    first, again, other = world_of(), world_of(), world_of(seed=2)
    for name, table in first.tables.items():
        assert table.rows == again.tables[name].rows
    assert first.tables["contacts"].rows != other.tables["contacts"].rows


def test_nothing_is_newer_than_80_hours():
    """All instants are within two years, and none in the last 80 hours unless fresh."""
    world, fresh = world_of(), world_of(fresh=True)
    latest = world.now() - 80 * 3600
    for name, column in (("contacts", "updated"), ("deals", "mdate"), ("accounts", "updated")):
        values = [getattr(row, column) for row in world.tables[name]]
        assert max(values) <= latest
        assert min(values) > world.now() - 775 * 86400
    assert max(row.updated for row in fresh.tables["contacts"]) > latest
    offsets = {world.dt(row.cdate)[-6:] for row in world.tables["contacts"]}
    assert offsets == {"-06:00", "-05:00"}


def test_every_variety_is_there():
    """A seeded account has all statuses and field types, null and edited contacts, trap keys."""
    world = world_of()
    t = world.tables
    assert {row.status for row in t["contactLists"]} == {0, 1, 2, 3}
    assert {row.status for row in t["deals"]} == {0, 1, 2}
    assert {row.edited for row in t["contacts"]} == {True, False}
    assert any(row.udate is None for row in t["contacts"])
    assert any(row.udate and row.updated > row.udate for row in t["contacts"])
    assert {row.type for row in t["fields"]} == {
        *("text", "textarea", "date", "datetime", "dropdown", "listbox", "radio", "checkbox"),
        *("hidden", "number"),
    }
    kinds = {"text", "textarea", "date", "datetime", "dropdown", "multiselect", "radio"}
    kinds |= {"checkbox", "hidden", "currency", "number"}
    assert {row.fieldType for row in t["accountCustomFieldMeta"]} == kinds
    assert {row.fieldType for row in t["dealCustomFieldMeta"]} == kinds
    titles = [row.title for row in t["fields"]]
    assert len(set(titles)) < len(titles)
    assert not all(title.isascii() for title in titles)
    slugs = [re.sub("[^a-z0-9]+", "_", row.perstag.lower()) for row in t["fields"]]
    assert len(set(slugs)) < len(slugs)
    assert {"template", "contact"} == {row.tagType for row in t["tags"]}
    assert len(t["contactDeals"])
    assert {row.reltype for row in t["notes"]} == {"Subscriber", "Deal", "CustomerAccount"}


def test_every_address_is_in_a_reserved_domain():
    """Every domain ends in .example."""
    world = world_of()
    addresses = [row.email for row in world.tables["contacts"]]
    assert len({address.lower() for address in addresses}) == 300
    assert all(address.lower().endswith(".example") for address in addresses)


def test_shapes_are_followed():
    """Counts of a shape are exact, shares approximate."""
    shape = Shape(contact_fields=25, values_per_contact=3, tags=12, template_tags=0, lists=9)
    world = world_of(shape=shape)
    assert len(world.tables["fields"]) == 25
    assert len(world.tables["fieldValues"]) == 900
    assert (len(world.tables["tags"]), len(world.tables["lists"])) == (12, 9)
    assert 120 < len(world.tables["accountContacts"]) < 180


def test_a_shape_may_be_bare():
    """A shape of zeros has people and accounts, and no stages or deals."""
    nothing = dict.fromkeys((f.name for f in fields(Shape)), 0)
    world = world_of(shape=Shape(**nothing))
    held = {name for name, table in world.tables.items() if len(table)}
    assert held == {"contacts", "accounts", "notes", "users", "dealRoles"}


def test_an_empty_account_has_its_first_user():
    """is_empty leaves one user in one group, to whom the key belongs."""
    caller = caller_of(is_empty=True)
    assert caller.get("/users/me")["user"]["id"] == "1"
    assert sum(map(len, caller.world.tables.values())) == 3


@pytest.mark.parametrize("name", sorted(SHOW))
def test_every_link_of_a_row_can_be_asked(name):
    """Each URL in `links` answers JSON."""
    caller = caller_of(contacts=40, deals=20, accounts=10)
    caller.world.edit_deal(1, status=1 - bool(caller.world.tables["deals"][1].status))
    for row in list(caller.world.tables[name])[:2]:
        for url in (SHOW[name](caller.world, row).get("links") or {}).values():
            answer = caller.session.get(url, timeout=5)
            assert answer.status_code == 200, url
            assert isinstance(answer.json(), dict)


@pytest.mark.parametrize(
    "path",
    [
        "/campaigns",
        "/messages",
        "/forms",
        "/ecomOrders",
        "/activities",
        "/bounceLogs",
        "/templates",
    ],
)
def test_remaining_collections_are_paged(path):
    """The other collections answer pages with their own keys, the same each time."""
    caller = caller_of()
    rows = caller.rows(path)
    assert len(rows) > 1
    assert rows == caller.rows(path)
    assert caller.rows(path, limit=1, offset=1) == rows[1:2]


def test_a_world_is_quick_to_build():
    """A world of some thousand contacts is built within two seconds of CPU."""
    began = time.process_time()
    world = world_of(contacts=3000)
    assert len(world.tables["contacts"]) == 3000
    assert time.process_time() - began < 2
