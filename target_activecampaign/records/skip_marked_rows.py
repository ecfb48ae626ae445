"""Reads the flags of rows; skips rows that are marked as disabled, deleted or anonymized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.flags import parse_flag
from tap_activecampaign_unified.resources.resource import is_read_only
from target_activecampaign.outcome import RowRejected, RowSkipped

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Record, Resource

#: Flags of rows that are hidden or deleted; every stream takes them.
FLAGS = ("is_disabled", "is_deleted", "deleted", "anonymized")


def flag_of(record: Record, name: str, column: str | None = None) -> bool:
    """Return a flag of a record, False without a value; raise `RowRejected` for other words."""
    try:
        return bool(parse_flag(record.get(name)))
    except InvalidValue as problem:
        raise RowRejected(f"{column or name}: {problem}") from None


def skip_flagged(record: Record, resource: Resource | None = None) -> None:
    """Raise `RowSkipped` for rows that a flag marks as hidden or deleted.

    A flag that is a writable field of ``resource`` does not count.
    """
    given = [flag for flag in FLAGS if flag in record]
    if not given:
        return
    fields = {
        entry.unified for entry in (resource.entries if resource else ()) if not is_read_only(entry)
    }
    for flag in given:
        if flag not in fields and flag_of(record, flag):
            raise RowSkipped(f"the row is marked {flag}")
