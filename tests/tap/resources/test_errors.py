"""Errors of values name the field and the reason, and never the value."""

from __future__ import annotations

import itertools

import pytest

from tap_activecampaign_unified.resources import RESOURCES, by_name
from tap_activecampaign_unified.resources import record_writer as fragment
from tap_activecampaign_unified.resources import resource as mapping

from .reading import COLUMNS, about, golden, read_row, records_of

SENTINEL = "k3pt-s3cr3t"
VALUES = (SENTINEL, [SENTINEL], {SENTINEL: SENTINEL})


def writable_keys(resource):
    """Return the fields of a resource that can be written."""
    return [
        entry.unified
        for entry in resource.entries
        if entry.unified not in resource.keys
        and not isinstance(entry, mapping.Derived)
        and not mapping.is_read_only(entry)
    ]


@pytest.mark.parametrize(("name", "collection", "columns"), COLUMNS)
def test_an_error_names_the_field_and_never_the_value(name, collection, columns):
    """The log and `_errors` name the unreadable field, and never its value."""
    for column, value in itertools.product(columns, VALUES):
        document = golden(name)
        for row in document["page"][collection]:
            row[column] = value
        with about(column, value):
            for record in records_of(by_name[name], document):
                for line in record["_errors"]:
                    field, _, reason = line.partition(": ")
                    assert field.split(".")[0] in record
                    assert reason
                    assert SENTINEL not in line


def test_one_bad_value_costs_one_field():
    """An unreadable value costs one field with a reason; the rest of the record is complete."""
    record = read_row("crm_opportunities", {"id": "1", "title": "Order", "value": "much"})
    assert (record["name"], record["amount"]) == ("Order", None)
    assert record["_errors"] == ["amount: not an amount"]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_a_problem_with_a_record_names_the_key_and_never_the_value(resource):
    """A problem with a row to write names its key and never its value."""
    for key, value in itertools.product(writable_keys(resource), [*VALUES, [[SENTINEL]]]):
        with about(key, value):
            for named, reason in fragment.write(resource, {key: value}).problems:
                assert named == key
                assert reason
                assert SENTINEL not in reason


@pytest.mark.parametrize("field", [SENTINEL, "77", ["77"]])
def test_a_value_of_an_unknown_field_is_named_by_a_valid_id_alone(field):
    """An unknown field is named by its id; any other text in place of the id is not shown."""
    values = [{"contact": "1", "field": field, "value": SENTINEL, "id": "9"}]
    [line] = read_row("crm_contacts", {"id": "1"}, fieldValues=values)["_errors"]
    assert line.endswith("the account defines no such field")
    assert line.startswith("custom_fields")
    assert SENTINEL not in line
    assert ("77" in line) == (field == "77")
