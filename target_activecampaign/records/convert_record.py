"""Converts a record to native columns, and rejects a record with a value of a wrong type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources import record_writer
from target_activecampaign.outcome import RowRejected

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.record_writer import NativeWrite
    from tap_activecampaign_unified.resources.resource import Record, Resource


def convert_record(resource: Resource, record: Record) -> NativeWrite:
    """Return the native columns of a record; raise `RowRejected` that names each wrong column."""
    converted = record_writer.write(resource, record)
    if converted.problems:
        faults = [f"{name}: {problem}" for name, problem in converted.problems]
        raise RowRejected("; ".join(faults))
    return converted
