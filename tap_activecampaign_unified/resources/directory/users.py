"""Directory users, with their groups."""

from __future__ import annotations

from tap_activecampaign_unified.resources.array_codecs import single_item
from tap_activecampaign_unified.resources.codecs import (
    decode_id,
    decode_text,
    flag,
    identifier,
    text,
)
from tap_activecampaign_unified.resources.crm.users import USER_DATES
from tap_activecampaign_unified.resources.person_names import full_name
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Linked,
    Resource,
    Row,
    RowContext,
    empty,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import BOOLEAN, STRING, array_of, object_of
from tap_activecampaign_unified.resources.shared_columns import NAMED_REF

USER_GROUPS = "userGroups"


def _languages(row: Row, _: RowContext) -> list[str]:
    found = decode_text(row.get("lang"))
    return [found] if found else []


def _groups(_: Row, row_context: RowContext) -> list[Row]:
    group_ids: dict[str, None] = {}
    for membership in row_context.rows(USER_GROUPS):
        group = decode_id(membership.get("groupid") or membership.get("group"))
        if group:
            group_ids.setdefault(group)
    names = row_context.names.groups
    return [
        {"id": group_id, "name": names.get(group_id), "organization": None}
        for group_id in group_ids
    ]


USERS = Resource(
    name="directory_users",
    title="Users",
    endpoint_name="users",
    endpoint="users",
    singular="user",
    entries=(
        Field("id", "id", identifier),
        Derived("external_id", nothing, STRING, "Always null"),
        Derived("identifiers", nothing, object_of(), "Always null"),
        Field("first_name", "firstName", text),
        Field("last_name", "lastName", text),
        Derived("name", full_name, STRING, "First and last name"),
        Derived("title", nothing, STRING, "Always null"),
        Field("username", "username", text),
        Field("emails", "email", single_item("email", type=None, is_primary=True)),
        Field("phones", "phone", single_item("number", extension=None, type=None)),
        Derived("status", nothing, STRING, "Always null: ActiveCampaign does not send it"),
        Derived("is_email_verified", nothing, BOOLEAN, "Always null"),
        Field("is_2fa_enabled", "mfaEnabled", flag, read_only=True),
        Derived(
            "roles",
            empty,
            array_of(
                object_of(
                    id=STRING, name=STRING, group=STRING, organization=STRING, workspace=STRING
                )
            ),
            "Always empty",
        ),
        Linked(
            "groups",
            USER_GROUPS,
            _groups,
            array_of(object_of(id=STRING, name=STRING, organization=STRING)),
            "The group the user belongs to",
        ),
        Derived("organizations", empty, array_of(NAMED_REF), "Always empty"),
        Derived("workspaces", empty, array_of(NAMED_REF), "Always empty"),
        Derived(
            "licenses",
            empty,
            array_of(object_of(id=STRING, name=STRING, organization=STRING)),
            "Always empty",
        ),
        Derived("user_type", nothing, STRING, "Always null"),
        Derived("avatar", nothing, STRING, "Always null"),
        Field("timezone", "localZoneid", text, read_only=True),
        Derived("languages", _languages, array_of({"type": "string"})),
        Derived("bio", nothing, STRING, "Always null"),
        *USER_DATES,
    ),
)
