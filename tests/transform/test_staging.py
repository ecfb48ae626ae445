"""The staging layer is rendered from the code and equals the account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.resources import by_name
from tests.demo.account import ROOT
from tests.faults.truth import truth_of

from . import staging
from .project import STAGING

if TYPE_CHECKING:
    from .conftest import Warehouse
    from .staging import Column


def test_the_files_are_what_the_code_renders() -> None:
    """Each stream has a model, each model a stream, and `make render` changes nothing."""
    folder = ROOT / staging.FOLDER
    there = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.iterdir()
    }
    assert there == staging.files()


def value_at(record: dict[str, Any], column: Column) -> Any:
    """Return the value of a record at the path of a staging column."""
    name, is_first, part = re.fullmatch(r"(\w+)(\[0\])?(?:\.(\w+))?", column.path).groups()  # type: ignore[union-attr]
    value = record[name]
    if is_first:
        value = value[0] if value else None
    if part:
        value = value[part] if value else None
    if column.name == "custom_fields":  # a field without a value may be null or absent
        return {key: one for key, one in value.items() if one not in (None, [])}
    return value


@pytest.mark.long
@pytest.mark.meltano
@pytest.mark.slow
def test_every_staging_model_holds_what_the_account_holds(warehouse: Warehouse) -> None:
    """Each row and column of each stream is in its model, typed, without deleted rows."""
    world = warehouse.world
    streams = list(truth_of(world))
    warehouse.load(streams, detect_deletes=True)
    compare(warehouse)
    # A deal does not change when its contact is deleted.
    with_deals = {row.contact for name in ("deals", "contactDeals") for row in world.tables[name]}
    world.delete_contact(
        next(one for one in world.tables["contacts"].ids() if one not in with_deals)
    )
    world.delete_deal(3)
    world.edit_contact(5, firstName="Zoë")
    warehouse.account.wait(hours=30)
    warehouse.load(streams, detect_deletes=True)
    compare(warehouse, also_counts=False)


def compare(warehouse: Warehouse, *, also_counts: bool = True) -> None:
    """Compare all staging views with the account.

    The deletion of a contact changes no date of its account; the week's sweep emits that account.
    """
    warehouse.transform.run("run", "--select", "staging")
    counts = {"contact_count", "deal_count", "subscriber_count"}
    for stream, records in truth_of(warehouse.world).items():
        resource = by_name[stream]
        chosen = [
            column
            for column in staging.columns(resource)
            if also_counts or column.name not in counts
        ]
        rows = warehouse.transform.rows(f"{staging.PREFIX}{stream}", STAGING)
        held = {tuple(row[key] for key in staging.keys(resource)): row for row in rows}
        assert len(held) == len(rows)
        assert held.keys() == records.keys(), stream
        for key, record in records.items():
            for column in chosen:
                found, wanted = held[key][column.name], value_at(record, column)
                if column.name == "custom_fields":
                    found = {name: one for name, one in found.items() if one not in (None, [])}
                assert found == wanted, f"{stream} {key} {column.name}"
