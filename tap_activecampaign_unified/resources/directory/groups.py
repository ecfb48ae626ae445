"""Directory groups, with the permissions of their members."""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import decode_flag, flag, identifier, text
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Resource,
    Row,
    RowContext,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import DATE_TIME, STRING
from tap_activecampaign_unified.resources.time_codecs import instant


def _permissions(row: Row, _: RowContext) -> dict[str, bool | None]:
    permissions: dict[str, bool | None] = {}
    for column in sorted(row):
        if column.startswith("pg"):
            try:
                permissions[column] = decode_flag(row[column])
            except InvalidValue:
                continue  # not every pg column is a flag on every plan
    return permissions


GROUPS = Resource(
    name="directory_groups",
    title="Groups",
    endpoint_name="groups",
    endpoint="groups",
    singular="group",
    stamps=("sdate",),
    entries=(
        Field("id", "id", identifier),
        Field("name", "title", text),
        Field("description", "descript", text),
        Derived("organization", nothing, STRING, "Always null"),
        Derived("group_type", lambda _, __: "group", STRING, "Always `group`"),
        Field("is_admin", "p_admin", flag, read_only=True),
        Derived(
            "permissions",
            _permissions,
            {"type": ["object", "null"], "additionalProperties": {"type": ["boolean", "null"]}},
            "ActiveCampaign's permission flags (`pg…`)",
        ),
        Field("created_at", "sdate", instant, read_only=True),
        Derived("updated_at", nothing, DATE_TIME, "Always null"),
    ),
)
