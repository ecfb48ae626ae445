"""Parses Singer messages into input rows, and rejects messages that are not valid records.

`stream_names.py` maps the names of streams.
"""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.audiences.input_completeness import (
    REJECTED,
    UNREADABLE,
    InputCompleteness,
)
from target_activecampaign.config.write_policy import WritePolicy
from target_activecampaign.outcome import Action, Outcome, RowRejected, RowSkipped
from target_activecampaign.records.account_label_check import AccountLabelCheck, without_label
from target_activecampaign.records.clean_values import composed
from target_activecampaign.records.columns.matching import CUSTOM_FIELDS
from target_activecampaign.records.input_row import InputRow, UnreadLine
from target_activecampaign.records.input_schemas import InputSchemas
from target_activecampaign.records.ledger_key import key_of
from target_activecampaign.sinks import registry

from .row_columns import RowColumns, hint_of
from .stream_names import StreamNames

if TYPE_CHECKING:
    from target_activecampaign.sinks.custom_objects import AccountObjects

    from .stream_names import StreamMaps

logger = logging.getLogger("target-activecampaign")

Message = dict[str, Any]
#: The most lines without a row that the log names.
MAX_LOGGED_LINES = 10
NOT_A_RECORD = "a RECORD without stream or record; correct the source"
NO_SCHEMA = "it comes before its SCHEMA; send that first"
BY_MAPS = "left out by stream_maps"


class RecordParser:
    """Parses messages into rows; ``number`` counts the RECORD lines of the input from 1."""

    def __init__(
        self,
        objects: AccountObjects,
        maps: StreamMaps | None,
        aliases: dict[str, str] | None,
        label: str | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """Begin before the first line; ``label`` is the setting `account_label`.

        Raises `SettingsError` if `column_aliases` names an unknown stream or field.
        """
        self._maps = maps
        #: The names of the streams of the input.
        self.names = StreamNames(maps, aliases or {})
        self._columns = RowColumns(policy or WritePolicy(), aliases or {}, objects.find)
        self._labels = AccountLabelCheck(label)
        self._keys: dict[str, list[str]] = {}
        self._left_out = 0
        self._unread: list[UnreadLine] = []
        #: Facts of the input's SCHEMA messages that the sinks need.
        self.schemas = InputSchemas()
        self.number = 0
        #: Records which streams were read whole.
        self.completeness = InputCompleteness()

    # --- lines and schemas --------------------------------------------------------------------

    def note_broken_line(self, why: str, *, is_record: bool) -> None:
        """Report an unreadable line; count it as a rejected row if it may be a row."""
        self.completeness.note_fault(None, UNREADABLE)
        if not is_record:
            self._left_out += 1
            if self._left_out <= MAX_LOGGED_LINES:
                logger.error("Left out of the input: %s; correct it", why)
            elif self._left_out == MAX_LOGGED_LINES + 1:
                logger.error("Left out of the input: more such lines; the log names only the first")
            return
        self.number += 1
        self._reject(self.number, None, {}, f"row {self.number}: {why}; correct the line")

    def parse_schema(self, message: Message) -> list[tuple[str, Message, list[str]]]:
        """Parse a SCHEMA; return the streams after stream maps, with schema and key."""
        stream, schema = message.get("stream"), message.get("schema")
        if not isinstance(stream, str) or not isinstance(schema, dict):
            logger.error(
                "The target ignores a SCHEMA without stream or schema (stream: %s) and rejects its "
                "rows: correct the source",
                stream,
            )
            return []
        properties = message.get("key_properties")
        keys = [str(name) for name in properties] if isinstance(properties, list) else []
        if self._maps is None:
            self.completeness.note_schema(stream, stream)
            return [(stream, schema, keys)]
        schema.setdefault("properties", {})
        self._keys.setdefault(stream, keys)
        maps = self._maps.register(stream, schema, keys)
        for name in self.names.after_maps(stream):
            self.completeness.note_schema(name, stream)
        return [
            (
                stream_map.stream_alias,
                stream_map.transformed_schema,
                list(stream_map.transformed_key_properties or []),
            )
            for stream_map in maps
        ]

    def is_rekeyed(self, stream: str, keys: list[str]) -> bool:
        """Return whether the key of a stream changes."""
        return self._keys.get(stream, keys) != keys

    def note_schema(
        self, stream: str, schema: Message, keys: list[str], *, keeps_field_types: bool
    ) -> None:
        """Remember a stream's key; with ``keeps_field_types`` also the types of custom fields."""
        self._keys[stream] = keys
        sink = registry.find_sink(self.names.alias(stream))
        properties = schema.get("properties")
        has_custom_fields = sink is not None and sink.resource.custom_fields
        if (
            sink is None
            or not has_custom_fields
            or not keeps_field_types
            or not isinstance(properties, dict)
        ):
            return
        table = self._columns.table(sink.resource.name)
        for column, part in properties.items():
            place = table.place_of(column)
            if place.column != CUSTOM_FIELDS or not isinstance(part, dict):
                continue
            inner = part.get("properties")
            hints_by_name = {place.key: part} if place.key else inner
            for name, hint in (hints_by_name if isinstance(hints_by_name, dict) else {}).items():
                if isinstance(hint, dict):
                    self.schemas.field_hints.setdefault((sink.entity, fold(name)), hint)

    # --- rows ---------------------------------------------------------------------------------

    def take_unread(self) -> list[UnreadLine]:
        """Remove and return the lines that did not become rows."""
        unread, self._unread = self._unread, []
        return unread

    def rows_of(self, message: Message) -> list[InputRow]:
        """Return the rows of a RECORD: 1 row, unless stream maps drop or duplicate the record."""
        self.number += 1
        stream, record = message.get("stream"), message.get("record")
        if not isinstance(stream, str) or not isinstance(record, dict):
            self.completeness.note_fault(None, UNREADABLE)
            self._reject(self.number, None, {}, NOT_A_RECORD)
            return []
        self.completeness.note_row(self.names.after_maps(stream), self.number)
        rows = []
        for name, mapped in self._mapped(stream, record):
            keys = self._keys.get(name)
            if keys is None:
                self.completeness.note_fault(name, REJECTED)
                self._reject(
                    self.number, self.names.alias(name), {}, f"row {self.number}: {NO_SCHEMA}"
                )
                continue
            row = self.row_of(self.number, self.names.alias(name), mapped, keys, name)
            if row is not None:
                rows.append(row)
        return rows

    def _mapped(self, stream: str, record: Message) -> list[tuple[str, Message]]:
        maps = self._maps.streams(stream) if self._maps is not None else []
        if not maps:
            return [(stream, record)]
        mapped_records = []
        for stream_map in maps:
            try:
                mapped = stream_map.transform(copy.copy(record))
            except Exception as problem:  # noqa: BLE001 - the user's expression may raise anything
                why = f"stream_maps failed on this row ({type(problem).__name__})"
                for name in self.names.after_maps(stream):
                    self.completeness.note_fault(name, REJECTED)
                self._reject(self.number, self.names.alias(stream), {}, why)
                continue
            if mapped is None:
                outcome = Outcome(Action.SKIPPED, reason=BY_MAPS, confirms_row=False)
                self._unread.append(UnreadLine(self.number, self.names.alias(stream), {}, outcome))
            else:
                mapped_records.append((stream_map.stream_alias, mapped))
        return mapped_records

    def row_of(
        self,
        number: int | None,
        stream: str,
        record: Message,
        keys: list[str],
        input_stream: str = "",
    ) -> InputRow | None:
        """Return the row of a record; reject a record that cannot be a row.

        ``input_stream`` is the stream's name in the input, if that differs.
        """
        sink, source = registry.find_sink(stream), record
        all_keys = keys
        record, keys = without_label(record, keys)
        if sink is None:
            names = ", ".join(sorted(registry.SINKS))
            why = f"unknown stream{hint_of(stream)}; map it in stream_aliases to one of {names}"
            self.completeness.note_fault(input_stream or stream, REJECTED)
            self._reject(number, stream, _values(record, keys), why)
            return None
        try:
            self._labels.check(source)
            nested, remarks = self._columns.read(stream, record, keys)
            fields = [nested.fields.get(name, name) for name in keys]
            key = key_of(nested.source_value, fields, sink.key_columns)
        except RowSkipped as skip:
            self._unread.append(
                UnreadLine(number, stream, _values(source, all_keys), skip.outcome())
            )
            return None
        except RowRejected as rejection:
            self.completeness.note_fault(input_stream or stream, REJECTED)
            self._reject(number, stream, _values(record, keys), rejection.reason)
            return None
        self.schemas.key_properties.setdefault(stream, keys)
        normalized = composed(nested.record) if sink.family != "raw" else nested.record
        return InputRow(
            *(number, stream, normalized, key, source),
            remarks=remarks,
            shown_key=None if fields == keys else _values(record, keys),
            unnormalized=None if normalized is nested.record else nested.record,
            input_stream=input_stream,
        )

    def _reject(self, number: int | None, stream: str | None, key: Message, why: str) -> None:
        outcome = Outcome(Action.REJECTED, reason=why, confirms_row=False)
        self._unread.append(UnreadLine(number, stream or "unknown", key, outcome))


def _values(record: Message, names: list[str]) -> Message:
    return {name: record.get(name) for name in names}
