"""Present values of contacts, read in bulk, equal the account's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_activecampaign.concurrency.cooperative_pool import CooperativePool
from target_activecampaign.lookups.contact_values import ContactValuesReader
from tests.tap.client.clients import ManualClock, client_of, world_of

if TYPE_CHECKING:
    from target_activecampaign.lookups.contact_values import ContactValues
    from tests.sandbox import World

CONTACTS = 260
ODD: list[dict[str, Any]] = [
    {"include": "none"},
    {"include": frozenset({"contactTags", "fieldValues"})},
    {
        "include": frozenset({"fieldValues", "contactTags", "contactLists"}),
        "include_unknown": "400",
    },
    {"include_row_cap": 40},
    {"include_row_cap": 1},
    {"include_id_arrays": False},
    {"include_id_arrays": False, "include_row_cap": 60},
    {"include_id_arrays": False, "include_empty_key": False},
    {"include_id_arrays": False, "include": "none", "include_empty_key": False},
    {"meta_total": "wrong"},
    {"meta_total": "missing"},
    {"nested_paged": False, "include": "none"},
]

# A set has no order that two processes share: the names of tests are sorted.
NAMES = [
    ",".join(f"{k}={sorted(v) if isinstance(v, frozenset) else v}" for k, v in spoils.items())
    for spoils in ODD
]


def account(**switches: Any) -> World:
    """Return an account in which one contact has more tags than a page has rows."""
    world = world_of(ManualClock(), contacts=CONTACTS, deals=2, accounts=9)
    for number in range(130):
        world.tag(7, world.add_tag(f"many {number}").id)
    for name, value in switches.items():
        setattr(world.switches, name, value)
    return world


def reader_of(world: World) -> ContactValuesReader:
    """Return a reader with a client of its own."""
    return ContactValuesReader(client_of(world, ManualClock()), CooperativePool())


def truth_of(world: World, contact: int) -> tuple[Any, ...]:
    """Return a contact's values in the account."""
    t = world.tables
    return (
        {str(row.tag): str(row.id) for row in t["contactTags"].by("contact", contact)},
        {str(row.field): row.value for row in t["fieldValues"].by("contact", contact)},
        {str(row.list): str(row.status) for row in t["contactLists"].by("contact", contact)},
        {str(row.account): row.jobTitle for row in t["accountContacts"].by("contact", contact)},
    )


def read_as_truth(values: ContactValues) -> tuple[Any, ...]:
    """Return the values that were read, in the form of `truth_of`."""
    return (
        values.tags,
        values.fields,
        {list_id: status.status for list_id, status in values.lists.items()},
        {company_id: link.title for company_id, link in values.accounts.items()},
    )


def check(world: World, ids: list[int]) -> None:
    """Compare the values that are read of these contacts with the account."""
    found = reader_of(world).read(str(contact_id) for contact_id in ids)
    present = [
        contact_id for contact_id in sorted(set(ids)) if contact_id in world.tables["contacts"].rows
    ]
    assert list(found) == [str(contact_id) for contact_id in present]
    for contact_id in present:
        assert read_as_truth(found[str(contact_id)]) == truth_of(world, contact_id)
        assert found[str(contact_id)].row["email"] == world.tables["contacts"][contact_id].email


def test_a_hundred_contacts_take_one_request() -> None:
    """Values, tags, lists and links of 260 contacts take three requests."""
    world = account()
    check(world, list(range(1, CONTACTS + 1)))
    assert [entry.path for entry in world.log] == ["/api/3/contacts"] * 3


@pytest.mark.parametrize("switches", ODD, ids=NAMES)
def test_relations_that_the_server_leaves_out_are_read_separately(switches: dict[str, Any]) -> None:
    """Relations that are missing or cut off are read separately, with equal values."""
    check(account(**switches), [*range(1, CONTACTS + 1), 9999])


@pytest.mark.parametrize("include", ["all", "none"])
def test_an_account_without_related_rows_is_known_to_have_none(include: str) -> None:
    """For contacts without related rows the reader sends no request per contact."""
    world = world_of(ManualClock(), contacts=0, deals=0, accounts=0)
    ids = [world.add_contact(f"p{number}@shop.example").id for number in range(120)]
    world.switches.include = include
    world.switches.include_id_arrays = False
    check(world, ids)
    assert len(world.log) <= 6


@given(
    st.sampled_from([{}, *ODD]),
    st.lists(st.integers(1, CONTACTS + 20), max_size=150),
    st.lists(st.integers(1, CONTACTS), max_size=5),
)
def test_any_selection_of_contacts_is_read_as_it_is(
    switches: dict[str, Any], ids: list[int], deleted: list[int]
) -> None:
    """Each contact of any selection, deleted contacts included, has exactly its own values."""
    world = account(**switches)
    for contact_id in set(deleted):
        client_of(world, ManualClock()).send("DELETE", f"contacts/{contact_id}")
    check(world, ids)


def test_a_list_status_has_its_times_and_its_source() -> None:
    """A list status has its times and its source."""
    world = account()
    row = next(row for row in world.tables["contactLists"] if row.status == 2)
    values = reader_of(world).read([str(row.contact)])[str(row.contact)]
    status = values.lists[str(row.list)]
    assert (status.id, status.status, status.source) == (str(row.id), "2", str(row.sourceid))
    assert status.unsubscribed_at == world.dt(row.udate)
    assert status.updated_at == world.ts(row.updated)
