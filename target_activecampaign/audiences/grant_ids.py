"""Grant ids: what a row grants to a contact and an audience can revoke, such as `tag:12`."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import InvalidRequest
from tap_activecampaign_unified.resources.codecs import UTC_ZONE
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.time_codecs import instant_or_none
from target_activecampaign.client.create_once import CLOCK_MARGIN_SECONDS
from target_activecampaign.config.audience_rules import (
    CLEAR_FIELDS,
    LEAVE_AUTOMATIONS,
    REMOVE_TAGS,
    UNSUBSCRIBE,
)
from target_activecampaign.sinks.contacts.contact_change import SUBSCRIBE
from target_activecampaign.sinks.contacts.contact_change import UNSUBSCRIBE as LEFT_LIST
from target_activecampaign.sinks.contacts.enrolment_ledger import EnrolmentRecord
from target_activecampaign.sinks.named_records.tags import ensure_tag

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.custom_fields import FieldDefinition
    from target_activecampaign.lookups.contact_values import ContactValues
    from target_activecampaign.sinks.contacts.contact_change import ContactChange
    from target_activecampaign.sinks.write_context import WriteContext

#: The kind of grant that each word of `on_leave` revokes.
GRANT_KINDS = {
    REMOVE_TAGS: "tag",
    UNSUBSCRIBE: "list",
    CLEAR_FIELDS: "field",
    LEAVE_AUTOMATIONS: "automation",
}
ACTIVE = str(SUBSCRIBE)
BLANK = (None, "", "||")


def grant_id(kind: str, native_id: str) -> str:
    """Return the grant id of a tag, list, field or automation."""
    return f"{kind}:{native_id}"


def split_grant_id(text: str) -> tuple[str, str]:
    """Return the kind and the native id of a grant id."""
    kind, _, native_id = text.partition(":")
    return kind, native_id


def create_tags(context: WriteContext, changes: list[ContactChange]) -> None:
    """Create the tags that changes add and the account lacks, so that they have an id."""
    names = dict.fromkeys(name for change in changes for name in change.adds)
    for name in names:
        if not context.references.find_by_name("tag", name):
            # A tag that ActiveCampaign refuses is refused again where a row is written.
            with contextlib.suppress(InvalidRequest):
                ensure_tag(context, name)


def removed_grant_ids(context: WriteContext, change: ContactChange) -> set[str]:
    """Return the grant ids that a change removes from a contact."""
    found = {
        grant_id("tag", str(row["id"]))
        for name in change.removes
        for row in context.references.find_by_name("tag", name)
    }
    found |= {
        grant_id("list", list_id) for list_id, status in change.lists.items() if status == LEFT_LIST
    }
    found |= {
        grant_id("field", field_id)
        for field_id, (_, value, __) in change.values.items()
        if value in BLANK
    }
    found |= {
        grant_id("automation", automation)
        for automation, enters in change.automations.items()
        if not enters
    }
    if change.is_mirror:
        keep, start = {fold(name) for name in change.adds}, fold(context.policy.tag_namespace)
        names = {tag: fold(str(r.get("tag"))) for tag, r in context.references.table("tag").items()}
        found |= {
            grant_id("tag", tag)
            for tag, n in names.items()
            if n.startswith(start) and n not in keep
        }
    return found


def contact_has(context: WriteContext, values: ContactValues, granted: str) -> bool:
    """Return whether a contact has what a grant id stands for, as far as the account shows."""
    kind, native_id = split_grant_id(granted)
    if kind == "tag":
        return native_id in values.tags
    if kind == "list":
        status = values.lists.get(native_id)
        return status is not None and status.status == ACTIVE
    if kind == "field":
        return values.fields.get(native_id) not in BLANK
    return EnrolmentRecord(context, values.id, native_id).is_entered


def began_after(values: ContactValues, granted: str, until: str) -> bool:
    """Return whether a contact's tag or subscription began after a time; unknown times are False.

    ``until`` is in seconds of the account's clock, empty where it is not known.
    """
    kind, native_id = split_grant_id(granted)
    at = None
    if kind == "tag":
        at = values.tagged_at.get(native_id)
    elif kind == "list" and native_id in values.lists:
        at = values.lists[native_id].subscribed_at
    found = instant_or_none(at)
    if found is None or not until:
        return False
    return found.timestamp() > float(until) + CLOCK_MARGIN_SECONDS


def normalized_text(definition: FieldDefinition, value: object) -> str:
    """Return a field's value as text that is the same for each way ActiveCampaign may write it."""
    try:
        found = definition.codec.decode(value, UTC_ZONE)
    except InvalidValue:
        return str(value)
    if isinstance(found, list):
        found = sorted(map(str, found))
    return json.dumps(found, default=str)
