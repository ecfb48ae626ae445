"""The laws of the mapping, tested for every field of every resource."""

from __future__ import annotations

import datetime as dt
import json
import re
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.resources import (
    RESOURCES,
    amount_codecs,
    array_codecs,
    by_name,
    codecs,
)
from tap_activecampaign_unified.resources.codecs import UTC_ZONE, Codec
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.record_writer import write
from tap_activecampaign_unified.resources.resource import (
    Attribute,
    Derived,
    Entry,
    Field,
    Linked,
    Resource,
    is_read_only,
)

from .reading import NAMES, about, golden, records_of

ENTRIES = [
    pytest.param(resource, entry, id=f"{resource.name}.{entry.unified}")
    for resource in RESOURCES
    for entry in resource.entries
]
FIELDS = [entry for entry in ENTRIES if isinstance(entry.values[1], Field)]
ATTRIBUTES = [entry for entry in ENTRIES if isinstance(entry.values[1], Attribute)]
CODECS = {
    codec.name: codec
    for module in (codecs, amount_codecs, array_codecs)
    for codec in vars(module).values()
    if isinstance(codec, Codec)
} | {field.values[1].codec.name: field.values[1].codec for field in FIELDS}
NOTHING = (None, "", "  ")
ZEROS = (0, "0", "0.00", "0000-00-00", "0000-00-00 00:00:00", False, "false", [], {})

CHICAGO = dt.timezone(dt.timedelta(hours=-6))
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["||a||b||", "||a||", '["a"]', "2031-03-02", "2031-03-02T08:15:04-06:00", "1406.55", "1", "12"]
)
PLAUSIBLE = (
    st.decimals(-(10**12), 10**12, places=2).map(str)
    | st.integers(-(10**12), 10**12).map(str)
    | st.datetimes(timezones=st.sampled_from([dt.UTC, CHICAGO])).map(dt.datetime.isoformat)
    | st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds"))
    | st.dates().map(dt.date.isoformat)
    | st.lists(TEXTS, max_size=3)
    | st.lists(st.fixed_dictionaries({"number": TEXTS, "city": TEXTS}), max_size=2)
    | st.sampled_from(["0", "1", 0, 1, True, False, "true", "won", "2"])
)
JSON = PLAUSIBLE | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def valid(schema: dict[str, Any], value: Any) -> bool:
    """Return whether a schema accepts a value, formats included."""
    return checker(json.dumps(schema, sort_keys=True)).is_valid(value)


@cache
def checker(schema: str) -> jsonschema.Draft202012Validator:
    """Return a validator, made once per schema."""
    found = jsonschema.Draft202012Validator
    return found(json.loads(schema), format_checker=found.FORMAT_CHECKER)


def decoded(codec: Codec, raw: Any) -> Any:
    """Return the decoded value, None if it is refused."""
    try:
        return codec.decode(raw, UTC_ZONE)
    except InvalidValue:
        return None


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_every_codec_gives_examples_to_be_tested_with(codec):
    """Every codec has examples; without them the first law tests nothing."""
    assert codec.examples


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_an_encoded_value_is_decoded_to_itself(codec):
    """decode(encode(v)) is v for the codec's examples and strategies."""
    for value in codec.examples:
        assert codec.decode(codec.encode(value), UTC_ZONE) == value


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@given(raw=JSON)
def test_a_decoded_value_is_encoded_to_an_equal_value(codec, raw):
    """decode(encode(decode(raw))) is decode(raw): a value may change its form, not its meaning."""
    value = decoded(codec, raw)
    if value is None:
        return
    is_id = codec.name in {"identifier", "ref"}
    if is_id and re.search(r"\.0+\b|null", json.dumps(value)):
        return  # ids are written without the fraction that a float column gives them
    try:
        sent = codec.encode(value)
    except InvalidValue:
        # Negative amounts, unknown states, choices that contain pipes, and currencies that are no
        # codes are errors.
        may_refuse = {"cents", "currency", "deal_status", "order_currency", "piped", "store"}
        assert codec.name in may_refuse
        return
    json.dumps(sent)
    assert codec.decode(sent, UTC_ZONE) == value


@pytest.mark.parametrize("raw", [1, "1", "01", "1.0", 1.0, " 1 "], ids=repr)
def test_a_store_has_one_id_however_it_is_written(raw):
    """The id of a store is read in the form in which it is written, so rows can be joined by it."""
    store = CODECS["store"]
    assert store.decode(raw, UTC_ZONE) == "1"
    assert store.encode("1") == 1


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@given(raw=JSON)
def test_the_schema_accepts_whatever_is_read(codec, raw):
    """Any value decodes to a value that the schema accepts, or is refused with a reason."""
    value = decoded(codec, raw)
    assert value is None or valid(codec.schema, value)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@given(value=JSON)
def test_a_value_that_cannot_be_encoded_has_a_reason(codec, value):
    """Any unified value encodes to JSON or raises the codec's refusal, and nothing else."""
    try:
        sent = codec.encode(value)
    except InvalidValue:
        return
    json.dumps(sent)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_nothing_is_read_as_nothing(codec):
    """None, empty text and blanks are null or the empty array; a verbatim field keeps blanks."""
    for raw in NOTHING:
        found = codec.decode(raw, UTC_ZONE)
        blanks_count = codec.name in {"verbatim", "piped", "choices"} and raw == "  "
        assert found in (None, []) or blanks_count, repr(raw)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_zeros_are_read_as_something_or_refused(codec):
    """ActiveCampaign's zero values fit the schema or are refused."""
    for raw in ZEROS:
        with about(repr(raw)):
            found = decoded(codec, raw)
            assert found is None or valid(codec.schema, found)


@pytest.mark.parametrize(("resource", "entry"), ATTRIBUTES)
@given(value=JSON)
def test_attributes_are_read_back_as_they_were_written(resource, entry, value):
    """An attribute that is written, read and written again is the same."""
    try:
        found = entry.read(*entry.write(value))
        again = entry.read(*entry.write(found)) if found is not None else None
    except InvalidValue:
        return
    assert again == found
    assert found is None or valid(entry.schema, found)


@pytest.mark.parametrize(("resource", "entry"), ATTRIBUTES)
@given(data=st.data())
def test_attributes_make_do_with_whatever_type_their_field_was_given(resource, entry, data):
    """A shipped attribute can be written to a field of any type, because users recreate fields."""
    values = st.none() | TEXTS | st.integers() | st.floats(-1e9, 1e9) | st.lists(TEXTS, max_size=2)
    money = st.fixed_dictionaries({"amount": st.integers(), "currency": st.just("EUR")})
    found = entry.read(*(data.draw(values | money) for _ in entry.tags))
    assert found is None or valid(entry.schema, found)


def example_of(entry: Entry) -> Any:
    """Return a value that can be written to a field."""
    if isinstance(entry, Field):
        return next(value for value in entry.codec.examples if value is not None)
    for record in golden(owner_of(entry).name)["records"]:
        if record[entry.unified] not in (None, []):
            return record[entry.unified]
    return "text"


def owner_of(entry: Entry) -> Resource:
    """Return the resource of a field."""
    return next(r for r in RESOURCES if any(known is entry for known in r.entries))


def is_writable(resource: Resource, entry: Entry) -> bool:
    """Return whether a field is writable."""
    is_key = entry.unified in resource.keys
    return not (is_key or isinstance(entry, Derived) or is_read_only(entry))


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_a_present_key_is_written_once_or_reported(resource):
    """A value goes into exactly one place: request, attribute, link, or the ignored columns."""
    for entry in resource.entries:
        with about(entry.unified):
            fragment = write(resource, {entry.unified: example_of(entry)})
            assert fragment.problems == []
            assert fragment.nulls == []
            places = {
                "native": isinstance(entry, Field),
                "attributes": isinstance(entry, Attribute),
                "links": isinstance(entry, Linked),
            }
            for place, belongs in places.items():
                is_here = is_writable(resource, entry) and belongs
                assert bool(getattr(fragment, place)) is is_here
            is_key = entry.unified in resource.keys
            ignored = not is_key and not is_writable(resource, entry)
            assert fragment.ignored == ([entry.unified] if ignored else [])


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_a_null_differs_from_an_absent_key(resource):
    """A null is reported as null and written nowhere; the caller decides whether it clears."""
    for entry in resource.entries:
        with about(entry.unified):
            fragment = write(resource, {entry.unified: None})
            written = fragment.native | fragment.attributes | fragment.links
            assert (written, fragment.problems) == ({}, [])
            assert fragment.nulls == ([entry.unified] if is_writable(resource, entry) else [])


@pytest.mark.parametrize("name", NAMES)
def test_absent_keys_are_not_mentioned(name):
    """An empty record writes nothing."""
    fragment = write(by_name[name], {})
    assert vars(fragment) == vars(type(fragment)())


@pytest.mark.parametrize("name", NAMES)
def test_unknown_keys_are_reported(name):
    """Every unknown key is reported."""
    fragment = write(by_name[name], {"no_such_thing": 1, "neither": None})
    assert fragment.ignored == ["no_such_thing", "neither"]


@pytest.mark.parametrize("name", NAMES)
def test_a_record_that_was_read_can_be_written_without_a_problem(name):
    """The writer accepts every record that the reader returns."""
    resource = by_name[name]
    for record in records_of(resource, golden(name)):
        assert write(resource, record).problems == []


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_no_record_breaks_the_writer(name, data):
    """Any JSON under any key is written, reported, or a problem with a short reason."""
    resource = by_name[name]
    keys = st.sampled_from([entry.unified for entry in resource.entries] + ["custom_fields"])
    record = data.draw(st.dictionaries(keys | TEXTS, JSON, max_size=4))
    for _, reason in write(resource, record).problems:
        assert len(reason) < 200


@pytest.mark.parametrize("name", NAMES)
def test_custom_fields_must_be_an_object(name):
    """Custom fields that are no object are a problem; null writes nothing."""
    if not by_name[name].custom_fields:
        assert write(by_name[name], {"custom_fields": {"a": 1}}).ignored == ["custom_fields"]
        return
    assert write(by_name[name], {"custom_fields": {"a": 1}}).custom_fields == {"a": 1}
    assert write(by_name[name], {"custom_fields": None}) == write(by_name[name], {})
    assert write(by_name[name], {"custom_fields": ["a"]}).problems == [
        ("custom_fields", "must be an object")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_types_are_plain(name):
    """Names are unique snake case; every property is nullable except the required keys."""
    resource = by_name[name]
    names = [entry.unified for entry in resource.entries]
    assert len(names) == len(set(names))
    assert all(name == name.lower() and name.isidentifier() for name in names)
    schema = resource.schema()
    assert schema["required"] == list(resource.keys)
    for key, found in schema["properties"].items():
        assert ("null" in found["type"]) is (key not in resource.keys), key
