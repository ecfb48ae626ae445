"""The unified model has every field that Truto publishes, with a compatible type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tap_activecampaign_unified.resources import by_name, shared_contact_fields

from .reading import golden

MODELS: dict[str, Any] = json.loads((Path(__file__).parent / "truto_models.json").read_text())
# Memberships with their status are `segments`; ActiveCampaign does not say when a licence was used.
DECIDED_OTHERWISE = {
    "marketing_contacts": {"lists", "lists[].id"},
    "directory_users": {"licenses[].last_active_at"},
}
PLAIN_DATES = {("crm_opportunities", "close_date")}


def kinds(schema: dict[str, Any]) -> set[str]:
    """Return the types that a schema allows, except null."""
    found = schema["type"]
    return set([found] if isinstance(found, str) else found) - {"null"}


def leaves(schema: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """Return every named property at any depth: path to schema."""
    found: dict[str, dict[str, Any]] = {}
    for name, inner in schema.get("properties", {}).items():
        path_of_name = f"{path}.{name}".strip(".")
        found |= {path_of_name: inner} | leaves(inner, path_of_name)
    if "items" in schema:
        found |= leaves(schema["items"], f"{path}[]")
    return found


def ours(model: str) -> dict[str, dict[str, Any]]:
    """Return our properties of a model, by path."""
    return leaves(by_name[model].schema(remote_data=True))


def test_all_eleven_resources_are_there():
    """Every resource that Truto offers for ActiveCampaign is in the unified model."""
    assert len(MODELS) == 11
    assert MODELS.keys() <= by_name.keys()


@pytest.mark.parametrize("model", MODELS)
def test_no_field_of_the_model_is_missing(model):
    """Every column of Truto's model exists, filled or empty."""
    assert leaves(MODELS[model]).keys() - ours(model).keys() == DECIDED_OTHERWISE.get(model, set())


@pytest.mark.parametrize("model", MODELS)
def test_every_field_of_the_model_has_a_type_that_fits(model):
    """Each field has a type that a reader of Truto's model expects."""
    for path, wanted in leaves(MODELS[model]).items():
        found = ours(model).get(path)
        if found is not None:
            assert kinds(found) <= kinds(wanted), path


@pytest.mark.parametrize("model", MODELS)
def test_times_are_times(model):
    """Times have the model's format; the close date alone is a date, as in ActiveCampaign."""
    for path, wanted in leaves(MODELS[model]).items():
        if "format" in wanted and path in ours(model):
            plain = (model, path) in PLAIN_DATES
            assert ours(model)[path]["format"] == ("date" if plain else wanted["format"]), path


@pytest.mark.parametrize("model", MODELS)
def test_only_the_id_is_promised(model):
    """Every field except the key may be null, as in Truto's model."""
    schema = by_name[model].schema(remote_data=True)
    assert schema["required"] == MODELS[model]["required"] == ["id"]
    nullable = {name for name, column in schema["properties"].items() if "null" in column["type"]}
    assert nullable == schema["properties"].keys() - {"id"}


def test_statuses_are_words_of_the_model():
    """Where Truto's model lists words for a status, no other word is used."""
    words = MODELS["marketing_contacts"]["properties"]["status"]["enum"]
    assert set(shared_contact_fields.STATUSES.values()) <= set(words)
    for model in MODELS:
        for record in golden(model)["records"]:
            for name, wanted in MODELS[model]["properties"].items():
                assert record.get(name) in wanted.get("enum", [record.get(name)])


def test_the_untouched_row_is_added_only_when_asked_for():
    """`remote_data` is added only on request, because it doubles the size."""
    for resource in by_name.values():
        assert "remote_data" not in resource.schema()["properties"]
        assert "remote_data" in resource.schema(remote_data=True)["properties"]
