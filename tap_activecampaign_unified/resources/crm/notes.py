"""CRM notes about contacts, accounts and opportunities."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.codecs import (
    decode_id,
    decode_text,
    flag,
    identifier,
    verbatim,
)
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Linked,
    Replication,
    Resource,
    Row,
    RowContext,
    empty,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import STRING, array_of, object_of
from tap_activecampaign_unified.resources.shared_columns import URLS, last_changed, ref_in
from tap_activecampaign_unified.resources.time_codecs import instant

REFS = array_of(object_of(id=STRING))
PARENTS = {"contact": "Subscriber", "account": "CustomerAccount", "opportunity": "Deal"}


def _parent(unified: str) -> Any:
    def read(row: Row, _: RowContext) -> Row | None:
        if row.get("reltype") != PARENTS[unified]:
            return None
        parent_id = decode_id(row.get("relid"))
        return {"id": parent_id} if parent_id else None

    return read


def _parents(unified: str) -> Any:
    parent = _parent(unified)

    def read(row: Row, row_context: RowContext) -> list[Row]:
        reference = parent(row, row_context)
        return [reference] if reference else []

    return read


def _native_parent(row: Row, _: RowContext) -> Row | None:
    found = decode_id(row.get("relid"))
    return {"type": decode_text(row.get("reltype")), "id": found} if found else None


NOTES = Resource(
    name="crm_notes",
    title="Notes",
    endpoint_name="notes",
    endpoint="notes",
    singular="note",
    replication=Replication.SCANNED,
    replication_key="updated_at",
    changed=("mdate", "cdate"),
    stamps=("cdate", "mdate"),
    entries=(
        Field("id", "id", identifier),
        Derived("title", nothing, STRING, "Always null: notes have no title"),
        Field("content", "note", verbatim),
        # ActiveCampaign's own `owner` is the parent record; the writer is `user`.
        Derived(
            "owner",
            ref_in("user", "userid"),
            object_of(id=STRING),
            "The user who wrote it",
        ),
        Linked("contact", "", _parents("contact"), REFS, "The contact that it belongs to"),
        Linked(
            "account",
            "",
            _parent("account"),
            object_of(id=STRING),
            "The account that it belongs to",
        ),
        Linked("opportunity", "", _parents("opportunity"), REFS, "The deal that it belongs to"),
        Derived("lead", empty, REFS, "Always empty: there are no leads"),
        Derived(
            "parent",
            _native_parent,
            object_of(type=STRING, id=STRING),
            "The parent with ActiveCampaign's own type; it may be an activity or a task",
        ),
        Derived("visibility", nothing, STRING, "Always null"),
        Field("is_draft", "is_draft", flag, read_only=True),
        Derived("urls", empty, URLS, "Always empty"),
        Field("created_at", "cdate", instant, read_only=True),
        Derived("updated_at", last_changed, instant.schema),
    ),
)
