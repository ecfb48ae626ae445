"""Reads documents from the account with the fewest requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import FULL_PAGE, total_of, walk_offset
from tap_activecampaign_unified.resources.custom_objects import RECORDS
from target_activecampaign.sinks.custom_objects import find_object, native_columns_of, read_record
from target_activecampaign.undo.comparable_values import COLUMN, RecordValues
from target_activecampaign.undo.kinds import STORE_KINDS, store_key

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.custom_objects import CustomObject
    from target_activecampaign.sinks.write_context import WriteContext

    Document = dict[str, Any]


def read_documents(context: WriteContext, kind: str, keys: list[str]) -> dict[str, RecordValues]:
    """Return the existing records by key. Raises `RequestError`."""
    if kind in STORE_KINDS:
        stored = STORE_KINDS[kind].stored.read(context, [store_key(key) for key in keys])
        places = {key: store_key(key) for key in keys}
        return {key: values_of(stored[place]) for key, place in places.items() if place in stored}
    resource = find_object(context, kind)
    if resource is None:
        return {}
    documents = _walk(context, resource, keys)

    def read(key: str) -> None:
        row = read_record(context, resource, key)
        if row is not None:
            documents[key] = values_of(native_columns_of(row), row)

    # A page may lack a record that was written shortly before.
    context.pool.each([partial(read, key) for key in keys if key not in documents])
    return documents


def values_of(columns: Document, native: Document | None = None) -> RecordValues:
    """Return a record's values by part; ``native`` is the account's whole row of the record."""
    return RecordValues({COLUMN + name: value for name, value in columns.items()}, native or {})


def _walk(
    context: WriteContext, resource: CustomObject, keys: list[str]
) -> dict[str, RecordValues]:
    """Read all records of an object if that takes fewer requests than a read per key."""
    found: dict[str, RecordValues] = {}
    path = f"{RECORDS}{resource.schema_id}"
    if len(keys) <= FULL_PAGE // 4:
        return found
    total = total_of(context.client.get(path, [("limit", 1)]).body)
    if total is None or total / FULL_PAGE + 2 > len(keys):
        return found
    wanted = set(keys)
    for page in walk_offset(context.client, path, "records", lean=True):
        for row in page.rows:
            key = str(row.get("externalId"))
            if key in wanted:
                found[key] = values_of(native_columns_of(row), row)
    return found
