"""Values that clients send for custom fields: converted, stored, or refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.sandbox.wire import Refusal, as_id, as_text, invalid, missing_plain

if TYPE_CHECKING:
    from tests.sandbox.rows import CustomField, Field, FieldValue
    from tests.sandbox.world import World


def read_contact_value(w: World, field: Field, value: Any) -> str:
    """Parse the value of a contact field: text, with datetimes in the account's zone."""
    if value is None:
        return ""
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, list):
        value = f"||{'||'.join(map(str, value))}||" if value else ""
    text = str(value)
    if field.type == "datetime" and text:
        instant = w.zone.instant(text)
        return text if instant is None else w.zone.stamp(instant)
    if text and w.switches.unknown_option == "422":
        options = {option.value for option in w.tables["fieldOptions"].by("field", field.id)}
        choices = {part for part in text.split("||") if part}
        if options and not choices <= options:
            raise invalid("field_invalid", "fieldValues", "The option does not exist.")
    return text


def write_contact_values(
    w: World, contact: int, sent: Any, *, key: str = "field", starts: bool = True
) -> list[FieldValue]:
    """Store the `fieldValues` of a contact; unknown fields are ignored."""
    stored = []
    for entry in sent if isinstance(sent, list) else []:
        field = w.tables["fields"].get(as_id(entry.get(key))) if isinstance(entry, dict) else None
        if field is not None:
            value = read_contact_value(w, field, entry.get("value"))
            stored.append(w.set_field(contact, field.id, value, starts=starts))
    return stored


def read_datum(w: World, field: CustomField, value: Any) -> Any:
    """Parse the value of an account or deal field, or refuse its type."""
    if value is None or value == "":
        return value
    if field.fieldType in ("multiselect", "checkbox", "listbox"):
        if not isinstance(value, list):
            raise _mismatch(field, "an array of strings")
        return _chosen(w, field, [as_text(item) for item in value])
    if isinstance(value, (list, dict, bool)):
        raise _mismatch(field, "a string")
    if field.fieldType in _NUMBERS:
        pattern, name = _NUMBERS[field.fieldType]
        if not pattern.fullmatch(str(value)):
            raise _mismatch(field, name)
        return str(value)
    if field.fieldType in ("date", "datetime"):
        instant = w.zone.instant(str(value))
        if instant is None:
            raise _mismatch(field, f"a {field.fieldType}")
        return str(value)[:10] if field.fieldType == "date" else w.zone.stamp(instant)
    return _chosen(w, field, [str(value)])[0]


_NUMBERS = {
    "currency": (re.compile(r"-?\d+"), "a whole number of minor units"),
    "number": (re.compile(r"-?\d*\.?\d+"), "a number"),
}


def _chosen(w: World, field: CustomField, values: list[str]) -> list[str]:
    options = set(field.fieldOptions or values)
    if w.switches.unknown_option == "422" and not options.issuperset(values):
        raise _mismatch(field, "one of its options")
    return values


def _mismatch(field: CustomField, wanted: str) -> Refusal:
    detail = f"The value of field {field.id} ({field.fieldType}) is not {wanted}."
    return Refusal(422, {"errors": [{"detail": detail}]})


def write_fields(w: World, kind: str, owner: int, sent: Any) -> list[dict[str, Any]]:
    """Store the `fields` of an account or deal; return them as its answer repeats them."""
    meta = w.tables[f"{kind}CustomFieldMeta"]
    read = []
    for entry in sent if isinstance(sent, list) else []:
        field = meta.get(as_id(entry.get("customFieldId"))) if isinstance(entry, dict) else None
        if field is not None:
            read.append((field, read_datum(w, field, entry.get("fieldValue")), entry))
    for field, value, entry in read:
        w.set_datum(kind, owner, field.id, value, entry.get("fieldCurrency"))
    return [
        {**entry, "customFieldId": field.id, f"{kind}Id": str(owner)} for field, _, entry in read
    ]


def custom_field(w: World, kind: str, value: Any) -> CustomField:
    """Return the field that a datum names, or refuse."""
    found: CustomField | None = w.tables[f"{kind}CustomFieldMeta"].get(as_id(value))
    if found is None:
        raise missing_plain()
    return found
