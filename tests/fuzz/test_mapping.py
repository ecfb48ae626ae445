"""Any value through every codec, and any row and record through every table, both ways."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.resources import RESOURCES, by_name
from tap_activecampaign_unified.resources.codecs import UTC_ZONE
from tap_activecampaign_unified.resources.custom_fields import (
    ENTITIES,
    KEY_MODES,
    CustomFields,
    definition_of,
    encode_value,
)
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.record_reader import RecordReader
from tap_activecampaign_unified.resources.record_writer import write
from tap_activecampaign_unified.resources.resource import Field, NameTables, Resource, RowContext
from tests import length
from tests.tap.resources.reading import NAMES
from tests.tap.resources.test_laws import CODECS, valid

from .junk import ANY, SCALARS, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

EACH = settings(max_examples=length.of(25, 3000), suppress_health_check=[HealthCheck.too_slow])
TYPES = st.sampled_from(
    [
        "text",
        "textarea",
        "number",
        "date",
        "datetime",
        "currency",
        "listbox",
        "checkbox",
        "multiselect",
        "radio",
        "dropdown",
        "hidden",
        "no such type",
    ]
)


def plain(value: Any) -> Any:
    """Return a value as a loader gets it; raise if it is not JSON."""
    return json.loads(json.dumps(value, allow_nan=False))


def tried(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result, or None if it is refused with a short reason."""
    try:
        return function(*arguments)
    except InvalidValue as problem:
        reason = str(problem)
    assert 0 < len(reason) < 200
    return None


# --- codecs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@EACH
@given(raw=ANY)
def test_anything_is_a_value_or_null_and_a_reason(codec: Any, raw: Any) -> None:
    """A decoded value fits its schema; a refused value has a reason without the value."""
    value = tried(codec.decode, raw, UTC_ZONE)
    assert value is None or valid(codec.schema, plain(value))


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@EACH
@given(value=ANY)
def test_anything_that_is_written_reads_as_what_was_meant(codec: Any, value: Any) -> None:
    """A value that a codec writes is read as the same value and written the same way again."""
    sent = tried(codec.encode, value)
    if sent is None:
        return
    assert plain(sent) == sent
    read = codec.decode(sent, UTC_ZONE)
    if read not in (None, []):
        assert codec.decode(codec.encode(read), UTC_ZONE) == read


# --- custom fields --------------------------------------------------------------------------------


@st.composite
def definitions(draw: st.DrawFn) -> tuple[str, CustomFields]:
    """Return custom fields of an entity, with odd definitions among them."""
    entity = draw(st.sampled_from(ENTITIES))
    names = (
        ("title", "type", "perstag")
        if entity == "contact"
        else (
            "fieldLabel",
            "fieldType",
            "personalization",
        )
    )
    rows = []
    for number in range(draw(st.integers(0, 4))):
        odd = draw(st.dictionaries(st.sampled_from([*names, "fieldOptions", "options"]), ANY))
        options = odd.get("options")
        if options is not None and not isinstance(options, (list, tuple)):
            odd.pop("options")
        sane = {names[0]: draw(TEXT), names[1]: draw(TYPES), names[2]: draw(TEXT)}
        rows.append({**sane, **odd, "id": str(number + 1)})
    found = [definition_of(entity, row, {}) for row in rows]
    return entity, CustomFields(found, draw(st.sampled_from(KEY_MODES)))


@EACH
@given(drawn=definitions(), data=st.data())
def test_any_custom_value_is_emitted_or_an_error(
    drawn: tuple[str, CustomFields], data: st.DataObject
) -> None:
    """Every custom value is emitted in its type or is an error, for any definition."""
    _, custom = drawn
    fields = st.sampled_from([definition.id for definition in custom.definitions] or ["1"]) | ANY
    row = st.fixed_dictionaries({"field": fields, "value": ANY}) | st.dictionaries(
        st.sampled_from(["field", "value", "fieldValue", "customFieldId", "fieldCurrency"]), ANY
    )
    rows = data.draw(st.lists(row, max_size=4))
    errors: list[str] = []
    record, _ = custom.read(rows, UTC_ZONE, errors)
    jsonschema.Draft202012Validator(custom.schema()).validate(plain(record))
    assert set(record) == set(custom.keys.values())
    assert len(errors) <= len(rows)
    for native in rows:
        key = custom.keys.get(str(native.get("field")))
        is_something = (
            native.get("value") not in (None, "", [], {}) and str(native.get("value")).strip()
        )
        if key and is_something and sum(r.get("field") == native["field"] for r in rows) == 1:
            # A key may hold a colon too: it is a title.
            is_an_error = any(error.startswith(f"custom_fields.{key}:") for error in errors)
            assert record[key] is not None or is_an_error or _is_zero(native)


def _is_zero(row: dict[str, Any]) -> bool:
    """Return whether a value is one of ActiveCampaign's zero values."""
    return not str(row["value"]).strip("0-: |\x00\u3000")


@EACH
@given(drawn=definitions(), data=st.data())
def test_any_custom_value_that_is_written_is_read_back(
    drawn: tuple[str, CustomFields], data: st.DataObject
) -> None:
    """A custom value that is read, written and read again is the same, or has a reason."""
    _, custom = drawn
    for definition in custom.definitions:
        errors: list[str] = []
        value = {"field": definition.id, "value": data.draw(ANY), "fieldCurrency": "EUR"}
        record, _ = custom.read([value], UTC_ZONE, errors)
        read = record[custom.keys[definition.id]]
        written = tried(encode_value, definition, read)
        if written is None:
            continue
        sent, currency = written
        again, _ = custom.read(
            [{"field": definition.id, "value": sent, "fieldCurrency": currency}], UTC_ZONE, []
        )
        if read not in (None, []):
            assert again[custom.keys[definition.id]] == read


# --- tables ---------------------------------------------------------------------------------------


def own_fields(resource: Resource) -> list[Field]:
    """Return the writable columns of a resource's own row."""
    return [
        entry
        for entry in resource.entries
        if isinstance(entry, Field) and entry.unified not in resource.keys
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "crm_fields"])
@EACH
@given(data=st.data())
def test_any_row_is_a_record_that_writes_it_again(name: str, data: st.DataObject) -> None:
    """A record of any row, written and read again, has the same columns."""
    resource = by_name[name]
    fields = own_fields(resource)
    row = data.draw(st.fixed_dictionaries({field.native: ANY for field in fields}))
    reader = RecordReader(resource)
    joined = RowContext(NameTables(), {}, UTC_ZONE)
    record = reader.read({"id": "7", **row}, joined)
    plain(record)
    fragment = write(resource, record)
    refused = {key for key, _ in fragment.problems}
    again = reader.read({"id": "7", **row, **fragment.native}, joined)
    for field in fields:
        if field.unified not in refused and record[field.unified] not in (None, []):
            assert again[field.unified] == record[field.unified], field.unified


@pytest.mark.parametrize("resource", RESOURCES, ids=NAMES)
@EACH
@given(data=st.data())
def test_every_key_of_a_record_is_written_or_reported(
    resource: Resource, data: st.DataObject
) -> None:
    """Every key of any record is written, reported or ignored, and the request is JSON."""
    keys = st.sampled_from([entry.unified for entry in resource.entries] + ["custom_fields"]) | TEXT
    record = data.draw(st.dictionaries(keys, ANY | SCALARS, max_size=6))
    fragment = write(resource, record)
    plain(fragment.native)
    natives = {field.native: field.unified for field in own_fields(resource)}
    places = [
        *(natives.get(column, column) for column in fragment.native),
        *fragment.links,
        *fragment.nulls,
        *fragment.ignored,
        *(key for key, _ in fragment.problems),
    ]
    assert len(places) == len(set(places))
    attributes = {entry.unified for entry in resource.entries} - set(natives.values())
    left = set(record) - set(places) - set(resource.keys) - attributes - {"custom_fields"}
    assert left == set()
