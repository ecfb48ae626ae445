"""The tap as an Airbyte source: the same streams, with Airbyte's messages for each stream."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import AirbyteMessage, AirbyteStreamStatus, FailureType
from singer_sdk.singerlib import Catalog

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.catalog import selects_custom_objects
from tap_activecampaign_unified.resources.resource import DELETED_AT
from tap_activecampaign_unified.sync.endpoint_outcome import PROBLEM_OF_ABSENT
from tap_activecampaign_unified.tap import TapActiveCampaignUnified
from tap_activecampaign_unified.unified_stream import UnifiedStream

from .catalog import AIRBYTE_DELETED_AT, catalog_message
from .errors import failure_type
from .protocol import error, estimate, stream_state, stream_status
from .writer import AirbyteWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_activecampaign_unified.resources.resource import Record
    from tap_activecampaign_unified.sync.endpoint_outcome import EndpointOutcome

    from .catalog import ConfiguredCatalog

NAME = "source-activecampaign-unified"


class SourceWriter(AirbyteWriter):
    """Writes records, and a state per stream with the number of records since the last state."""

    def __init__(self) -> None:
        super().__init__()
        self._running: set[str] = set()
        self._uncovered: Counter[str] = Counter()
        self._entries: dict[str, dict[str, Any]] = {}
        self._covered: set[str] = set()

    def set_known_states(self, entries: dict[str, dict[str, Any]]) -> None:
        """Store the states that Airbyte already has. The writer does not write an equal state."""
        self._entries = {name: dict(entry) for name, entry in entries.items()}

    def write_record(self, stream: str, record: Record) -> None:
        """Write a record. Before a stream's first record, write the status RUNNING."""
        if stream not in self._running:
            self._running.add(stream)
            self.send(stream_status(stream, AirbyteStreamStatus.RUNNING))
        if DELETED_AT in record:
            record = {**record, AIRBYTE_DELETED_AT: record[DELETED_AT]}
            del record[DELETED_AT]
        self._uncovered[stream] += 1
        super().write_record(stream, record)

    def write_states(self, value: dict[str, Any]) -> None:
        """Write the state of each stream that has changed."""
        for stream, entry in value.get("bookmarks", {}).items():
            if entry and entry != self._entries.get(stream):
                self._write_state(stream, entry)

    def finish(self, stream: str) -> None:
        """Write the state that covers every record of a stream, unless it is written already."""
        if self._uncovered[stream] or stream not in self._covered:
            self._write_state(stream, self._entries.get(stream, {}))

    def _write_state(self, stream: str, entry: dict[str, Any]) -> None:
        self._entries[stream] = copy.deepcopy(entry)
        self._covered.add(stream)
        self.send(stream_state(stream, self._entries[stream], self._uncovered.pop(stream, 0)))


class SourceStream(UnifiedStream):
    """A stream of the source."""

    def flush(self) -> None:
        """Flush a page, and write the expected number of rows."""
        super().flush()
        self._tap.estimate(self.name)  # type: ignore[attr-defined]  # it is a SourceTap

    def emit_tombstone(self, tombstone: Record) -> None:
        """Write a tombstone. A stream that is read in full needs none."""
        if self.name not in self._tap.full_refresh:  # type: ignore[attr-defined]
            super().emit_tombstone(tombstone)


class SourceTap(TapActiveCampaignUnified):
    """The tap, run by Airbyte. ``configured`` selects the streams to read."""

    def __init__(self, *, configured: ConfiguredCatalog | None = None, **kwargs: Any) -> None:
        """Check the settings. ``kwargs`` are the tap's arguments."""
        self.full_refresh = configured.full_refresh if configured else frozenset()
        self._configured = configured
        if configured is not None:
            kwargs["catalog"] = configured.singer_catalog()
        self._estimated: set[str] = set()
        self._statuses: dict[str, AirbyteStreamStatus] = {}
        self._failure: FailureType | None = None
        #: Whether the source has written the error of the last streams.
        self.has_reported = False
        super().__init__(**kwargs)
        self._writer.set_known_states(self.state.get("bookmarks", {}))

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add no settings of the SDK, because Airbyte has its own mapping and flattening."""

    @property
    def _writer(self) -> SourceWriter:
        writer = self.message_writer
        if not isinstance(writer, SourceWriter):
            raise TypeError("a source writes with a SourceWriter")
        return writer

    def discover_streams(self) -> Sequence[UnifiedStream]:
        """Return the tap's streams, which also report to Airbyte."""
        return [SourceStream(self, self, stream.resource) for stream in super().discover_streams()]

    def prepare(self) -> None:
        """Read the custom objects before their fields are selected, if the catalog selects them."""
        if self._configured is not None and selects_custom_objects(self.input_catalog):
            self._input_catalog = Catalog.from_dict(
                self._configured.singer_catalog(self._resources)
            )
        super().prepare()

    def estimate(self, stream: str) -> None:
        """Write the expected number of a stream's rows, once ActiveCampaign has counted them."""
        if stream in self._estimated:
            return
        for line in self.context.progress.lines():
            if line.name == stream and line.total is not None:
                self._estimated.add(stream)
                self._writer.send(estimate(stream, line.total))

    def sync_endpoint(self, stream: UnifiedStream) -> None:
        """Sync an endpoint. Write the status of its streams before and after, and their states."""
        names = [
            sibling.name
            for sibling in self._selected()
            if sibling.resource.endpoint_name == stream.resource.endpoint_name
        ]
        if names[0] in self._statuses:
            return
        self._failure, self.has_reported = None, False
        for name in names:
            self._note_status(name, AirbyteStreamStatus.STARTED)
        try:
            super().sync_endpoint(stream)
        except BaseException as problem:
            self._failure = failure_type(problem)
            raise
        finally:
            for name in names:
                self._end(name)

    def _end(self, stream: str) -> None:
        stats = self._report.stats_of(stream)
        # A stream that the account lacks is empty. A stream that the key may not read is unknown.
        if stats.outcome == "done" or stats.problem == PROBLEM_OF_ABSENT:
            self._writer.finish(stream)
            self._note_status(stream, AirbyteStreamStatus.COMPLETE)
            return
        self._note_status(stream, AirbyteStreamStatus.INCOMPLETE)
        if stats.outcome == "failed" and stats.problem:
            self.has_reported = True
            kind = self._failure or FailureType.config_error
            self._writer.send(error(f"{stream}: {stats.problem}", kind, stream))

    def _note_status(self, stream: str, status: AirbyteStreamStatus) -> None:
        self._statuses[stream] = status
        self._writer.send(stream_status(stream, status))

    def _sync_to_end(self, *args: Any) -> EndpointOutcome:
        outcome = super()._sync_to_end(*args)
        if outcome.error is not None:
            self._failure = failure_type(outcome.error)
        return outcome

    def discover(self) -> AirbyteMessage:
        """Return the CATALOG message."""
        try:
            return catalog_message(self.catalog_dict["streams"])
        except BaseException as problem:
            self.finish(cli.run_ending_of(problem))
            raise
        finally:
            self._close()

    def read(self) -> None:
        """Read all selected streams. Raises the exception that ends the run early."""
        with self._reported():
            try:
                self.prepare()
                self.sync_all()
            finally:
                for name in self._configured.names if self._configured else ():
                    if name not in self._statuses:
                        self._note_status(name, AirbyteStreamStatus.INCOMPLETE)
