"""CRM tasks of contacts and opportunities, with the time at which they are due."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.codecs import (
    decode_id,
    decode_integer,
    identifier,
    ref,
    text,
    verbatim,
)
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Linked,
    Resource,
    Row,
    RowContext,
)
from tap_activecampaign_unified.resources.schema_types import INTEGER, STRING, array_of, object_of
from tap_activecampaign_unified.resources.shared_columns import (
    NAMED_REF,
    named_ref_in,
    ref_in,
    word_in,
)
from tap_activecampaign_unified.resources.time_codecs import instant

STATUSES = {"0": "open", "1": "completed"}
PARENTS = {"Subscriber": "contact", "Deal": "opportunity"}
REFS = array_of(object_of(id=STRING))


def _parents(unified: str) -> Any:
    def read(row: Row, _: RowContext) -> list[Row]:
        found = decode_id(row.get("relid"))
        return [{"id": found}] if found and PARENTS.get(str(row.get("reltype"))) == unified else []

    return read


def _minutes(row: Row, _: RowContext) -> int | None:
    return decode_integer(row.get("duration"))


TASKS = Resource(
    name="crm_tasks",
    title="Tasks",
    endpoint_name="dealTasks",
    endpoint="dealTasks",
    selected_by_default=False,
    entries=(
        Field("id", "id", identifier),
        Field("subject", "title", text),
        Field("content", "note", verbatim),
        Derived("status", word_in("status", STATUSES), STRING, "`open` or `completed`"),
        Linked(
            "type",
            "task_types",
            named_ref_in("task_types", "dealTasktype"),
            NAMED_REF,
            "The type as the account names it, for example Call",
        ),
        Derived(
            "owner",
            ref_in("assignee", "user"),
            object_of(id=STRING),
            "The assignee; without one, the user who created it",
        ),
        Field("created_by", "user", ref, "The user who created it", read_only=True),
        Derived("contact", _parents("contact"), REFS, "The contact that it belongs to"),
        Derived("opportunity", _parents("opportunity"), REFS, "The deal that it belongs to"),
        Field("due_at", "duedate", instant),
        Field("ends_at", "edate", instant),
        Derived("duration", _minutes, INTEGER, "As ActiveCampaign sends it"),
        Field("completed_at", "donedate", instant, read_only=True),
        Field("outcome", "outcomeId", ref, read_only=True),
        Field("outcome_note", "outcomeInfo", text),
        Field("automation", "automation", ref, "The automation that created it", read_only=True),
        Field("created_at", "cdate", instant, read_only=True),
        Field("updated_at", "udate", instant, read_only=True),
    ),
)
