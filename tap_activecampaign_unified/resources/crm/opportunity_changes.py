"""Changes of stage and status of opportunities, from the activities of deals."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.codecs import decode_id, decode_text, identifier
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Linked,
    Replication,
    Resource,
    Row,
    RowContext,
)
from tap_activecampaign_unified.resources.schema_types import STRING, object_of
from tap_activecampaign_unified.resources.shared_columns import NAMED_REF, ref_in, word_of_code
from tap_activecampaign_unified.resources.time_codecs import instant

from .opportunities import STATUSES

#: Fields by native name. Accounts send `d_stageid`, ActiveCampaign's documentation has `stage`.
FIELDS = {"d_stageid": "stage", "stage": "stage", "status": "status"}


def _field(row: Row, _: RowContext | None = None) -> str | None:
    data_type = row.get("dataType")
    return FIELDS.get(data_type.strip()) if isinstance(data_type, str) else None


def _skip(row: Row) -> str | None:
    if str(row.get("deleted")) == "1":
        return "deleted in ActiveCampaign"
    return None if _field(row) else "no change of stage or status"


def _new_value(row: Row) -> str | None:
    """Return the new value as ActiveCampaign writes it.

    Accounts send it as the action. If the action is a word, `dataId` may hold the new value.
    """
    old, deal = decode_text(row.get("dataOldval")), decode_text(row.get("deal") or row.get("d_id"))
    data, action = decode_text(row.get("dataId")), decode_text(row.get("dataAction"))
    if _field(row) == "stage":
        ids = map(_stage_id, (action, data, row.get("d_stageid"), row.get("stage")))
        return next((stage for stage in ids if stage and stage != old), None)
    data_value = data if data not in {"0", deal} else None
    for value in (data_value, action, data):
        if value in STATUSES and value != old:
            return value
    return None


def _stage_id(raw: Any) -> str | None:
    """Return the id of a stage, None for any other text."""
    text = decode_text(raw)
    return decode_id(text) if text and text.isdecimal() else None


def _stage(native: Any) -> Any:
    def read(row: Row, row_context: RowContext) -> Row | None:
        found = _stage_id(native(row)) if _field(row) == "stage" else None
        return {"id": found, "name": row_context.names.stages.get(found)} if found else None

    return read


def _status(native: Any) -> Any:
    def read(row: Row, _: RowContext) -> str | None:
        return word_of_code(STATUSES, native(row)) if _field(row) == "status" else None

    return read


def _old_value(row: Row) -> Any:
    return row.get("dataOldval")


CHANGES = Resource(
    name="crm_opportunity_changes",
    title="Changes of opportunities",
    endpoint_name="dealActivities",
    endpoint="dealActivities",
    replication=Replication.SCANNED,
    replication_key="changed_at",
    changed=("cdate",),
    stamps=("cdate",),
    skip=_skip,
    selected_by_default=False,
    entries=(
        Field("id", "id", identifier),
        Derived("opportunity", ref_in("deal", "d_id"), object_of(id=STRING)),
        Derived("field", _field, STRING, "`stage` or `status`"),
        Linked("old_stage", "stages", _stage(_old_value), NAMED_REF),
        Linked("new_stage", "stages", _stage(_new_value), NAMED_REF),
        Derived("old_status", _status(_old_value), STRING, "`open`, `won` or `lost`"),
        Derived("new_status", _status(_new_value), STRING, "`open`, `won` or `lost`"),
        Derived("user", ref_in("user", "userid"), object_of(id=STRING), "The user who changed it"),
        Derived(
            "automation",
            ref_in("automation", "seriesid"),
            object_of(id=STRING),
            "The automation that changed it",
        ),
        Field("changed_at", "cdate", instant, read_only=True),
    ),
)
