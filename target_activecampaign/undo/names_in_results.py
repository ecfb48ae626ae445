"""The names of values and of groups of values in results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .column_values import TASK_COLUMNS, table_columns
from .comparable_values import (
    ACCOUNT_LINK,
    COLUMN,
    CREATED,
    DEAL_CONTACT,
    DELETED,
    ENTERED,
    FIELD,
    LEFT,
    LIST,
    TAG,
    TAG_NAME,
)
from .kinds import CONTACT, ENTITIES, NOTE

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    from .journal_tables import ValuePart

_GROUPS = {
    TAG: "tags",
    TAG_NAME: "tags",
    LIST: "segments",
    ENTERED: "automations",
    LEFT: "automations",
    DEAL_CONTACT: "contacts",
}


def group_of(part: ValuePart) -> str:
    """Return the group of a part. The values of a group have a result together."""
    if part.name in {CREATED, DELETED}:
        return part.name
    if part.kind == CONTACT and part.name == ACCOUNT_LINK:
        return "account"
    group = next((group for prefix, group in _GROUPS.items() if part.name.startswith(prefix)), None)
    return group or ("content" if part.kind == NOTE else "fields")


def unified_name(context: WriteContext, kind: str, part: str) -> str:
    """Return the unified name of a part."""
    if part.startswith(FIELD):
        field_id = part.removeprefix(FIELD)
        keys = context.references.fields(ENTITIES[kind]).keys
        return f"custom_fields.{keys.get(field_id, f'field_{field_id}')}"
    if part.startswith(COLUMN):
        native = part.removeprefix(COLUMN)
        column = table_columns(context, kind).get(native)
        return column.unified if column is not None else TASK_COLUMNS.get(native, native)
    for prefix, word in (
        (TAG_NAME, "tag"),
        (TAG, "tag"),
        (LIST, "list"),
        (DEAL_CONTACT, "contact"),
    ):
        if part.startswith(prefix):
            return f"{word} {part.removeprefix(prefix)}"
    return part
