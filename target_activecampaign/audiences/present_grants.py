"""Compares grants with the present values of a contact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.codecs import UTC_ZONE
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.time_codecs import instant_or_none
from target_activecampaign.client.create_once import CLOCK_MARGIN_SECONDS
from target_activecampaign.records.list_status import SUBSCRIBED
from target_activecampaign.sinks.contacts.enrolment_ledger import EnrolmentRecord

from .grant_ids import split_grant_id

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.custom_fields import FieldDefinition
    from target_activecampaign.lookups.contact_values import ContactValues
    from target_activecampaign.sinks.write_context import WriteContext

#: The values of an empty field.
BLANK = (None, "", "||")


def has_grant(context: WriteContext, values: ContactValues, grant_id: str) -> bool:
    """Return whether a contact has the tag, subscription, field value or enrolment of a grant id.

    The ledger decides about an enrolment, the account about everything else.
    """
    kind, native_id = split_grant_id(grant_id)
    if kind == "tag":
        return native_id in values.tags
    if kind == "list":
        status = values.lists.get(native_id)
        return status is not None and status.status == SUBSCRIBED
    if kind == "field":
        return values.fields.get(native_id) not in BLANK
    return EnrolmentRecord(context, values.id, native_id).is_entered


def began_after(values: ContactValues, grant_id: str, confirmed_at: str) -> bool:
    """Return whether a contact's tag or subscription began after a time; False if unknown.

    ``confirmed_at`` is in seconds of the account's clock, empty if the time is unknown.
    """
    kind, native_id = split_grant_id(grant_id)
    text = None
    if kind == "tag":
        text = values.tagged_at.get(native_id)
    elif kind == "list" and native_id in values.lists:
        text = values.lists[native_id].subscribed_at
    began_at = instant_or_none(text)
    if began_at is None or not confirmed_at:
        return False
    return began_at.timestamp() > float(confirmed_at) + CLOCK_MARGIN_SECONDS


def normalized_text(definition: FieldDefinition, value: object) -> str:
    """Return a field's value as text that is the same for all spellings in ActiveCampaign."""
    try:
        decoded = definition.codec.decode(value, UTC_ZONE)
    except InvalidValue:
        return str(value)
    if isinstance(decoded, list):
        decoded = sorted(map(str, decoded))
    return json.dumps(decoded, default=str)
