"""One page in, the exact records out, for each resource."""

from __future__ import annotations

import pytest

from tap_activecampaign_unified.unified import RESOURCES, by_name
from tests.unified.reading import GOLDEN, golden, read_all


def test_every_resource_has_its_page():
    """A new resource is not done before somebody wrote down what it gives."""
    assert {path.stem for path in GOLDEN.glob("*.json")} == by_name.keys()


@pytest.mark.parametrize("name", by_name)
def test_a_page_becomes_exactly_these_records(name):
    """Names, types, order and nothing more."""
    document = golden(name)
    found = read_all(name, document)
    assert found == document["expected"]
    assert [type(value) for record in found for value in record.values()] == [
        type(record[key])
        for record, seen in zip(document["expected"], found, strict=True)
        for key in seen
    ]


@pytest.mark.parametrize("name", by_name)
def test_reading_leaves_the_row_as_it_came(name):
    """`remote_data` is the untouched row."""
    document = golden(name)
    before = str(document)
    read_all(name, document)
    assert str(document) == before


def test_every_field_is_seen_with_a_value_somewhere():
    """A field that no golden page fills is either promised to be empty or not tested."""
    for resource in RESOURCES:
        records = golden(resource.name)["expected"]
        for entry in resource.entries:
            promised = entry.doc.startswith(("Always null", "Always empty"))
            filled = any(record[entry.unified] not in (None, []) for record in records)
            assert filled != promised, f"{resource.name}.{entry.unified}"
