"""How opportunities moved: changes of stage and status, out of the activities of deals."""

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
from tap_activecampaign_unified.resources.shared_columns import NAMED_REF
from tap_activecampaign_unified.resources.time_codecs import instant

from .opportunities import STATUSES

#: What a change is of. Accounts say `d_stageid`, ActiveCampaign's documentation `stage`.
FIELDS = {"d_stageid": "stage", "stage": "stage", "status": "status"}


def _field(row: Row, _: RowContext | None = None) -> str | None:
    found = row.get("dataType")
    return FIELDS.get(found.strip()) if isinstance(found, str) else None


def _skip(row: Row) -> str | None:
    if str(row.get("deleted")) == "1":
        return "deleted in ActiveCampaign"
    return None if _field(row) else "no change of stage or status"


def _new(row: Row) -> str | None:
    """Return the new value as ActiveCampaign writes it.

    Accounts write it as the action. Where that is a word, the id of what changed may be it.
    """
    old, deal = decode_text(row.get("dataOldval")), decode_text(row.get("deal") or row.get("d_id"))
    data, action = decode_text(row.get("dataId")), decode_text(row.get("dataAction"))
    if _field(row) == "stage":
        ids = map(_stage_id, (action, data, row.get("d_stageid"), row.get("stage")))
        return next((found for found in ids if found and found != old), None)
    named = data if data not in {"0", deal} else None
    for found in (named, action, data):
        if found in STATUSES and found != old:
            return found
    return None


def _stage_id(raw: Any) -> str | None:
    """Return the id of a stage, None for a word that is none."""
    found = decode_text(raw)
    return decode_id(found) if found and found.isdecimal() else None


def _opportunity(row: Row, _: RowContext) -> Row | None:
    found = decode_id(row.get("deal") or row.get("d_id"))
    return {"id": found} if found else None


def _user(row: Row, _: RowContext) -> Row | None:
    found = decode_id(row.get("user") or row.get("userid"))
    return {"id": found} if found else None


def _automation(row: Row, _: RowContext) -> Row | None:
    found = decode_id(row.get("automation") or row.get("seriesid"))
    return {"id": found} if found else None


def _stage(native: Any) -> Any:
    def read(row: Row, row_context: RowContext) -> Row | None:
        found = _stage_id(native(row)) if _field(row) == "stage" else None
        return {"id": found, "name": row_context.names.stages.get(found)} if found else None

    return read


def _status(native: Any) -> Any:
    def read(row: Row, _: RowContext) -> str | None:
        word = decode_text(native(row)) if _field(row) == "status" else None
        return STATUSES.get(word, word) if word else None

    return read


def _old(row: Row) -> Any:
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
        Derived("opportunity", _opportunity, object_of(id=STRING)),
        Derived("field", _field, STRING, "`stage` or `status`"),
        Linked("old_stage", "stages", _stage(_old), NAMED_REF),
        Linked("new_stage", "stages", _stage(_new), NAMED_REF),
        Derived("old_status", _status(_old), STRING, "`open`, `won` or `lost`"),
        Derived("new_status", _status(_new), STRING, "`open`, `won` or `lost`"),
        Derived("user", _user, object_of(id=STRING), "The user who changed it"),
        Derived("automation", _automation, object_of(id=STRING), "The automation that changed it"),
        Field("changed_at", "cdate", instant, read_only=True),
    ),
)
