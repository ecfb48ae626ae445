"""The names of values and of groups of values in results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources import by_name
from tap_activecampaign_unified.resources.resource import Field

from .commerce_and_custom_objects.columns import TASK_COLUMNS, table_columns
from .commerce_and_custom_objects.kinds import is_document
from .comparable_values import (
    ACCOUNT_LINK,
    COLUMN,
    CONTACT,
    CREATED,
    DEAL_CONTACT,
    DELETED,
    ENTERED,
    ENTITIES,
    FIELD,
    LEFT,
    LIST,
    NOTE,
    TAG,
    TAG_NAME,
    TASK,
)
from .records_of_run import STREAMS

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    from .journal_tables import ValuePart

#: The streams of definitions that a run creates.
_DEFINITIONS = {
    "tags": "marketing_tags",
    "lists": "marketing_segments",
    "fields": "crm_fields",
    "accountCustomFieldMeta": "crm_fields",
    "dealCustomFieldMeta": "crm_fields",
    "dealGroups": "crm_pipelines",
    "dealStages": "crm_stages",
    "groups": "directory_groups",
    "users": "directory_users",
}
_GROUPS = {
    TAG: "tags",
    TAG_NAME: "tags",
    LIST: "segments",
    ENTERED: "automations",
    LEFT: "automations",
    DEAL_CONTACT: "contacts",
}


def stream_of(kind: str) -> str:
    """Return the stream of a kind of record."""
    return STREAMS.get(kind) or _DEFINITIONS.get(kind, kind)


def group_of(part: ValuePart) -> str:
    """Return the group of a part. The values of a group have a result together."""
    if part.name in {CREATED, DELETED}:
        return part.name
    if part.kind == CONTACT and part.name == ACCOUNT_LINK:
        return "account"
    group = next((group for prefix, group in _GROUPS.items() if part.name.startswith(prefix)), None)
    return group or ("content" if part.kind == NOTE else "fields")


def name_of(context: WriteContext, kind: str, part: str) -> str:
    """Return the unified name of a part."""
    if part.startswith(FIELD):
        field_id = part.removeprefix(FIELD)
        keys = context.references.fields(ENTITIES[kind]).keys
        return f"custom_fields.{keys.get(field_id, f'field_{field_id}')}"
    if part.startswith(COLUMN):
        native = part.removeprefix(COLUMN)
        if kind == TASK or is_document(kind):
            field = table_columns(context, kind).get(native)
            return TASK_COLUMNS.get(native) or (field.unified if field else native)
        entries = by_name[STREAMS[kind]].entries
        names = {entry.native: entry.unified for entry in entries if isinstance(entry, Field)}
        return names.get(native, native)
    for prefix, word in (
        (TAG_NAME, "tag"),
        (TAG, "tag"),
        (LIST, "list"),
        (DEAL_CONTACT, "contact"),
    ):
        if part.startswith(prefix):
            return f"{word} {part.removeprefix(prefix)}"
    return part
