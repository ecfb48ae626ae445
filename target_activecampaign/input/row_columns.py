"""Reads the columns of rows under our names, and warns about each unknown column."""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.resources.custom_objects import PREFIX
from tap_activecampaign_unified.resources.input_values.column_names import snake_case
from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.clean_values import OWN_KEYS, without_nulls
from target_activecampaign.records.columns.matching import did_you_mean
from target_activecampaign.records.columns.nested import NestedRecord, nest
from target_activecampaign.records.columns.plain_contact_columns import (
    PLAIN,
    with_plain_columns,
    with_status_of_dates,
)
from target_activecampaign.records.columns.stream_columns import columns_of
from target_activecampaign.records.row_references import read_own_key
from target_activecampaign.sinks import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_activecampaign_unified.resources.custom_objects import CustomObject
    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.records.columns.matching import ColumnTable, UnknownColumn
    from target_activecampaign.sinks.sink_definition import Sink

logger = logging.getLogger(__name__)

MAX_WARNINGS = 1_000
#: The columns of a contact's row beside its fields. With `status`, list names do not subscribe.
CONTACT_COLUMNS = frozenset({*PLAIN, "status"})


class RowColumns:
    """Reads the columns of rows by the settings ``column_aliases`` and ``unknown_columns``.

    ``stream_aliases`` is the setting: `column_aliases` accepts the source's names of streams too.
    ``find_object`` returns the account's custom object of a stream, None if it is not known. Raises
    `SettingsError` if an alias names an unknown stream or field.
    """

    def __init__(
        self,
        policy: WritePolicy,
        stream_aliases: dict[str, str],
        find_object: Callable[[str], CustomObject | None] = lambda _: None,
    ) -> None:
        self._policy = policy
        self._column_aliases = dict(policy.column_aliases)
        self._stream_aliases = stream_aliases
        self._find_object = find_object
        self._tables: dict[str, ColumnTable] = {}
        self._warned: set[tuple[str, str]] = set()
        faults = [
            f"stream_aliases.{name}: {stream} is no stream of the target{hint_of(stream)}"
            for name, stream in stream_aliases.items()
            if registry.find_sink(str(stream)) is None
        ]
        faults += [fault for name in self._column_aliases for fault in self._faults_of(name)]
        if faults:
            raise SettingsError(faults)

    def table(self, stream: str) -> ColumnTable:
        """Return the columns of a stream of this target."""
        if stream not in self._tables:
            sink = _sink_of(stream)
            also = sink.also | (CONTACT_COLUMNS if sink.family == "contact" else frozenset())
            self._tables[stream] = columns_of(sink.resource, also, self._aliases_of(stream))
        return self._tables[stream]

    def _aliases_of(self, stream: str) -> dict[str, str]:
        """Return the user's own names of a stream's columns."""
        aliases: dict[str, str] = {}
        for name, columns in self._column_aliases.items():
            if stream in {name, self._stream_aliases.get(name)}:
                aliases |= columns
        return aliases

    def _table_of_object(self, stream: str) -> ColumnTable | None:
        """Return the columns of a custom object, None if the account does not show the object."""
        if stream not in self._tables:
            custom_object = self._find_object(stream)
            if custom_object is None:
                return None
            relations = dict(custom_object.relations_to)
            aliases = self._aliases_of(stream)
            self._tables[stream] = columns_of(custom_object, (), aliases, relations)
        return self._tables[stream]

    def read(
        self, stream: str, record: Record, keys: Iterable[str]
    ) -> tuple[NestedRecord, tuple[str, ...]]:
        """Return a row's record under our names, and a remark for each unknown column.

        The columns ``keys`` of the source's own key are never unknown. Raises `RowRejected` if two
        columns name the same field, and for unknown columns if `unknown_columns` is `reject`.
        """
        sink = _sink_of(stream)
        if sink.family == "raw":
            return NestedRecord(record, record), ()
        is_object = sink.family == "custom_object"
        table = self._table_of_object(stream) if is_object else self.table(stream)
        if table is None:  # the sink reads the object again and gives the row its reason
            cleaned = {name: without_nulls(value) for name, value in record.items()}
            return NestedRecord(cleaned, record, sources=dict(zip(record, record, strict=True))), ()
        nested = nest(table, record, self._policy.list_delimiter)
        for name in OWN_KEYS & nested.record.keys():
            nested.record[name] = read_own_key(nested.record[name], name)
        if sink.family == "contact":
            phones = "phones" if stream == "marketing_contacts" else "phone_numbers"
            nested.record = with_status_of_dates(with_plain_columns(nested.record, phones))
        unknown = [column for column in nested.unknown if column.path not in keys]
        if not unknown or self._policy.unknown_columns == "ignore":
            return nested, ()
        remarks = tuple(sorted({column.text for column in unknown}))
        if self._policy.unknown_columns == "reject":
            raise RowRejected("; ".join(remarks))
        for column in unknown:
            self._warn(stream, column)
        return nested, remarks

    def _warn(self, stream: str, unknown: UnknownColumn) -> None:
        """Warn about a stream's unknown column, only once."""
        at = (stream, unknown.path)
        if at in self._warned or len(self._warned) >= MAX_WARNINGS:
            return
        self._warned.add(at)
        logger.warning(
            "%s: %s (map it in column_aliases, or set unknown_columns)", stream, unknown.text
        )

    def _faults_of(self, name: str) -> list[str]:
        stream = self._stream_aliases.get(name, name)
        if registry.find_sink(stream) is None:
            return [f"column_aliases names a stream that is unknown: {name}"]
        columns: Any = self._column_aliases[name]
        fields = columns.values() if isinstance(columns, dict) else ()
        if not isinstance(columns, dict) or not all(isinstance(name, str) for name in fields):
            return [f"column_aliases.{name} must name a field for each of its columns"]
        if stream.startswith(PREFIX):
            return []  # only the account knows the fields; the first row makes the target read them
        table = self.table(stream)
        return [
            f"column_aliases.{name}: {unknown.path} is no field of {stream}"
            f"{did_you_mean(unknown.nearest)}"
            for field in columns.values()
            if (unknown := table.place_of(field).unknown) is not None
        ]


def hint_of(stream: str) -> str:
    """Return the hint to a stream of the target with a similar name; empty without one."""
    own = sorted(name for name in registry.SINKS if name.endswith(f"_{snake_case(stream)}"))
    near = own or difflib.get_close_matches(stream, registry.SINKS, 1)
    return did_you_mean(near[0] if near else None)


def _sink_of(stream: str) -> Sink:
    """Return the sink of a stream of this target."""
    sink = registry.find_sink(stream)
    if sink is None:
        raise KeyError(stream)
    return sink
