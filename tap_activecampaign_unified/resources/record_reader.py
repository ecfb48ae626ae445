"""Converts native rows to unified records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .custom_field_rows import CUSTOM_VALUES
from .input_values import InvalidValue
from .resource import (
    DELETED_AT,
    Attribute,
    Field,
    Record,
    Resource,
    Row,
    RowContext,
    empty,
    nothing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .custom_fields import CustomFields


class RecordReader:
    """Reads the rows of one resource into records.

    ``wanted`` returns False for deselected properties. A value that cannot be read becomes None,
    and ``_errors`` names it.
    """

    def __init__(
        self,
        resource: Resource,
        custom: CustomFields | None = None,
        *,
        wanted: Callable[[str], bool] = lambda _: True,
        remote_data: bool = False,
        deletes: bool = False,
    ) -> None:
        self._custom = custom if resource.custom_fields else None
        self._remote_data = remote_data and wanted("remote_data")
        self._wants_custom = wanted("custom_fields")
        selected = [
            entry
            for entry in resource.entries
            if entry.unified in resource.keys or wanted(entry.unified)
        ]
        self._template: Record = dict.fromkeys(entry.unified for entry in selected)
        if deletes:
            self._template[DELETED_AT] = None
        self._fields = [
            (entry.unified, entry.native, entry.codec.decode)
            for entry in selected
            if isinstance(entry, Field)
        ]
        readers = [
            (entry.unified, _reader_of(entry) if isinstance(entry, Attribute) else entry.read)
            for entry in selected
            if not isinstance(entry, Field)
        ]
        # The template has the values that are always null.
        self._always_empty = [unified for unified, read in readers if read is empty]
        self._computed = [
            (unified, read) for unified, read in readers if read not in {nothing, empty}
        ]

    def tombstone(self, values: Record) -> Record:
        """Return a tombstone: only ``values``, and null in all other properties."""
        return {**self._template, **values, "_errors": []}

    def read(self, row: Row, row_context: RowContext) -> Record:
        """Return the record of one row."""
        record = self._template.copy()
        errors: list[str] = []
        zone = row_context.zone
        get = row.get
        for unified, native, decode in self._fields:
            try:
                record[unified] = decode(get(native), zone)
            except InvalidValue as problem:
                errors.append(f"{unified}: {problem}")
        for unified in self._always_empty:
            record[unified] = []
        if self._custom is not None:
            if row_context.custom is None:
                faults: list[str] = []
                values = row_context.rows(CUSTOM_VALUES)
                row_context.custom, row_context.attributes = self._custom.read(values, zone, faults)
                row_context.custom_faults = faults
            errors += row_context.custom_faults
            if self._wants_custom:
                record["custom_fields"] = row_context.custom.copy()
        for unified, compute in self._computed:
            try:
                record[unified] = compute(row, row_context)
            except InvalidValue as problem:
                errors.append(f"{unified}: {problem}")
        if self._remote_data:
            record["remote_data"] = row
        record["_errors"] = errors
        return record


def _reader_of(entry: Attribute) -> Callable[[Row, RowContext], Any]:
    def read(_: Row, row_context: RowContext) -> Any:
        return entry.read(*(row_context.attributes.get(tag) for tag in entry.tags))

    return read
