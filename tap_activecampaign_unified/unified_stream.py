"""The stream class: one resource as a Singer stream.

It emits records and tombstones, adds columns to a growing schema, and writes ACTIVATE_VERSION.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk import metrics
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.metrics import Metric
from singer_sdk.singerlib import Catalog
from singer_sdk.singerlib.catalog import MetadataMapping, SelectionMask
from singer_sdk.streams import Stream

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.resources.resource import ACCOUNT_LABEL
from tap_activecampaign_unified.sync.stream_writer import COLUMNS

from .account_label import labelled, version_of_table
from .catalog import FULL_TABLE, complete_catalog, method_of
from .cli import read_json
from .flattening import fill_null_objects, nested_properties, title_flat_columns
from .messages import MessageWriter
from .raw import InferredSchema, RawResource

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context
    from singer_sdk.mapper import PluginMapper

    from tap_activecampaign_unified.reporting.run_report import StreamStats
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row
    from tap_activecampaign_unified.resources.schema_types import Schema

    from .bookmarks import Entry


class StreamHost(Protocol):
    """The part of `TapActiveCampaignUnified` that a stream needs."""

    @property
    def account_label(self) -> str | None:
        """The setting `account_label`, None if unset."""

    def schema_of(self, resource: Resource) -> Schema:
        """Return a resource's schema. May send requests."""

    def sync_endpoint(self, stream: UnifiedStream) -> None:
        """Sync the endpoint of a stream, once for all streams that share it."""


class UnifiedStream(Stream):
    """One resource as a stream. The first access to its schema may send requests.

    The SDK calls the streams in turn. Several streams can share an endpoint. The first of them
    syncs the endpoint and writes the records of all, so that the tap reads the endpoint once.
    """

    # Readers return only JSON types. Another conversion would double the time per record.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: Tap, host: StreamHost, resource: Resource) -> None:
        self._host = host
        self.resource = resource
        self.selected_by_default = resource.selected_by_default
        self._schema_written = False
        self._inferred: InferredSchema | None = None
        super().__init__(tap, name=resource.name)
        self._label = host.account_label
        self.primary_keys = [*resource.keys, *([ACCOUNT_LABEL] if self._label else [])]
        self.replication_key = resource.replication_key

    @property
    def schema(self) -> Schema:
        """The JSON schema, with the account's present custom fields."""
        if self._input_schema is not None:
            return self._input_schema  # from the catalog, with newer fields added
        if self._schema is None:
            schema = self._host.schema_of(self.resource)
            self._schema = labelled(schema) if self._label else schema
        return self._schema

    def wanted(self, name: str) -> bool:
        """Return whether a property is selected."""
        return bool(self.mask.get(("properties", name), True))

    def apply_catalog(self, catalog: Catalog) -> None:
        """Apply a catalog's entry. The replication method in its metadata has precedence."""
        super().apply_catalog(catalog)
        if (entry := catalog.get_stream(self.name)) is not None:
            self.forced_replication_method = method_of(entry)

    @property
    def metadata(self) -> MetadataMapping:
        """The stream's metadata. A stream that the catalog lacks is deselected."""
        catalog = self._tap_input_catalog
        if self._metadata is None and catalog and catalog.get_stream(self.name) is None:
            # The SDK would build the schema, which may send requests.
            self._metadata = MetadataMapping()
            self._metadata.root.selected = False
        return super().metadata

    @property
    def is_full_table(self) -> bool:
        """Whether the catalog sets FULL_TABLE."""
        return self.forced_replication_method == FULL_TABLE

    @property
    def record_limit(self) -> int | None:
        """The number of records after which the stream stops, None for no limit.

        ``--test`` sets it.
        """
        return self.ABORT_AT_RECORD_COUNT

    @property
    def entry(self) -> Entry:
        """The stream's state entry."""
        return dict(self.stream_state)

    def save(self, entry: Entry) -> None:
        """Replace the stream's entry in the state, which the tap writes with the next STATE."""
        state = self.stream_state
        state.clear()
        state.update(entry)

    def emit(self, record: Record) -> None:
        """Write one record."""
        if self._label is not None:
            record[ACCOUNT_LABEL] = self._label
        if self._direct_writer is not None:
            self._direct_writer.write_record(self.name, record)
            return
        if self._nested_properties:
            fill_null_objects(record, self._nested_properties)
        self._write_record_message(record)

    def emit_tombstone(self, tombstone: Record) -> None:
        """Write the tombstone of a deleted record, without a table version."""
        version, self._stream_version = self._stream_version, None
        try:
            self.emit(tombstone)
        finally:
            self._stream_version = version

    def activate(self) -> None:
        """Write ACTIVATE_VERSION. A loader then deletes rows of older versions."""
        if self._stream_version is not None:
            self._write_activate_version_message(self._stream_version)

    def flush(self) -> None:
        """Write buffered messages to stdout, because the next records may take a while."""
        if isinstance(self._tap.message_writer, MessageWriter):
            self._tap.message_writer.flush()

    @cached_property
    def _direct_writer(self) -> MessageWriter | None:
        """The writer for unchanged records. None if the SDK must map, flatten or strip them."""
        writer, maps = self._tap.message_writer, self.stream_maps
        needs_sdk = (
            self._stream_version is not None
            or any(type(stream_map) is not SameRecordTransform for stream_map in maps)
            or any(
                stream_map.flattening_enabled or stream_map.stream_alias != self.name
                for stream_map in maps
            )
            or len(maps) != 1
            or self._strips_more_than_readers
        )
        return None if needs_sdk or not isinstance(writer, MessageWriter) else writer

    @property
    def _strips_more_than_readers(self) -> bool:
        """Whether the catalog deselects a property that a `RecordReader` keeps."""
        kept = {*self.resource.keys, "_errors"}
        return any(
            not selected
            and len(breadcrumb) > 1
            and (breadcrumb[1] in kept or self.mask[breadcrumb[:2]])
            for breadcrumb, selected in self.mask.items()
        )

    @cached_property
    def _nested_properties(self) -> dict[str, Any]:
        """The columns of nested objects, for flattening. Empty without flattening."""
        return nested_properties(self.schema) if self.config.get("flattening_enabled") else {}

    def write_schema(self, version: int | None) -> None:
        """Write the schema, unless it is written already. A full table has a ``version``."""
        if self.replication_key is None or self.is_full_table:
            is_labelled = self._label is not None
            self._stream_version = version_of_table(version, is_labelled=is_labelled)
            if version is not None and is_labelled and self.resource.schema_grows:
                self.logger.warning(
                    "%s: the tap reports no deletes while account_label is set: a loader would "
                    "delete the rows of other accounts",
                    self.name,
                )
        self._write_schema_message()

    def _write_schema_message(self) -> None:
        # Another stream's sync may have written the schema before the SDK calls this stream.
        # A stream with a growing schema writes it with its first rows.
        if not self._schema_written and not self.resource.schema_grows:
            self._schema_written = True
            title_flat_columns(self.schema, self.stream_maps)
            super()._write_schema_message()

    def extend_schema(self, rows: Iterable[Row]) -> None:
        """Add the missing columns of rows to the schema. Write the schema if it changed."""
        resource = self.resource
        if not isinstance(resource, RawResource):
            return
        if self._inferred is None:
            self._inferred = resource.inferred_schema(self.schema, self.entry.get(COLUMNS))
        if self._inferred.learn(rows) or not self._schema_written:
            self._declare(self._inferred.schema())

    @property
    def learned(self) -> Entry:
        """The columns of a growing schema that the catalog lacks, with their types."""
        return dict(self._inferred.learned()) if self._inferred is not None else {}

    def _declare(self, schema: Schema) -> None:
        self._input_schema = schema
        mapper = self._tap.mapper
        selected = get_selected_schema(self.name, schema, self.mask)
        mapper.register_raw_stream_schema(self.name, selected, self.primary_keys)
        self._stream_maps = None
        for name in ("_direct_writer", "_nested_properties"):
            self.__dict__.pop(name, None)
        self._schema_written = True
        super()._write_schema_message()

    def log_metrics(self, stats: StreamStats) -> None:
        """Log the SDK's metrics for dashboards."""
        with self.get_record_counter() as records:
            records.increment(stats.emitted)
        with metrics.http_request_counter(self.name, self.resource.endpoint) as requests:
            requests.increment(stats.requests)
        metrics.log(
            self.metrics_logger,
            metrics.Point("timer", Metric.SYNC_DURATION, stats.seconds, {"stream": self.name}),
        )

    def _sync_records(
        self,
        context: Context | None = None,  # noqa: ARG002 - the SDK's signature
        *,
        write_messages: bool = True,  # noqa: ARG002 - the SDK's signature
    ) -> Generator[dict[str, Any], Any, Any]:
        """Sync the stream's endpoint, unless another stream has synced it."""
        self._host.sync_endpoint(self)
        yield from ()

    def get_records(
        self,
        context: Context | None,  # noqa: ARG002 - the SDK's signature
    ) -> Iterable[dict[str, Any]]:
        """Return no records, because `EndpointSync` writes them."""
        return ()

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Return None, because `Bookmark` keeps the bookmark below the server's time."""


def register(mapper: PluginMapper, streams: Iterable[Stream], *, is_read: bool) -> None:
    """Register streams with the SDK's mapper: the selected streams for a read, otherwise all.

    A stream map may name a deselected stream, so a read with stream maps registers all streams. The
    mapper gets all properties of a deselected stream: without properties, the SDK would reject a
    stream map for it.
    """
    for stream in streams:
        if stream.selected or mapper.stream_maps_dict or not is_read:
            mask = stream.mask if stream.selected else SelectionMask()
            schema = get_selected_schema(stream.name, stream.schema, mask)
            mapper.register_raw_stream_schema(stream.name, schema, stream.primary_keys)


def parse_catalog(text: str, name: str) -> Catalog:
    """Parse the text of a catalog file. Raises `SettingsError` if it is not a catalog."""
    raw = read_json(text, name)
    if isinstance(raw.get("streams"), list):
        try:
            catalog = Catalog.from_dict(raw)
        except (KeyError, TypeError, AttributeError, ValueError):
            pass
        else:
            complete_catalog(catalog, raw["streams"])
            return catalog
    raise SettingsError(["the catalog is invalid: run --discover for a new one"])
