"""CRM users, who own accounts and opportunities."""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import decode_text, identifier, text
from tap_activecampaign_unified.resources.person_names import full_name
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Resource,
    Row,
    RowContext,
    empty,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import BOOLEAN, STRING
from tap_activecampaign_unified.resources.shared_columns import URLS
from tap_activecampaign_unified.resources.time_codecs import instant


def _name(row: Row, row_context: RowContext) -> str | None:
    return full_name(row, row_context) or decode_text(row.get("username"))


#: The times of a user's creation and last change, for the CRM and the directory.
USER_DATES = tuple(
    Field(unified, native, instant, "Null where the account does not send it", read_only=True)
    for unified, native in (("created_at", "cdate"), ("updated_at", "udate"))
)
USERS = Resource(
    name="crm_users",
    title="CRM users",
    endpoint_name="users",
    endpoint="users",
    singular="user",
    entries=(
        Field("id", "id", identifier),
        Derived("name", _name, STRING, "First and last name, else the user name"),
        Field("email", "email", text),
        Field("username", "username", text),
        Field("phone", "phone", text),
        Derived("is_active", nothing, BOOLEAN, "Always null: ActiveCampaign does not send it"),
        Derived("urls", empty, URLS, "Always empty"),
        *USER_DATES,
    ),
)
