"""Codecs of e-commerce: statuses in lower case, amounts in major units, dates in one form.

The native names are those of ActiveCampaign's GraphQL store. `orders.from_rest` converts rows of
the REST store to these names.
"""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.array_codecs import decode_choices
from tap_activecampaign_unified.resources.codecs import (
    UTC_ZONE,
    Codec,
    Zone,
    decode_flag,
    decode_id,
    decode_integer,
    decode_number,
    decode_text,
    encode_number,
    encode_text,
    text,
)
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.amounts import parse_money
from tap_activecampaign_unified.resources.input_values.arrays import parse_structure
from tap_activecampaign_unified.resources.input_values.flags import parse_flag
from tap_activecampaign_unified.resources.input_values.ids import parse_id
from tap_activecampaign_unified.resources.input_values.numbers import parse_whole
from tap_activecampaign_unified.resources.input_values.times import parse_time
from tap_activecampaign_unified.resources.nested_codecs import nested_array, nested_object
from tap_activecampaign_unified.resources.resource import Field
from tap_activecampaign_unified.resources.schema_types import (
    BOOLEAN,
    DATE_TIME,
    INTEGER,
    NUMBER,
    STRING,
    array_of,
    object_of,
)
from tap_activecampaign_unified.resources.time_codecs import format_instant, parse_instant

ORDER_STATUSES = [
    *("pending", "completed", "abandoned", "recovered", "waiting", "cancelled"),
    *("refunded", "failed", "returned", "pending_payment"),
]


def enumeration(name: str, words: list[str]) -> Codec:
    """Return the codec of an enumeration: upper case in ActiveCampaign, lower case in records."""

    def decode(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
        word = decode_text(raw, zone)
        if word is None:
            return None
        if word.lower() not in words:
            raise InvalidValue("not one of the known words")
        return word.lower()

    def encode(value: Any) -> str | None:
        if value is None:
            return None
        word = encode_text(value).strip().lower().replace("-", "_").replace(" ", "_")
        if word not in words:
            raise InvalidValue(f"must be one of {', '.join(words)}")
        return word.upper()

    return Codec(name, decode, encode, STRING, (*words, None))


def encode_measure(value: Any) -> int | float | None:
    """Return a number as an int or a float."""
    return None if value is None else decode_number(encode_number(value))


def encode_amount(value: Any) -> int | float | None:
    """Return an amount of money in major units as an int or a float."""
    return None if value is None else decode_number(str(parse_money(value)))


def decode_stamp(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
    """Return a store's time in UTC, in whole seconds."""
    moment = parse_instant(raw, zone)
    return None if moment is None else format_instant(moment.replace(microsecond=0))


def encode_stamp(value: Any) -> str | None:
    """Return a time as ``YYYY-MM-DDThh:mm:ssZ``, the form that the documentation shows."""
    moment = parse_time(value)
    if moment is None:
        return None
    return format_instant(moment.replace(microsecond=0)).replace("+00:00", "Z")


def decode_store(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
    """Return a connection's id in the form that `encode_store` sends: ``"01"`` is ``"1"``."""
    try:
        return parse_id(raw)
    except InvalidValue:
        return decode_id(raw, zone)


def encode_store(value: Any) -> int | None:
    """Return a connection's id as an int, as GraphQL requires it."""
    found = parse_id(value)
    return None if found is None else int(found)


def decode_contact(raw: Any, zone: Zone = UTC_ZONE) -> dict[str, str] | None:
    """Return ``{email}`` of the person, None without an address."""
    found = decode_text(raw, zone)
    return None if found is None else {"email": found}


def encode_contact(value: Any) -> str | None:
    """Return the address of ``{email}``, of an array with one such object, or of a text."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value == []:
        return None
    email = value.get("email") if isinstance(value, dict) else value
    if not isinstance(email, str) or not email.strip():
        raise InvalidValue("must be an object with an email")
    return email.strip()


def decode_texts(raw: Any, _: Zone = UTC_ZONE) -> list[str]:
    """Return an array of texts."""
    return [part for part in decode_choices(raw) if part.strip()]


def encode_texts(value: Any) -> list[str]:
    """Return an array of texts from an array, an array as text, or a single text."""
    value = parse_structure(value)
    if value is None:
        return []
    return [encode_text(part) for part in (value if isinstance(value, list) else [value]) if part]


# GraphQL requires ints and bools, where REST accepts text.
count = Codec("count", decode_integer, parse_whole, INTEGER, (0, 7, None))
boolean = Codec("boolean", decode_flag, parse_flag, BOOLEAN, (True, False, None))
measure = Codec("measure", decode_number, encode_measure, NUMBER, (0, 12.5, 1406.555, None))
amount = Codec("amount", decode_number, encode_amount, NUMBER, (0, 12.5, 1406.55, None))
stamp = Codec("stamp", decode_stamp, encode_stamp, DATE_TIME, ("2031-03-02T14:15:04+00:00", None))
store = Codec("store", decode_store, encode_store, {"type": ["string", "null"]}, ("3",))
contact = Codec(
    "contact_by_email",
    decode_contact,
    encode_contact,
    object_of(email=STRING),
    ({"email": "ada@x.example"}, None),
)
texts = Codec("texts", decode_texts, encode_texts, array_of({"type": "string"}), ([], ["a", "b"]))
order_status = enumeration("order_status", ORDER_STATUSES)
creation_source = enumeration("creation_source", ["historical", "real_time"])

address = nested_object(
    "store_address",
    Field("first_name", "firstName", text),
    Field("last_name", "lastName", text),
    Field("street_1", "address1", text),
    Field("street_2", "address2", text),
    Field("street_3", "address3", text),
    Field("city", "city", text),
    Field("state", "province", text),
    Field("postal_code", "postal", text),
    Field("country", "country", text),
    Field("phone", "phone", text),
    Field("company", "company", text),
    Field("email", "email", text),
    example={"first_name": "Ada", "street_1": "Quay 1", "country": "NO"},
)
discounts = nested_array(
    "discounts",
    Field("name", "name", text),
    Field("type", "type", enumeration("discount_type", ["order", "shipping"])),
    Field("amount", "discountAmount", amount),
    example={"name": "SPRING", "type": "order", "amount": 5},
)
LINE_FIELDS = (
    Field("store_line_id", "storeLineItemId", text, "The line's id in the store"),
    Field("store_product_id", "productStorePrimaryId", text, "The id of the product or variant"),
    Field("store_base_product_id", "storeBaseProductId", text, "The id of the base product"),
    Field("name", "name", text),
    Field("sku", "sku", text),
    Field("quantity", "quantity", count),
    Field("amount", "priceAmount", amount, "As the store sent it: documented as the line's total"),
    Field("category", "category", text),
    Field("brand", "brand", text),
    Field("tags", "tags", texts),
    Field("is_on_sale", "isOnSale", boolean),
    Field("url", "productUrl", text),
    Field("image_url", "imageUrl", text),
)
lines = nested_array(
    "order_lines", *LINE_FIELDS, example={"name": "Mug", "quantity": 2, "amount": 9.5, "tags": []}
)
