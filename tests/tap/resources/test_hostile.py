"""Every value of a row is kept or named in `_errors`; no value ends a run."""

from __future__ import annotations

import itertools
import json
from functools import cache

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.resources import by_name

from .reading import COLUMNS, about, golden, read_row, records_of

MEGABYTE = "ä" * (1 << 20)
DEEP = json.loads("[" * 400 + "]" * 400)
TEXTS = {
    "a megabyte": MEGABYTE,
    "control characters": "a\x00b\x07c\x1bd",
    "a lone surrogate": "a\ud800b",
    "right to left": "\u202eabc\u200b",
    "emoji": "👩‍👩‍👧‍👦",
    "markup": "<script>alert(1)</script>",
    "a formula": "=cmd|' /C calc'!A0",
    "a percent": "%s %(x)s {0} {x}",
}
HOSTILE = [
    *TEXTS.values(),
    DEEP,
    {"a": {"b": {"c": []}}},
    [[]],
    [{}],
    {},
    True,
    10**400,
    -(10**400),
    1e308,
    "1e999999999",
    "-1e-999999999",
    "9" * 5000,
    "NaN",
    "Infinity",
    "-0",
    "²",
    "٣",
    "0x10",
    "1_000",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "2031-02-30",
    "2031-03-02T25:00:00",
    "2031-W10-1",
    "||||||",
    "[" * 50_000,
    '{"a":',
    "  ",
]


def fits(name, record, seen) -> None:
    """Check a record as JSON, and against its schema without custom fields.

    Values in ``seen`` were checked before; the check of a whole record takes long.
    """
    texts = {(key, json.dumps(value, allow_nan=False)) for key, value in record.items()}
    new = {key for key, _ in texts - seen} | set(by_name[name].keys)
    seen |= texts
    validator_of(name).validate({key: record[key] for key in new})


@cache
def validator_of(name) -> jsonschema.Draft202012Validator:
    """Return the validator of a resource's schema, made once."""
    return jsonschema.Draft202012Validator(by_name[name].schema())


@pytest.mark.parametrize(("name", "collection", "columns"), COLUMNS)
def test_no_value_in_any_column_ends_the_run(name, collection, columns):
    """Any value in any column of a row or a sideload gives a record."""
    seen = set()
    for column, value in itertools.product(columns, HOSTILE):
        document = golden(name)
        for row in document["page"][collection]:
            row[column] = value
        with about(column, value):
            for record in records_of(by_name[name], document):
                if all(record[key] is not None for key in by_name[name].keys):
                    fits(name, record, seen)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(
    ("name", "native", "unified"),
    [
        ("crm_contacts", "firstName", "first_name"),
        ("marketing_contacts", "email", "email"),
        ("crm_notes", "note", "content"),
        ("crm_opportunities", "description", "description"),
        ("crm_accounts", "name", "name"),
        ("marketing_tags", "tag", "name"),
    ],
)
def test_any_text_is_kept(name, native, unified, text):
    """Long, odd or dangerous text is emitted as ActiveCampaign holds it."""
    record = read_row(name, {"id": "1", native: text})
    assert record[unified] == text
    assert record["_errors"] == []


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_any_text_of_a_custom_field_is_kept(text):
    """Any text of a custom field is emitted as ActiveCampaign holds it."""
    fields = [{"id": "4", "title": "Remarks", "type": "text", "perstag": "REMARKS"}]
    values = [{"contact": "1", "field": "4", "value": text, "id": "9"}]
    record = read_row("crm_contacts", {"id": "1"}, fields=fields, fieldValues=values)
    assert record["custom_fields"] == {"remarks": text}


@pytest.mark.parametrize(
    "kind", ["text", "number", "date", "datetime", "checkbox", "currency", "?"]
)
@pytest.mark.parametrize("entity", ["contacts", "accounts", "deals"])
@given(value=st.sampled_from(HOSTILE))
def test_no_custom_value_ends_the_run(kind, entity, value):
    """Any value in a custom field of any type and entity gives a record."""
    name = {"contacts": "crm_contacts", "accounts": "crm_accounts"}.get(entity, "crm_opportunities")
    collection, owner, field, column = {
        "contacts": ("fieldValues", "contact", "field", "value"),
        "accounts": ("accountCustomFieldData", "accountId", "customFieldId", "fieldValue"),
        "deals": ("dealCustomFieldData", "dealId", "customFieldId", "fieldValue"),
    }[entity]
    fields = [{"id": "4", "title": "T", "type": kind, "perstag": "T", "fieldLabel": "T"}]
    fields[0] |= {"fieldType": kind, "personalization": "%T%"}
    page = {collection: [{"id": "9", owner: "1", field: "4", column: value}]}
    record = read_row(name, {"id": "1"}, fields=fields, **page)
    assert record["custom_fields"].keys() == {"t"}
    json.dumps(record, allow_nan=False)


def test_one_bad_value_costs_one_field():
    """An unreadable value costs one field with a reason; the rest of the record is complete."""
    record = read_row("crm_opportunities", {"id": "1", "title": "Order", "value": "much"})
    assert (record["name"], record["amount"]) == ("Order", None)
    assert record["_errors"] == ["amount: not an amount"]
