"""Values of a record by part, in the same form for all kinds of records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.codecs import UTC_ZONE
from tap_activecampaign_unified.resources.custom_field_rows import (
    currency_of,
    field_id_of,
    value_of,
)
from tap_activecampaign_unified.resources.custom_fields import encode_value
from tap_activecampaign_unified.resources.input_values import InvalidValue
from target_activecampaign.records.row_references import id_text

from .kinds import DEAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_activecampaign_unified.resources.custom_fields import CustomFields, FieldDefinition
    from target_activecampaign.lookups.contact_values import ContactValues

    #: Returns whether two values of a part are the same for a reader of the account.
    Same = Callable[[str, Any, Any], bool]

COLUMN, FIELD, TAG, LIST, DEAL_CONTACT = "column:", "field:", "tag:", "list:", "contact:"
#: The part of a tag with a known name and unknown id, because the importer may create the tag.
TAG_NAME = "tag name:"
ACCOUNT_LINK, STAGE, CREATED, DELETED = "account", "stage", "created", "deleted"
ENTERED, LEFT = "entered:", "left:"
#: Types of fields whose values have another form in responses than in requests.
_ENCODED = {"currency", "date", "datetime"}
_REFERENCES = {"contact", "account", "owner"}


@dataclass
class RecordValues:
    """The account's values of a record. A part without a value is not in ``parts``.

    ``native`` is the record's own row. ``contact`` holds all values of a contact.
    """

    parts: dict[str, Any] = field(default_factory=dict)
    native: dict[str, Any] = field(default_factory=dict)
    contact: ContactValues | None = None

    def get(self, part: str) -> Any:
        """Return a part's value, None if the record has no value."""
        return self.parts.get(part)


def values_of_contact(contact: ContactValues) -> RecordValues:
    """Return a contact's values by part."""
    parts: dict[str, Any] = {}
    for name, value in contact.row.items():
        if isinstance(value, str):
            parts[COLUMN + name] = value
    parts |= {FIELD + field_id: value for field_id, value in contact.fields.items()}
    parts |= dict.fromkeys((TAG + tag for tag in contact.tags), True)
    parts |= {LIST + list_id: status.status for list_id, status in contact.lists.items()}
    for account, link in contact.accounts.items():
        parts[ACCOUNT_LINK] = {"account": account, "title": link.title or ""}
    return RecordValues(parts, contact.row, contact)


def values_of_row(
    kind: str, row: dict[str, Any], fields: Iterable[dict[str, Any]] = ()
) -> RecordValues:
    """Return the values of a deal, an account, a note or a task by part."""
    parts: dict[str, Any] = {}
    for name, value in row.items():
        if kind == DEAL and name in {"stage", "group"}:
            parts.setdefault(STAGE, {})[name] = id_text(value) or ""
        elif kind == DEAL and name in _REFERENCES:
            parts[COLUMN + name] = id_text(value) or ""
        elif isinstance(value, (str, int, float)):
            parts[COLUMN + name] = str(value)
    for value_row in fields:
        parts[FIELD + field_id_of(value_row)] = {
            "value": value_of(value_row),
            "currency": currency_of(value_row),
        }
    return RecordValues(parts, row)


def is_empty(value: Any) -> bool:
    """Return whether a part has no value: it is missing, or its custom value is empty."""
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    return value in (None, "", [], "||", "||||")


def is_same(part: str, value: Any, other: Any, *, fields: CustomFields | None = None) -> bool:
    """Return whether two values of a part are the same for a reader of the account."""
    if is_empty(value) or is_empty(other):
        return is_empty(value) and is_empty(other)
    if part.startswith(FIELD):
        definition = definition_of(fields, part)
        return bool(_plain(definition, value) == _plain(definition, other))
    if isinstance(value, dict) and isinstance(other, dict):
        # A request may leave a key open, such as the pipeline of a stage: the server decides it.
        shared = value.keys() & other.keys()
        return bool(shared) and all(
            str(value[name] or "") == str(other[name] or "") for name in shared
        )
    if part in {COLUMN + "currency", COLUMN + "email"}:
        return str(value).strip().casefold() == str(other).strip().casefold()
    return str(value).strip() == str(other).strip()


def definition_of(fields: CustomFields | None, part: str) -> FieldDefinition | None:
    """Return the definition of a part's custom field, None if the field no longer exists."""
    field_id = part.removeprefix(FIELD)
    definitions = fields.definitions if fields is not None else ()
    return next((definition for definition in definitions if definition.id == field_id), None)


def _plain(definition: FieldDefinition | None, value: Any) -> Any:
    """Return a custom value in a form that is the same for all its spellings."""
    currency = None
    if isinstance(value, dict):
        value, currency = value.get("value"), value.get("currency")
    decoded = _decoded(definition, value)
    if isinstance(decoded, list):
        decoded = sorted(map(str, decoded))
    has_currency = definition is not None and definition.type == "currency" and currency
    return (decoded, str(currency).casefold()) if has_currency else (decoded, "")


def _decoded(definition: FieldDefinition | None, value: Any) -> Any:
    if definition is None:
        return str(value).strip()
    try:
        return definition.codec.decode(value, UTC_ZONE)
    except InvalidValue:
        return str(value).strip()


def sent_value(definition: FieldDefinition | None, value: Any) -> tuple[Any, str | None]:
    """Return the value and the currency to send to restore a deal's or an account's field."""
    stored = value.get("value") if isinstance(value, dict) else value
    currency = value.get("currency") if isinstance(value, dict) else None
    if is_empty(stored):
        is_array = definition is not None and definition.is_choices
        return ([] if is_array else ""), None
    if definition is None or not (definition.is_choices or definition.type in _ENCODED):
        return stored, currency
    decoded = _decoded(definition, stored)
    if decoded is None:
        return stored, currency
    if definition.type == "currency":
        decoded = {"amount": decoded, "currency": currency}
    try:
        encoded, code = encode_value(definition, decoded)
    except InvalidValue:
        return stored, currency
    return encoded, code
