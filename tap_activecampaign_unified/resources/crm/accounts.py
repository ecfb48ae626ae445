"""CRM accounts: the companies that contacts belong to."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.codecs import (
    decode_integer,
    decode_number,
    decode_text,
    encode_number,
    encode_text,
    identifier,
    integer,
    ref,
    text,
)
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.resource import (
    Attribute,
    Derived,
    Field,
    Replication,
    Resource,
    Row,
    RowContext,
    empty,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import (
    DATE_TIME,
    INTEGER,
    NUMBER,
    STRING,
    array_of,
    object_of,
)
from tap_activecampaign_unified.resources.shared_columns import ADDRESSES, TAGS, URLS
from tap_activecampaign_unified.resources.time_codecs import instant

ADDRESS_PARTS = {
    "street_1": "ACCT_ADDRESS_1",
    "street_2": "ACCT_ADDRESS_2",
    "city": "ACCT_CITY",
    "state": "ACCT_STATE_PROVINCE",
    "postal_code": "ACCT_POSTAL_CODE",
    "country": "ACCT_COUNTRY",
}


def _text_of(value: Any) -> str | None:
    """Return an attribute as text. Its custom field may have any type."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    if isinstance(value, dict):
        value = value.get("amount")
    return None if value is None else decode_text(value)


def _write_text(value: Any) -> tuple[str]:
    return (encode_text(value),)


def _whole_number(value: Any) -> int | None:
    """Return a whole number. A range like ``500-1000`` is None, and only in custom_fields."""
    try:
        return decode_integer(_text_of(value))
    except InvalidValue:
        return None


def _amount(value: Any) -> int | float | None:
    try:
        return decode_number(_text_of(value))
    except InvalidValue:
        return None


def _write_number(value: Any) -> tuple[str]:
    return (encode_number(value),)


def _address(*values: Any) -> list[Row]:
    parts = dict(zip(ADDRESS_PARTS, map(_text_of, values), strict=True))
    if not any(parts.values()):
        return []
    return [{"id": None, **parts, "type": None}]


def _write_address(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InvalidValue("must be an array of objects")
    first = value[0] if value else {}
    return tuple(encode_text(first.get(part)) for part in ADDRESS_PARTS)


def _phones(value: Any) -> list[Row]:
    number = _text_of(value)
    return [{"id": None, "number": number, "extension": None, "type": "work"}] if number else []


def _write_phones(value: Any) -> tuple[str]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InvalidValue("must be an array of objects")
    return (encode_text(value[0].get("number")) if value else "",)


def _urls(row: Row, _: RowContext) -> list[Row]:
    url = decode_text(row.get("accountUrl"))
    return [{"url": url, "type": "website"}] if url else []


ACCOUNTS = Resource(
    name="crm_accounts",
    title="Accounts",
    endpoint_name="accounts",
    endpoint="accounts",
    singular="account",
    replication=Replication.SCANNED,
    replication_key="updated_at",
    changed=("updatedTimestamp",),
    stamps=("updatedTimestamp", "createdTimestamp"),
    custom_fields="account",
    entries=(
        Field("id", "id", identifier),
        Field("name", "name", text),
        Field("owner", "owner", ref),
        Attribute("description", ("ACCT_DESCRIPTION",), _text_of, _write_text, STRING),
        Attribute("industry", ("ACCT_INDUSTRY_VERTICAL",), _text_of, _write_text, STRING),
        Field("website", "accountUrl", text),
        Attribute(
            "number_of_employees",
            ("ACCT_NUMBER_OF_EMPLOYEES",),
            _whole_number,
            _write_number,
            INTEGER,
            "Null where ActiveCampaign has a range",
        ),
        Attribute("annual_revenue", ("ACCT_ANNUAL_REVENUE",), _amount, _write_number, NUMBER),
        Attribute("addresses", tuple(ADDRESS_PARTS.values()), _address, _write_address, ADDRESSES),
        Attribute(
            "phone_numbers",
            ("ACCT_PHONE_NUMBER",),
            _phones,
            _write_phones,
            array_of(object_of(id=STRING, number=STRING, extension=STRING, type=STRING)),
        ),
        Derived("urls", _urls, URLS, "The website"),
        Derived("tags", empty, TAGS, "Always empty: accounts have no tags"),
        Field("contact_count", "contactCount", integer, read_only=True),
        Field("deal_count", "dealCount", integer, read_only=True),
        Derived("last_activity_at", nothing, DATE_TIME, "Always null"),
        Field("created_at", "createdTimestamp", instant, read_only=True),
        Field("updated_at", "updatedTimestamp", instant, read_only=True),
    ),
)
