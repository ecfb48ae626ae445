"""Automations, and the contacts that entered or left them."""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import (
    flag,
    identifier,
    integer,
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
from tap_activecampaign_unified.resources.schema_types import STRING
from tap_activecampaign_unified.resources.shared_columns import id_in, word_in
from tap_activecampaign_unified.resources.time_codecs import instant

STATUSES = {"0": "draft", "1": "active", "2": "inactive"}
ENROLMENT_STATUSES = {"1": "active", "2": "completed"}


def _name(row: Row, row_context: RowContext) -> str | None:
    return row_context.names.automations.get(str(row.get("automation") or row.get("seriesid")))


AUTOMATIONS = Resource(
    name="marketing_automations",
    title="Automations",
    endpoint_name="automations",
    endpoint="automations",
    stamps=("cdate", "mdate"),
    selected_by_default=False,
    entries=(
        Field("id", "id", identifier),
        Field("name", "name", text, read_only=True),
        Field("description", "description", verbatim, read_only=True),
        Derived("status", word_in("status", STATUSES), STRING, "`draft`, `active` or `inactive`"),
        Field("owner", "userid", ref, read_only=True),
        Field("is_hidden", "hidden", flag, read_only=True),
        Field("allows_reentry", "multientry", flag, read_only=True),
        Field("contacts_entered", "entered", integer, read_only=True),
        Field("contacts_exited", "exited", integer, read_only=True),
        Field("created_at", "cdate", instant, read_only=True),
        Field("updated_at", "mdate", instant, read_only=True),
    ),
)
CONTACT_AUTOMATIONS = Resource(
    name="marketing_contact_automations",
    title="Automations entered and left",
    endpoint_name="contactAutomations",
    endpoint="contactAutomations",
    stamps=("adddate", "lastdate"),
    selected_by_default=False,
    entries=(
        Field("id", "id", identifier, "A contact that enters again gets a new id"),
        Derived("contact_id", id_in("contact"), STRING),
        Derived("automation_id", id_in("automation", "seriesid"), STRING),
        Linked("automation_name", "automations", _name, STRING),
        Derived("status", word_in("status", ENROLMENT_STATUSES), STRING, "`active` or `completed`"),
        Field("entered_at", "adddate", instant, read_only=True),
        Field("exited_at", "remdate", instant, read_only=True),
        Field("last_activity_at", "lastdate", instant, read_only=True),
        Field("steps_completed", "completedElements", integer, read_only=True),
        Field("steps_total", "totalElements", integer, read_only=True),
    ),
)
