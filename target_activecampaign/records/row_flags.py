"""Flags of records to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.parsing import InvalidValue
from tap_activecampaign_unified.resources.parsing.flags import parse_flag
from target_activecampaign.outcome import RowRejected

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Record


def flag_of(record: Record, name: str, column: str | None = None) -> bool:
    """Return a flag of a record, False without a value; raise `RowRejected` for other words."""
    try:
        return bool(parse_flag(record.get(name)))
    except InvalidValue as problem:
        raise RowRejected(f"{column or name}: {problem}") from None
