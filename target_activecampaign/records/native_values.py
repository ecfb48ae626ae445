"""Converts records to native values, and rejects those with values of a wrong type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources import writer
from target_activecampaign.outcome import RowRejected

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Record, Resource
    from tap_activecampaign_unified.resources.writer import NativeWrite


def native_values(resource: Resource, record: Record) -> NativeWrite:
    """Return the native values of a record; raise `RowRejected` that names each wrong column."""
    converted = writer.write(resource, record)
    if converted.problems:
        faults = [f"{name}: {problem}" for name, problem in converted.problems]
        raise RowRejected("; ".join(faults))
    return converted
