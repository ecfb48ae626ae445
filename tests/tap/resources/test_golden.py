"""One invented page per resource, and the exact records of it."""

from __future__ import annotations

import jsonschema
import pytest

from tap_activecampaign_unified.resources import by_name

from .reading import GOLDEN, NAMES, custom_of, golden, records_of


@pytest.mark.parametrize("name", NAMES)
def test_a_page_becomes_exactly_these_records(name):
    """A page gives exactly these records, with every property in order."""
    document = golden(name)
    found = records_of(by_name[name], document)
    assert found == document["records"]
    assert [list(record) for record in found] == [list(pair) for pair in document["records"]]


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_accepts_the_records(name):
    """The schema with the account's custom fields accepts the records."""
    document, resource = golden(name), by_name[name]
    entity = resource.custom_fields
    fields = document.get("fields", [])
    custom = custom_of(entity, fields, document.get("options")) if entity else None
    schema = resource.schema(custom)
    checker = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    for record in document["records"]:
        checker.validate(record)
        assert record.keys() == schema["properties"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_untouched_row_comes_along_when_it_is_wanted(name):
    """`remote_data` is the row that ActiveCampaign sent; it is in record and schema on request."""
    resource = by_name[name]
    records = records_of(resource, golden(name), remote_data=True)
    assert all(isinstance(record["remote_data"], dict) for record in records)
    assert "remote_data" in resource.schema(remote_data=True)["properties"]
    assert "remote_data" not in resource.schema()["properties"]


@pytest.mark.parametrize("name", NAMES)
def test_a_deselected_property_is_left_out(name):
    """A deselected property is left out; keys and errors stay."""
    resource = by_name[name]
    for record in records_of(resource, golden(name), wanted=lambda _: False):
        assert set(record) == {*resource.keys, "_errors"}


@pytest.mark.parametrize("name", NAMES)
def test_reading_leaves_the_page_as_it_was(name):
    """Mapping does not change the page, which several streams use."""
    document = golden(name)
    records_of(by_name[name], document)
    assert document == golden(name)


def test_every_resource_has_its_page():
    """Every resource has a page, and every page a resource."""
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(NAMES)
