"""Derives the final value and the `Mark` of written values from the response to a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.undo.comparable_values import (
    COLUMN,
    CREATED,
    ENTERED,
    LIST,
    STAGE,
    values_of_row,
)
from target_activecampaign.undo.kinds import CONTACT, DEAL, TASK, is_document

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import ApiResponse
    from target_activecampaign.undo.journal_tables import Mark, ValuePart

#: Columns of a new task that ActiveCampaign sets if the request leaves them out.
_SET_BY_ACCOUNT = (f"{COLUMN}edate", f"{COLUMN}assignee")


def confirmed_value(
    part: ValuePart,
    value: Any,
    answer: ApiResponse,
    *,
    earlier_status: Mark,
    since: float,
) -> tuple[ValuePart, Any, Mark | None]:
    """Return a part with the value that the account has after a request, and the value's mark.

    * A list status: the mark has the times and the source in the response.
    * The stage of a deal: the response completes the value if the request leaves out the pipeline.
    * An entry into an automation: the mark has the id of the enrolment.
    * A created task: the value has the columns that ActiveCampaign set.
    * A created document: the mark has the time before the request.
    * A created contact with the response 200: the contact may have existed before.

    ``earlier_status`` is a mark with the stamp of a list status before the request. ``since`` is
    the time before the request that created a document or imported a contact, 0 for others.
    """
    body = answer.body
    mark: Mark | None = None
    if part.name.startswith(LIST):
        row = body.get("contactList")
        if isinstance(row, dict):
            mark = {"at": row.get("udate"), "source": str(row.get("sourceid") or "0")}
            mark |= {"subscribed": row.get("sdate")}
            mark |= earlier_status
    elif part.kind == DEAL and part.name == STAGE:
        row = body.get("deal")
        if isinstance(row, dict):
            names = ("stage", "group")
            value = {name: str(row.get(name) or value.get(name) or "") for name in names}
    elif part.name.startswith(ENTERED):
        row = body.get("contactAutomation")
        mark = {"id": str(row.get("id"))} if isinstance(row, dict) else None
    elif part.name == CREATED and part.kind == TASK:
        row = body.get("dealTask")
        parts = values_of_row(TASK, row).parts if isinstance(row, dict) else {}
        value = {name: parts[name] for name in _SET_BY_ACCOUNT if name in parts} | value
    elif part.name == CREATED and is_document(part.kind):
        mark = {"since": since}
    elif part.name == CREATED and part.kind == CONTACT and answer.status == 200:
        mark = {"is_unsure": "contact" in body}
        if since:
            mark["since"] = since
    return part, value, mark
