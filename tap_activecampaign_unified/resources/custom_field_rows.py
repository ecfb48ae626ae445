"""Rows of custom field values: their field, owner, value and currency, in every spelling.

The same value is spelled in several ways: nested, in a collection, and in sideloads.
"""

from __future__ import annotations

import json
import re
from typing import Any

from . import array_codecs, codecs
from .parsing import InvalidValue

Row = dict[str, Any]

#: The columns of a value row that name the account or the deal it belongs to.
VALUE_OWNERS = {
    "account": (
        *("accountId", "customerAccountId", "customer_account_id", "account_id"),
        *("account", "customerAccount"),
    ),
    "opportunity": ("dealId", "deal_id", "deal"),
}
#: What answers call the values of accounts' fields: the collection's own name, and the other one.
ACCOUNT_VALUES = ("accountCustomFieldData", "customerAccountCustomFieldData")
_CURRENCY_CODE = re.compile(r"[A-Za-z]{3}")
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


def value_field(row: Row) -> str:
    """Return the field id of a value row, in any of its spellings."""
    found = row.get("field")
    if isinstance(found, str):
        return found
    for name in _FIELD_COLUMNS:
        found = row.get(name)
        if found is not None:
            return str(found)
    return ""


def value_owner(row: Row, entity: str) -> str:
    """Return the id of the account or deal that a value row belongs to, empty for none."""
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


def value_currency(row: Row) -> Any:
    """Return the currency code of a value row, None where it has none."""
    if row.get("fieldCurrency"):
        return row["fieldCurrency"]
    for name, value in row.items():
        if name.startswith("custom_field_currency") and _CURRENCY_CODE.fullmatch(str(value)):
            return value
    return None


def is_complete(row: Row) -> bool:
    """Return whether a value row is complete: sideloads may omit a currency."""
    amount = row.get("custom_field_currency_value")
    return amount is None or amount == "" or bool(value_currency(row))


def essence_of(row: Row) -> tuple[str, ...]:
    """Return what two readings of one value row must agree on, however each spells it."""
    return (
        str(row.get("id")),
        value_field(row),
        _essence_of_value(value_of(row)),
        str(value_currency(row)).upper(),
    )


def _essence_of_value(value: Any) -> str:
    try:
        found = "|".join(array_codecs.decode_choices(value))
    except InvalidValue:
        return json.dumps(value, sort_keys=True)
    if time := _TIME.fullmatch(found):
        # One reading of a time has an offset, the other the account's clock; a date has midnight.
        return f"{time[1]} {time[2] or '00:00:00'}"
    try:
        return codecs.encode_number(found)
    except InvalidValue:
        return found


_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:Z|[+-]\d\d:?\d\d)?)?")
