"""Changes during a read: no lasting row is missing, and the next run emits the changes."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.faults.warehouse import Warehouse
from tests.length import of
from tests.sandbox import Shape
from tests.tap.random_changes import RandomChanges, keys_of
from tests.tap.running import Account

SWEEP = 170  # hours after which everything is read again
# Every collection is longer than a page: of a hundred rows, or of twenty where limits are ignored.
LARGE = {"contacts": 230, "deals": 120, "accounts": 115}
SMALL = {"contacts": 66, "deals": 45, "accounts": 30}
SHAPE = {
    False: Shape(contact_fields=3, account_fields=4, deal_fields=3, tags=120, notes_share=0.7),
    True: Shape(contact_fields=3, lists=24, tags=25, pipelines=8, users=22, notes_share=0.7),
}
# Columns that other rows change without a date on the record's own row.
UNMARKED = {
    "crm_accounts": {"contact_count", "deal_count"},
    "crm_contacts": {"account", "accounts", "custom_fields", "segments", "tags", "title"},
    "crm_notes": {"account", "contact", "opportunity", "parent"},
    "crm_opportunities": {"account", "contact", "custom_fields", "pipeline", "stage"},
    "marketing_contact_tags": {"tag_name"},
    "marketing_contacts": {"account", "custom_fields", "segments", "status", "tags"},
}


def missing(warehouse: Warehouse, account: Account, *, whole: bool) -> list[str]:
    """Return what the warehouse lacks or has otherwise than the account.

    Rows that are gone from the account are ignored, and unless ``whole`` so are columns that no
    date marks.
    """
    found = []
    is_marked = account.world.switches.bump_list_status
    for line in warehouse.differences(account.world):
        place, _, _ = line.partition(":")
        stream, _, rest = place.partition(" ")
        column = rest.rpartition(" ")[2]
        is_let_be = column in UNMARKED.get(stream, ()) or (
            stream == "marketing_segment_memberships"
            and (not is_marked or column == "segment_name")
        )
        if not line.endswith("not in the account") and (whole or not is_let_be):
            found.append(line)
    return sorted(found)[:5]


def tags_of(warehouse: Warehouse, account: Account) -> tuple[Any, Any]:
    """Return the tags of each contact, in the warehouse and in the account."""
    living = {str(tag_id) for tag_id in account.world.tables["tags"].ids()}
    contact_ids = {str(contact_id) for contact_id in account.world.tables["contacts"].ids()}
    held = {
        contact_id: {tag["id"] for tag in record["tags"]} & living
        for (contact_id,), record in warehouse.tables["crm_contacts"].items()
        if contact_id in contact_ids
    }
    wanted: dict[str, set[str]] = {contact_id: set() for contact_id in contact_ids}
    for contact, tag in keys_of(account.world)["marketing_contact_tags"]:
        wanted[contact].add(tag)
    return held, wanted


@settings(max_examples=of(10, 1500), suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 100_000),
    rate=st.sampled_from([0.05, 0.3, 0.9]),
    moves=st.sampled_from([(True, False), (False, True), (True, True)]),
    sideload=st.sampled_from(["auto", "never"]),
    include=st.sampled_from(["all", "none", frozenset({"contactTags", "fieldValues"})]),
    by_id=st.booleans(),
    total=st.sampled_from(["native", "missing", "wrong", "larger"]),
    is_capped=st.booleans(),
    is_marked=st.booleans(),
    far=st.booleans(),
)
def test_lasting_rows_are_never_missing_and_changes_are_emitted(
    seed: int,
    rate: float,
    moves: tuple[bool, bool],
    sideload: str,
    include: Any,
    total: str,
    *,
    by_id: bool,
    is_capped: bool,
    is_marked: bool,
    far: bool,
) -> None:
    """No lasting row is missing while rows are added, changed, deleted and merged.

    Each lasting row is in the warehouse, and in no run twice. The next run emits changed rows. The
    next sweep emits what the server does not mark as changed.
    """
    account = Account(
        **(SMALL if is_capped else LARGE),
        seed=seed,
        shape=SHAPE[is_capped],
        id_greater=by_id,
        include=include,
        meta_total=total,
        # A drifting order and equal numbers of new and deleted rows can hide a row until the sweep.
        drifting_order=False,
        bump_list_status=is_marked,
        bump_field_value=is_marked,
        bump_account_link=is_marked,
    )
    account.order, account.reads_far_ahead = seed, far
    if is_capped:
        # A count that is wrong by exactly the remaining rows cannot be detected.
        assume(total != "wrong")
        account.world.faults.deaf("limit")
    warehouse = Warehouse()
    for turn, is_moving in enumerate((*moves, False)):
        changes = RandomChanges(account, seed, rate if is_moving else 0)
        account.world.before_request(changes)
        ran = account.run(warehouse.state, sideload=sideload)
        account.world.hooks.clear()
        assert ran.code == 0, ran.line
        warehouse.load(ran.messages)
        for stream, steady in changes.steady.items():
            if stream == "marketing_segment_memberships" and turn and not is_marked:
                continue  # added during the run before, and nothing marks it
            held = warehouse.tables.get(stream, {})
            lost = sorted(steady - set(held))
            assert not lost, f"{stream}: {lost[:3]} of {len(lost)}"
            came = [
                tuple(record[name] for name in warehouse.keys[stream])
                for record in ran.records.get(stream, [])
            ]
            assert len(came) == len(set(came)), stream
        account.wait(minutes=5)
    late = missing(warehouse, account, whole=False)
    assert not late, late
    held, wanted = tags_of(warehouse, account)
    assert held == wanted
    account.wait(hours=SWEEP)
    ran = account.run(warehouse.state, sideload=sideload)
    warehouse.load(ran.messages)
    late = missing(warehouse, account, whole=True)
    assert not late, late
