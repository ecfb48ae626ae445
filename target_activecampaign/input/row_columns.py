"""The columns of rows: under our names, with a warning for each column that is unknown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.resources.custom_objects import PREFIX
from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.clean import OWN_KEYS, plain_key, without_nulls
from target_activecampaign.records.nested import NestedRecord, nest
from target_activecampaign.records.plain_columns import PLAIN, with_plain_columns
from target_activecampaign.records.stream_columns import columns_of
from target_activecampaign.sinks import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_activecampaign_unified.resources.custom_objects import CustomObject
    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.records.column_matching import ColumnTable, UnknownColumn
    from target_activecampaign.sinks.sink import Sink

logger = logging.getLogger(__name__)

MAX_WARNINGS = 1_000
#: What a contact's row may say beside its fields: a status keeps list names from subscribing.
CONTACT_COLUMNS = frozenset({*PLAIN, "status"})


class RowColumns:
    """Reads the columns of rows by the settings ``column_aliases`` and ``unknown_columns``.

    ``aliases`` are those of streams: `column_aliases` takes the source's names of streams too.
    ``find_object`` returns the account's custom object of a stream, None where that is not known.
    Raises `SettingsError` for an alias of a stream or field that is unknown.
    """

    def __init__(
        self,
        policy: WritePolicy,
        aliases: dict[str, str],
        find_object: Callable[[str], CustomObject | None] = lambda _: None,
    ) -> None:
        self._policy = policy
        self._given = dict(policy.column_aliases)
        self._streams = aliases
        self._find_object = find_object
        self._tables: dict[str, ColumnTable] = {}
        self._warned: set[tuple[str, str]] = set()
        faults = [fault for name in self._given for fault in self._faults_of(name)]
        if faults:
            raise SettingsError(faults)

    def table(self, stream: str) -> ColumnTable:
        """Return the columns of one of our streams."""
        if stream not in self._tables:
            sink = _sink_of(stream)
            more = CONTACT_COLUMNS if sink.family == "contact" else frozenset()
            self._tables[stream] = columns_of(sink.resource, sink.also | more, self._own(stream))
        return self._tables[stream]

    def _own(self, stream: str) -> dict[str, str]:
        """Return the user's own names of a stream's columns."""
        chosen: dict[str, str] = {}
        for name, columns in self._given.items():
            if stream in {name, self._streams.get(name)}:
                chosen |= columns
        return chosen

    def _table_of_object(self, stream: str) -> ColumnTable | None:
        """Return the columns of a custom object, None where the account does not show it."""
        if stream not in self._tables:
            found = self._find_object(stream)
            if found is None:
                return None
            relations = dict(found.relations_to)
            self._tables[stream] = columns_of(found, (), self._own(stream), relations)
        return self._tables[stream]

    def read(
        self, stream: str, record: Record, keys: Iterable[str]
    ) -> tuple[NestedRecord, list[str]]:
        """Return a row's record in our shape, and a remark for each column that is unknown.

        The columns ``keys`` of the source's own key are never unknown. Raises `RowRejected` where
        columns cannot be told apart, and for unknown columns where `unknown_columns` is `reject`.
        """
        sink = _sink_of(stream)
        if sink.family == "raw":
            return NestedRecord(record), []
        is_object = sink.family == "custom_object"
        table = self._table_of_object(stream) if is_object else self.table(stream)
        if table is None:  # the sink asks again, and gives the row the reason
            return NestedRecord({name: without_nulls(value) for name, value in record.items()}), []
        found = nest(table, record, self._policy.list_delimiter)
        for name in OWN_KEYS:
            if name in found.record:
                found.record[name] = plain_key(found.record[name])
        if sink.family == "contact":
            phones = "phones" if stream == "marketing_contacts" else "phone_numbers"
            found.record = with_plain_columns(found.record, phones)
        unknown = [column for column in found.unknown if column.path not in keys]
        if not unknown or self._policy.unknown_columns == "ignore":
            return found, []
        remarks = sorted({column.text for column in unknown})
        if self._policy.unknown_columns == "reject":
            raise RowRejected("; ".join(remarks))
        for column in unknown:
            self._warn(stream, column)
        return found, remarks

    def _warn(self, stream: str, unknown: UnknownColumn) -> None:
        """Warn of a stream's unknown column once."""
        at = (stream, unknown.path)
        if at in self._warned or len(self._warned) >= MAX_WARNINGS:
            return
        self._warned.add(at)
        logger.warning(
            "%s: %s (map it in column_aliases, or set unknown_columns)", stream, unknown.text
        )

    def _faults_of(self, name: str) -> list[str]:
        stream = self._streams.get(name, name)
        if registry.find_sink(stream) is None:
            return [f"column_aliases names a stream that is unknown: {name}"]
        columns: Any = self._given[name]
        if not isinstance(columns, dict) or not all(isinstance(f, str) for f in columns.values()):
            return [f"column_aliases.{name} must name a field for each of its columns"]
        if stream.startswith(PREFIX):
            return []  # the account knows its fields; it is asked when the first row comes
        table = self.table(stream)
        return [
            f"column_aliases.{name}: {unknown.path} is no field of {stream}{hint}"
            for field in columns.values()
            if (unknown := table.place_of(field).unknown) is not None
            for hint in [f"; did you mean {unknown.nearest}?" if unknown.nearest else ""]
        ]


def canonical_key(record: Record, found: NestedRecord, keys: list[str]) -> tuple[list[str], Record]:
    """Return a key's columns under our names, and the values of all columns as they came."""
    given: dict[str, Any] = {found.fields.get(name, name): value for name, value in record.items()}
    return [found.fields.get(name, name) for name in keys], given


def _sink_of(stream: str) -> Sink:
    """Return the sink of a stream that is written."""
    found = registry.find_sink(stream)
    if found is None:
        raise KeyError(stream)
    return found
