"""All ways to read related rows give the same records, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tap.running import Account

SIZES: dict[str, Any] = {"contacts": 130, "deals": 120, "accounts": 110, "hidden_deals": True}
SOME = frozenset({"fieldValues", "contactLists"})


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """The records of an account that honours everything."""
    return Account(seed=5, **SIZES).run().records


SWITCHES: list[dict[str, Any]] = [
    {"include": "none"},
    {"include": SOME},
    {"include": SOME, "include_id_arrays": False, "include_empty_key": False},
    {"include": "none", "include_unknown": "400"},
    {"include_nested": False},
    {"include_nested": False, "include_unknown": "400"},
    {"include_row_cap": 20},
    {"include_row_cap": 100, "include_id_arrays": False},
    {"include_id_arrays": False, "include_empty_key": False},
    {"deal_data_sideload": "slim"},
    {"account_data": "documented"},
    {"account_data": "live everywhere"},
    {"account_data": "live everywhere", "include": "none"},
    {"meta_total": "missing"},
    {"meta_total": "wrong"},
    {"meta_total": "string"},
    {"id_greater": False},
    {"id_greater_total": "all"},
    {"limit_over_100": "422"},
    {"orders_id_elsewhere": True},
    {"drifting_order": False},
    {"group_user_groups": False},
    {"fields_default_limit": 100},
]


def name_of(part: Any) -> str:
    """Return the switches, or the setting, of a test."""
    is_some = isinstance(part, dict) and SOME in part.values()
    return str(part | {"include": "some"} if is_some else part)


@pytest.mark.parametrize(
    ("sideload", "switches"),
    [
        *[("auto", switches) for switches in SWITCHES],
        # Without an `include` in the requests, what it does makes no difference.
        *[
            ("never", switch)
            for switch in SWITCHES
            if not any(name.startswith("include") for name in switch)
        ],
    ],
    ids=name_of,
)
def test_the_records_are_the_same(expected, sideload, switches):
    """No behaviour of an account changes a record, with sideloading or without."""
    account = Account(seed=5, **SIZES, **switches)
    ran = account.run(sideload=sideload)
    assert ran.code == 0
    for stream, records in expected.items():
        assert ran.records[stream] == records, stream


def test_never_asks_for_no_sideload():
    """With `sideload: never` no request has `include`."""
    account = Account(**SIZES)
    ran = account.run(sideload="never")
    assert not any(name == "include" for entry in ran.received for name, _ in entry.query)


def test_an_account_without_tags_proves_nothing_and_loses_nothing():
    """A first page without tags does not verify the sideload; later tags are still read."""
    account = Account(contacts=0, include_id_arrays=False, include_empty_key=False)
    tag = account.world.add_tag("late")
    for number in range(250):
        account.world.add_contact(f"c{number}@letters.example")
    account.world.tag(230, tag.id)
    ran = account.run(only=["marketing_contact_tags"])
    assert [r["contact_id"] for r in ran.records["marketing_contact_tags"]] == ["230"]


def test_late_tags_of_an_account_that_sends_none_come_too():
    """If the account ignores the sideload, later tags are read from their collection."""
    account = Account(contacts=0, include="none")
    tag = account.world.add_tag("late")
    for number in range(250):
        account.world.add_contact(f"c{number}@letters.example")
    account.world.tag(230, tag.id)
    ran = account.run(only=["marketing_contact_tags"])
    assert [r["contact_id"] for r in ran.records["marketing_contact_tags"]] == ["230"]


def test_rows_without_an_endpoint_of_their_own_come_from_the_collection():
    """If an account lacks `/contacts/{id}/…`, the tap reads the collection."""
    account = Account(seed=5, **SIZES)
    expected = account.run(only=["crm_contacts"]).records
    for name in ("fieldValues", "contactTags", "contactLists", "accountContacts"):
        for contact_id in range(1, 131):
            account.world.faults.not_found(f"/api/3/contacts/{contact_id}/{name}", times=None)
    ran = account.run(only=["crm_contacts"])
    assert ran.records == expected


def test_secondary_contacts_come_from_the_collection():
    """Secondary contacts of a changed deal are read from the collection, not deal by deal."""
    account = Account(seed=5, **SIZES)
    first = account.run(only=["crm_opportunities"])
    account.wait(hours=1)
    account.world.edit_deal(3, title="Changed")
    second = account.run(first.state, only=["crm_opportunities"])
    assert "contactDeals" in second.paths()
    assert not [path for path in second.paths() if path.startswith("deals/3/contactDeals")]
