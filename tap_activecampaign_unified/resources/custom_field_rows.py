"""Reads rows of custom field values: their field, owner, value and currency.

ActiveCampaign spells the columns differently in nested rows, collections and sideloads.
"""

from __future__ import annotations

import json
import re
from typing import Any

from . import array_codecs, codecs
from .input_values import InvalidValue

Row = dict[str, Any]

#: The relation of a row to its custom field values.
CUSTOM_VALUES = "custom_values"
#: The columns with the time of change of a field value of an account or a deal. Those of contacts
#: need none: a changed value changes the contact's own time.
VALUE_STAMPS = ("updatedTimestamp", "updated_timestamp")
#: The columns of a value row that hold the id of its account or deal.
VALUE_OWNERS = {
    "account": (
        *("accountId", "customerAccountId", "customer_account_id", "account_id"),
        *("account", "customerAccount"),
    ),
    "opportunity": ("dealId", "deal_id", "deal"),
}
#: The names of account field values in responses: the collection's name, and an alternative.
ACCOUNT_VALUES = ("accountCustomFieldData", "customerAccountCustomFieldData")
_CURRENCY_CODE = re.compile(r"[A-Za-z]{3}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:Z|[+-]\d\d:?\d\d)?)?")
_FIELD_COLUMNS = (
    "field",
    "customFieldId",
    "custom_field_id",
    "accountCustomFieldMetumId",
    "dealCustomFieldMetumId",
    "customerAccountCustomFieldMetum",
    "dealCustomFieldMetum",
)
_SIDELOADED_VALUES = (
    "custom_field_text_value",
    "custom_field_text_blob",
    "custom_field_number_value",
    "custom_field_currency_value",
    "custom_field_date_value",
    "custom_field_datetime_value",
)


def field_id_of(row: Row) -> str:
    """Return the field id of a value row, in any of its spellings."""
    field_id = row.get("field")
    if isinstance(field_id, str):
        return field_id
    for name in _FIELD_COLUMNS:
        field_id = row.get(name)
        if field_id is not None:
            return str(field_id)
    return ""


def owner_id_of(row: Row, entity: str) -> str:
    """Return the id of the account or deal of a value row, or ""."""
    owners = (row.get(name) for name in VALUE_OWNERS[entity])
    return next((str(owner) for owner in owners if owner is not None), "")


def value_of(row: Row) -> Any:
    """Return the value of a value row, in any of its spellings."""
    if "value" in row:
        return row["value"]
    if "fieldValue" in row:
        return row["fieldValue"]
    values = (row.get(name) for name in _SIDELOADED_VALUES)
    return next((value for value in values if value is not None and value != ""), None)


def currency_of(row: Row) -> Any:
    """Return the currency code of a value row, None without a code."""
    if row.get("fieldCurrency"):
        return row["fieldCurrency"]
    for name, value in row.items():
        if name.startswith("custom_field_currency") and _CURRENCY_CODE.fullmatch(str(value)):
            return value
    return None


def is_complete(row: Row) -> bool:
    """Return whether a value row is complete. Sideloads may omit a currency."""
    amount = row.get("custom_field_currency_value")
    return amount is None or amount == "" or bool(currency_of(row))


def comparable_parts(row: Row) -> tuple[str, ...]:
    """Return the parts of a value row that are equal in all its spellings."""
    return (
        str(row.get("id")),
        field_id_of(row),
        _comparable_value(value_of(row)),
        str(currency_of(row)).upper(),
    )


def _comparable_value(value: Any) -> str:
    try:
        text = "|".join(array_codecs.decode_choices(value))
    except InvalidValue:
        return json.dumps(value, sort_keys=True)
    if time := _TIME.fullmatch(text):
        # A time has an offset in one spelling and none in the other. A date means midnight.
        return f"{time[1]} {time[2] or '00:00:00'}"
    try:
        return codecs.encode_number(text)
    except InvalidValue:
        return text
