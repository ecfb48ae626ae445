"""The one stream class: a unified resource as a Singer stream, fed by a crawl."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk import metrics
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.metrics import Metric
from singer_sdk.singerlib import Catalog
from singer_sdk.singerlib.catalog import SelectionMask
from singer_sdk.streams import Stream

from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.resources.resource import ACCOUNT_LABEL
from tap_activecampaign_unified.sync.stream_writer import COLUMNS

from .catalog import FULL_TABLE, complete_catalog, labelled, method_of
from .cli import read_json
from .messages import MessageWriter
from .raw import InferredSchema, RawResource

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context
    from singer_sdk.mapper import PluginMapper

    from tap_activecampaign_unified.reporting.run_report import StreamStats
    from tap_activecampaign_unified.resources.json_schema import Schema
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row

    from .state import Entry


class StreamHost(Protocol):
    """What a stream needs of its tap."""

    @property
    def account_label(self) -> str | None:
        """Whose rows the streams hold: the setting `account_label`."""

    def schema_of(self, resource: Resource) -> Schema:
        """Return a resource's schema; may cost a request."""

    def sync_endpoint(self, stream: UnifiedStream) -> None:
        """Sync the endpoint of a stream, once for all streams that share it."""


class UnifiedStream(Stream):
    """One resource. Its schema is made when somebody asks: that may cost a request.

    The SDK calls streams one after the other. The first of those that live on one endpoint runs
    the crawl, which writes the records of all of them, so that the endpoint is read once.
    """

    # Readers return JSON types only; conforming them again would double the cost of a record.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: Tap, host: StreamHost, resource: Resource) -> None:
        """Take name and keys from the resource's table."""
        self._host = host
        self.resource = resource
        self.selected_by_default = resource.selected_by_default
        self._schema_written = False
        self._shape: InferredSchema | None = None
        super().__init__(tap, name=resource.name)
        self._label = host.account_label
        self.primary_keys = [*resource.keys, *([ACCOUNT_LABEL] if self._label else [])]
        self.replication_key = resource.replication_key

    @property
    def schema(self) -> Schema:
        """The schema, custom fields as the account defines them now."""
        if self._input_schema is not None:
            return self._input_schema  # the catalog's, to which newer fields were added
        if self._schema is None:
            found = self._host.schema_of(self.resource)
            self._schema = labelled(found) if self._label else found
        return self._schema

    def wanted(self, name: str) -> bool:
        """Say whether a property is selected."""
        return bool(self.mask.get(("properties", name), True))

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take over a catalog's entry; what its metadata says of the method goes first."""
        super().apply_catalog(catalog)
        if (entry := catalog.get_stream(self.name)) is not None:
            self.forced_replication_method = method_of(entry)

    @property
    def is_full_table(self) -> bool:
        """Whether the catalog asks for all records of a stream that could be incremental."""
        return self.forced_replication_method == FULL_TABLE

    @property
    def record_limit(self) -> int | None:
        """How many records are enough: set by ``--test``."""
        return self.ABORT_AT_RECORD_COUNT

    @property
    def entry(self) -> Entry:
        """The stream's state entry."""
        return dict(self.stream_state)

    def save(self, entry: Entry) -> None:
        """Replace the stream's state entry."""
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
        if self._null_objects:
            fill_null_objects(record, self._null_objects)
        self._write_record_message(record)

    def emit_tombstone(self, tombstone: Record) -> None:
        """Write the record of a row that is gone; it belongs to no version of the table."""
        version, self._stream_version = self._stream_version, None
        try:
            self.emit(tombstone)
        finally:
            self._stream_version = version

    def activate(self) -> None:
        """Tell readers that the whole table was written: what has an older version is gone."""
        if self._stream_version is not None:
            self._write_activate_version_message(self._stream_version)

    def flush(self) -> None:
        """Let go what was written: the next records may take a while."""
        if isinstance(self._tap.message_writer, MessageWriter):
            self._tap.message_writer.flush()

    @cached_property
    def _direct_writer(self) -> MessageWriter | None:
        """Where records go as they are, None where the SDK is to map, flatten or strip them."""
        writer, maps = self._tap.message_writer, self.stream_maps
        has_own_shape = (
            self._stream_version is not None
            or any(type(one) is not SameRecordTransform for one in maps)
            or any(one.flattening_enabled or one.stream_alias != self.name for one in maps)
            or len(maps) != 1
            or self._strips_more_than_readers
        )
        return None if has_own_shape or not isinstance(writer, MessageWriter) else writer

    @property
    def _strips_more_than_readers(self) -> bool:
        """Whether something is deselected that a `Reader` does not leave out by itself."""
        kept = {*self.resource.keys, "_errors"}
        return any(
            not selected and len(place) > 1 and (place[1] in kept or self.mask[place[:2]])
            for place, selected in self.mask.items()
        )

    @cached_property
    def _null_objects(self) -> dict[str, Any]:
        """The objects that flattening needs whole, none where nothing is flattened."""
        return null_objects(self.schema) if self.config.get("flattening_enabled") else {}

    def begin(self, version: int | None = None) -> None:
        """Write the schema, unless that was done already; ``version`` is a full table's.

        A labelled table has none: to a loader the rows of other accounts would be of an older one.
        """
        if self.replication_key is None or self.is_full_table:
            self._stream_version = version if self._label is None else None
            if version is not None and self._label is not None and self.resource.is_open:
                self.logger.warning(
                    "%s: deletes are not reported while account_label is set", self.name
                )
        self._write_schema_message()

    def _write_schema_message(self) -> None:
        # A stream fed by another's crawl has its schema written before its turn comes; one whose
        # schema is open, when its first rows were seen.
        if not self._schema_written and not self.resource.is_open:
            self._schema_written = True
            super()._write_schema_message()

    def extend_schema(self, rows: Iterable[Row]) -> None:
        """Declare what these rows hold beyond what is declared; write the schema if that is new."""
        resource = self.resource
        if not isinstance(resource, RawResource):
            return
        if self._shape is None:
            self._shape = resource.shape(self.schema, self.entry.get(COLUMNS))
        if self._shape.learn(rows) or not self._schema_written:
            self._declare(self._shape.schema())

    @property
    def learned(self) -> Entry:
        """What an open schema learned beyond the catalog's, by column."""
        return dict(self._shape.learned()) if self._shape is not None else {}

    def _declare(self, schema: Schema) -> None:
        self._input_schema = schema
        mapper = self._tap.mapper
        selected = get_selected_schema(self.name, schema, self.mask)
        mapper.register_raw_stream_schema(self.name, selected, self.primary_keys)
        self._stream_maps = None
        for name in ("_short_way", "_hollow"):
            self.__dict__.pop(name, None)
        self._schema_written = True
        super()._write_schema_message()

    def log_metrics(self, tally: StreamStats) -> None:
        """Emit the SDK's metrics, so that dashboards made for other taps show this one."""
        with self.get_record_counter() as records:
            records.increment(tally.emitted)
        with metrics.http_request_counter(self.name, self.resource.endpoint) as requests:
            requests.increment(tally.requests)
        metrics.log(
            self.metrics_logger,
            metrics.Point("timer", Metric.SYNC_DURATION, tally.seconds, {"stream": self.name}),
        )

    def _sync_records(
        self,
        context: Context | None = None,  # noqa: ARG002 - the SDK's signature
        *,
        write_messages: bool = True,  # noqa: ARG002 - the SDK's signature
    ) -> Generator[dict[str, Any], Any, Any]:
        """Run the crawl this stream lives on, unless another stream did."""
        self._host.sync_endpoint(self)
        yield from ()

    def get_records(
        self,
        context: Context | None,  # noqa: ARG002 - the SDK's signature
    ) -> Iterable[dict[str, Any]]:
        """Not used: crawls write records themselves."""
        return ()

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """No signpost: bookmarks are kept by the server's clock."""


def register(mapper: PluginMapper, catalog: Catalog) -> None:
    """Let the SDK's mapper know all streams; those that are off with all their properties.

    With none, as the SDK has it, a stream map for a stream that is off would be refused, and a
    stream that is switched on later would have an empty schema.
    """
    for entry in catalog.streams:
        mask = entry.metadata.resolve_selection()
        if not mask.get((), True):
            mask = SelectionMask()
        name = entry.stream or entry.tap_stream_id
        schema = get_selected_schema(name, entry.schema.to_dict(), mask)
        mapper.register_raw_stream_schema(name, schema, entry.key_properties)


def parse_catalog(text: str, called: str) -> Catalog:
    """Read a catalog file's text; raise `SettingsError` with one line when it is none."""
    raw = read_json(text, called)
    if isinstance(raw.get("streams"), list):
        try:
            catalog = Catalog.from_dict(raw)
        except (KeyError, TypeError, AttributeError, ValueError):
            pass
        else:
            complete_catalog(catalog, raw["streams"])
            return catalog
    raise SettingsError(["the catalog is misshapen: run --discover for a new one"])


def null_objects(schema: Schema) -> dict[str, Any]:
    """Return, for each property that is an object, the same for its own properties."""
    return {
        name: null_objects(part)
        for name, part in schema.get("properties", {}).items()
        if "object" in part.get("type", ()) and part.get("properties")
    } | {
        name: None
        for name, part in schema.get("properties", {}).items()
        if "object" not in part.get("type", ())
    }


def fill_null_objects(record: Record, hollow: dict[str, Any]) -> None:
    """Turn null objects into objects of nulls: flattened, each column must be null, not absent."""
    for name, inner in hollow.items():
        if isinstance(inner, dict):
            if record.get(name) is None:
                record[name] = dict.fromkeys(inner)
            fill_null_objects(record[name], inner)
