"""How opportunities moved: changes of stage and status, out of the activities of deals."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.codecs import (
    decode_id,
    decode_text,
    identifier,
    instant,
    text,
)
from tap_activecampaign_unified.resources.json_schema import STRING, object_of
from tap_activecampaign_unified.resources.resource import (
    NAMED_REF,
    Derived,
    Field,
    Linked,
    Replication,
    Resource,
    Row,
    RowContext,
)

from .opportunities import STATUSES

KINDS = ("stage", "status")


def _skip(row: Row) -> str | None:
    if str(row.get("deleted")) == "1":
        return "deleted in ActiveCampaign"
    return None if row.get("dataType") in KINDS else "no change of stage or status"


def _new(row: Row) -> str | None:
    """Return the new value as ActiveCampaign writes it.

    Where it stands is not documented. Of a stage it is the id of what changed; of a status the
    action in accounts that were seen, else that id.
    """
    old, data = decode_text(row.get("dataOldval")), decode_text(row.get("dataId"))
    if row.get("dataType") == "stage":
        return decode_id(data) or decode_id(row.get("d_stageid")) or decode_id(row.get("stage"))
    deal = decode_text(row.get("deal") or row.get("d_id"))
    named = data if data not in {"0", deal} else None
    for found in (named, decode_text(row.get("dataAction")), data):
        if found in STATUSES and found != old:
            return found
    return None


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
        found = decode_id(native(row)) if row.get("dataType") == "stage" else None
        return {"id": found, "name": row_context.names.stages.get(found)} if found else None

    return read


def _status(native: Any) -> Any:
    def read(row: Row, _: RowContext) -> str | None:
        word = decode_text(native(row)) if row.get("dataType") == "status" else None
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
        Field("field", "dataType", text, "`stage` or `status`", read_only=True),
        Linked("old_stage", "stages", _stage(_old), NAMED_REF),
        Linked("new_stage", "stages", _stage(_new), NAMED_REF),
        Derived("old_status", _status(_old), STRING, "`open`, `won` or `lost`"),
        Derived("new_status", _status(_new), STRING, "`open`, `won` or `lost`"),
        Derived("user", _user, object_of(id=STRING), "Who changed it"),
        Derived("automation", _automation, object_of(id=STRING), "The automation that changed it"),
        Field("changed_at", "cdate", instant, read_only=True),
    ),
)
