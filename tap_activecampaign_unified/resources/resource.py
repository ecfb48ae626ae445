"""The resource model: one table of entries per resource, for reading and writing.

A table's entries are of four kinds:

* `Field`: one native column, read and written;
* `Derived`: read only, computed from the row;
* `Attribute`: stored in custom fields that every account has, read and written;
* `Linked`: read from related rows, written by separate requests.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from .codecs import UTC_ZONE, Codec, Zone, zone_at
from .custom_field_rows import CUSTOM_VALUES
from .schema_types import DATE_TIME, Schema, array_of, object_of
from .time_codecs import offset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .custom_fields import CustomFields

Row = dict[str, Any]
Record = dict[str, Any]

#: The time of a tombstone, null in all other records. Loaders define this name.
DELETED_AT = "_sdc_deleted_at"
#: The account of a record, if the setting `account_label` is set. Part of the key.
ACCOUNT_LABEL = "account_label"


@dataclass
class NameTables:
    """The names that records contain, by kind and id."""

    tags: dict[str, str | None] = field(default_factory=dict)
    segments: dict[str, str | None] = field(default_factory=dict)
    accounts: dict[str, str | None] = field(default_factory=dict)
    stages: dict[str, str | None] = field(default_factory=dict)
    pipelines: dict[str, str | None] = field(default_factory=dict)
    groups: dict[str, str | None] = field(default_factory=dict)
    automations: dict[str, str | None] = field(default_factory=dict)
    scores: dict[str, str | None] = field(default_factory=dict)
    task_types: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class RowContext:
    """The context of one row: related native rows by relation, names, and the row's time zone.

    ``custom`` and ``attributes`` are the decoded custom fields, by key and by personalization tag.
    The reader decodes them once for all records of the row.
    """

    names: NameTables
    related: dict[str, list[Row]] = field(default_factory=dict)
    zone: Zone = UTC_ZONE
    attributes: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] | None = None
    custom_faults: list[str] = field(default_factory=list)

    def rows(self, relation: str) -> list[Row]:
        """Return the related rows in ascending order of id, each once."""
        return self.related.get(relation, [])


@dataclass(frozen=True)
class Field:
    """A native column that a codec decodes and, unless it is ``read_only``, encodes.

    ``imported_as`` is the bulk importer's name of the column, or None if the importer rejects it.
    """

    unified: str
    native: str
    codec: Codec
    doc: str = ""
    read_only: bool = False
    imported_as: str | None = None


@dataclass(frozen=True)
class Derived:
    """A value computed from the row. The target never writes it."""

    unified: str
    read: Callable[[Row, RowContext], Any]
    schema: Schema
    doc: str = ""


@dataclass(frozen=True)
class Attribute:
    """A value in custom fields that every account has, identified by ``tags``.

    ``read`` gets the decoded values in the order of ``tags``. ``write`` returns them in this order.
    """

    unified: str
    tags: tuple[str, ...]
    read: Callable[..., Any]
    write: Callable[[Any], tuple[Any, ...]]
    schema: Schema
    doc: str = ""


@dataclass(frozen=True)
class Linked:
    """A value read from ``relation`` and written by separate requests after the row.

    ``relation`` names related rows or a table of names. It is empty if the row itself has the
    value. The value is ``read_only`` if ActiveCampaign computes it or another column writes it.
    """

    unified: str
    relation: str
    read: Callable[[Row, RowContext], Any]
    schema: Schema
    doc: str = ""
    read_only: bool = False


Entry = Field | Derived | Attribute | Linked


class Replication(enum.Enum):
    """The way in which a stream finds changed rows.

    FILTERED: the server sends the rows that changed since a bound. SCANNED: the tap reads all rows
    and suppresses unchanged rows. FULL: the tap reads and emits all rows.
    """

    FILTERED = "incremental"
    SCANNED = "full scan, unchanged rows suppressed"
    FULL = "full"


def _the_row_itself(row: Row, _: RowContext) -> Iterable[Row]:
    return (row,)


def _nothing_to_skip(_: Row) -> str | None:
    return None


@dataclass(frozen=True)
class Resource:
    """A unified resource: its endpoint, and the table that reads and writes its records.

    ``endpoint_name`` is the key in the endpoint table. Several resources may share an endpoint.
    ``endpoint`` is the path of the resource's own records, for writes, deletes and known ids.
    ``expand`` turns a row of the endpoint into rows of this resource, from the rows of
    ``relation``. ``joins`` are further relations that ``expand`` reads, each with the properties
    that need it.

    ``changed`` are the native columns with the time of the last change; the column of the
    replication key is the first. ``stamps`` are the columns with the account's UTC offset.
    ``skip`` returns the reason why a row is not a record, or None. Without ``finds_deletes``, the
    tap does not detect deleted rows.

    ``is_documented``: ActiveCampaign documents the endpoint for every account. If it refuses any
    other endpoint before the first row, the tap skips the stream: the account may lack it.
    """

    name: str
    title: str
    endpoint_name: str
    endpoint: str
    entries: tuple[Entry, ...]
    replication: Replication = Replication.FULL
    keys: tuple[str, ...] = ("id",)
    replication_key: str | None = None
    changed: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ("cdate", "udate")
    expand: Callable[[Row, RowContext], Iterable[Row]] = _the_row_itself
    relation: str | None = None
    joins: tuple[tuple[str, tuple[str, ...]], ...] = ()
    skip: Callable[[Row], str | None] = _nothing_to_skip
    singular: str | None = None
    custom_fields: str | None = None
    selected_by_default: bool = True
    is_documented: bool = True
    finds_deletes: bool = True
    #: Whether the schema grows with the columns of the rows.
    schema_grows: ClassVar[bool] = False

    def imported_columns(self) -> dict[str, str]:
        """Return the importer's name of each native column that the importer accepts."""
        return {
            entry.native: entry.imported_as
            for entry in self.entries
            if isinstance(entry, Field) and entry.imported_as is not None and not entry.read_only
        }

    def schema(
        self,
        custom: CustomFields | None = None,
        *,
        remote_data: bool = False,
        deletes: bool = False,
    ) -> Schema:
        """Return the JSON schema of the records, with the types of the custom fields."""
        properties: dict[str, Schema] = {}
        for entry in self.entries:
            schema = entry.codec.schema if isinstance(entry, Field) else entry.schema
            properties[entry.unified] = described(schema, entry.doc)
        if self.custom_fields:
            fields = custom.schema() if custom else object_of()
            properties["custom_fields"] = described(
                fields, "Custom fields of the account, with their types"
            )
        if remote_data:
            properties["remote_data"] = described(
                {"type": ["object", "null"]}, "The row as ActiveCampaign sent it"
            )
        properties["_errors"] = described(
            array_of({"type": "string"}),
            "Fields of this row that could not be read, with the reason",
        )
        if deletes:
            properties[DELETED_AT] = described(
                DATE_TIME,
                "When the tap found that the record was deleted. The record then has only its key",
            )
        for key in self.keys:
            schema = properties[key]
            properties[key] = schema | {"type": _without_null(schema["type"])}
        return {"type": "object", "properties": properties, "required": list(self.keys)}

    def relations(self, wanted: Callable[[str], bool]) -> set[str]:
        """Return the relations that the wanted properties need."""
        relations = {
            entry.relation
            for entry in self.entries
            if isinstance(entry, Linked) and wanted(entry.unified)
        }
        relations |= {relation for relation, names in self.joins if any(map(wanted, names))}
        attributes = any(
            isinstance(entry, Attribute) and wanted(entry.unified) for entry in self.entries
        )
        if self.relation:
            relations.add(self.relation)
        if self.custom_fields and (attributes or wanted("custom_fields")):
            relations.add(CUSTOM_VALUES)
        return relations - {""}

    def zone_of(self, row: Row) -> Zone:
        """Return the account's time zone from the offset of this row's stamped times."""
        for stamp in self.stamps:
            offset = offset_of(row.get(stamp))
            if offset is not None:
                return zone_at(offset)
        return UTC_ZONE


def described(schema: Schema, doc: str) -> Schema:
    """Return a schema with its description, if it has one."""
    return {**schema, "description": doc} if doc else schema


def _without_null(types: Any) -> Any:
    if isinstance(types, str):
        return types
    remaining = [name for name in types if name != "null"]
    return remaining[0] if len(remaining) == 1 else remaining


def is_read_only(entry: Entry) -> bool:
    """Return whether a column can be read but not written."""
    return isinstance(entry, (Field, Linked)) and entry.read_only


def nothing(_: Row, __: RowContext) -> None:
    """Return null for a property of the unified model that ActiveCampaign lacks."""


def empty(_: Row, __: RowContext) -> list[Any]:
    """Return an empty array for a property of the unified model that ActiveCampaign lacks."""
    return []
