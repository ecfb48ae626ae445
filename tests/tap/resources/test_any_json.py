"""Odd ids, odd definitions and any JSON in any column still give a record."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.resources import by_name

from .reading import NAMES, SIDELOADS, custom_of, golden, records_of
from .test_hostile import HOSTILE
from .test_laws import JSON


def entity_of(name: str, document: dict[str, Any]):
    """Return the custom fields of a golden document."""
    entity = by_name[name].custom_fields
    fields = document.get("fields", [])
    return custom_of(entity, fields, document.get("options")) if entity else None


@cache
def validator_of(name: str) -> jsonschema.Draft202012Validator:
    """Return a resource's validator, without the requirement of readable keys."""
    schema = by_name[name].schema(entity_of(name, golden(name)))
    for key in by_name[name].keys:
        schema["properties"][key]["type"] = ["string", "null"]
    return jsonschema.Draft202012Validator(schema)


def check(name: str, document: dict[str, Any]) -> None:
    """Read the page; every record must fit the schema."""
    for record in records_of(by_name[name], document):
        validator_of(name).validate(record)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "crm_fields"])
def test_an_id_that_is_none_ends_no_run(name):
    """A related row without a valid id is left out or kept, and the other rows are read."""
    document = golden(name)
    for value in HOSTILE:
        for collection in [sideload for sideload in SIDELOADS if sideload in document["page"]]:
            document["page"][collection][0]["id"] = value
        check(name, document)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "crm_fields"])
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_anywhere_makes_a_record(name, data):
    """A row with any JSON in several columns is a record."""
    document = golden(name)
    page = document["page"]
    for row in page[by_name[name].endpoint_name]:
        columns = st.sampled_from([column for column in row if column != "id"])
        row.update(data.draw(st.dictionaries(columns, JSON, max_size=4)))
    for collection in [sideload for sideload in SIDELOADS if sideload in page]:
        columns = st.sampled_from(sorted(page[collection][0]))
        page[collection][0].update(data.draw(st.dictionaries(columns, JSON, max_size=2)))
    check(name, document)


@pytest.mark.parametrize("column", ["title", "type", "perstag", "isrequired", "ordernum", "cdate"])
def test_a_hostile_definition_does_not_break_the_fields(column):
    """A hostile field definition breaks neither the schema of custom_fields nor crm_fields."""
    document = golden("crm_fields")
    for place, value in enumerate(HOSTILE):
        fields = golden("crm_fields")["fields"]
        fields[place % len(fields)][column] = value
        check("crm_fields", {**document, "fields": fields})
        json.dumps(custom_of("contact", fields, document["options"]).schema())
