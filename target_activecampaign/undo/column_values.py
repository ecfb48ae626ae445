"""The columns of each kind of record: their unified names, and the comparison of their values."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources import by_name
from tap_activecampaign_unified.resources.codecs import UTC_ZONE
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.resource import Field
from target_activecampaign.sinks.custom_objects import find_object

from .comparable_values import COLUMN, FIELD, is_empty, is_same
from .kinds import ENTITIES, STORE_KINDS, TASK, is_document, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.resources.codecs import Codec
    from target_activecampaign.sinks.write_context import WriteContext

    from .comparable_values import Same

#: The columns of a task that are not in its resource table.
TASK_COLUMNS = {
    "status": "status",
    "dealTasktype": "type",
    "assignee": "owner",
    "outcomeId": "outcome",
}


def table_columns(context: WriteContext, kind: str) -> dict[str, Field]:
    """Return the columns of a kind's table by native name. Raises `RequestError`."""
    stream = stream_of(kind)
    resource = by_name.get(stream) or find_object(context, stream)
    entries = resource.entries if resource is not None else ()
    columns = {entry.native: entry for entry in entries if isinstance(entry, Field)}
    renamed = STORE_KINDS[kind].stored.renamed if kind in STORE_KINDS else ()
    return columns | {other: columns[name] for name, other in renamed}


def comparison_of(context: WriteContext, kind: str, parts: Iterable[str]) -> Same:
    """Return the function that compares two values of a kind's part, as a reader sees them.

    Raises `RequestError`.
    """
    if kind == TASK or is_document(kind):
        columns = table_columns(context, kind).items()
        return partial(_is_same_column, {COLUMN + native: entry.codec for native, entry in columns})
    entity = ENTITIES.get(kind)
    has_fields = any(name.startswith(FIELD) for name in parts)
    fields = context.references.fields(entity) if entity and has_fields else None
    return partial(is_same, fields=fields)


def _is_same_column(codecs: dict[str, Codec], part: str, value: Any, other: Any) -> bool:
    if is_empty(value) or is_empty(other):
        return is_empty(value) and is_empty(other)
    codec = codecs.get(part)
    if codec is not None:
        try:
            return bool(codec.decode(value, UTC_ZONE) == codec.decode(other, UTC_ZONE))
        except InvalidValue:
            pass
    return bool(value == other) or str(value).strip() == str(other).strip()
