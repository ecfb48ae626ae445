"""The source's specification, its check and what it discovers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.catalog import STREAMS
from tap_activecampaign_unified.config.tap_settings import TAP
from tests.tap.client.clients import KEY
from tests.tap.running import Account

from .runs import Connector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def connector(tmp_path: Path) -> Connector:
    """The source of a small account."""
    return Connector(Account(contacts=30, deals=8, accounts=5), tmp_path)


def form_of(connector: Connector) -> dict[str, Any]:
    """Return the settings form of `spec`."""
    answer = connector.call("spec")
    assert answer.code == 0
    (spec,) = answer.of("SPEC")
    assert spec["supportsIncremental"] is True
    found: dict[str, Any] = spec["connectionSpecification"]
    return found


def test_the_form_holds_our_settings_and_no_other(connector):
    """`spec` lists the tap's settings in their order, none of the SDK's, each in a group."""
    form = form_of(connector)
    fields = form["properties"]
    assert list(fields) == [setting.name for setting in TAP]
    assert [field["order"] for field in fields.values()] == list(range(len(TAP)))
    assert {field["group"] for field in fields.values()} == {
        group["id"] for group in form["groups"]
    }
    assert form["required"] == ["api_url", "api_key"]
    assert fields["api_url"]["title"] == "API URL"


def test_airbyte_hides_every_secret(connector):
    """The fields marked `airbyte_secret` are exactly the settings that are secret."""
    fields = form_of(connector)["properties"]
    hidden = {name for name, field in fields.items() if field.get("airbyte_secret")}
    assert hidden == {setting.name for setting in TAP if setting.secret}
    assert "api_key" in hidden


def test_airbytes_form_can_show_every_field(connector):
    """Each field has one type that Airbyte's form knows, and its default is of that type."""
    types = {"string": str, "number": (int, float), "integer": int, "boolean": bool, "array": list}
    for name, field in form_of(connector)["properties"].items():
        assert field["type"] in types, name
        assert field["title"]
        assert field["description"]
        if "default" in field:
            assert isinstance(field["default"], types[field["type"]]), name


def test_a_number_that_may_be_a_word_is_text(connector):
    """`full_sweep_hours` takes `auto` or hours, both as text, and nothing else."""
    field = form_of(connector)["properties"]["full_sweep_hours"]
    assert field["type"] == "string"
    for text, fits in {"auto": 1, "24": 1, "0.5": 1, "always": 0, "-1": 0}.items():
        assert bool(re.search(field["pattern"], text)) == bool(fits)
    assert connector.check(full_sweep_hours="24") == {"status": "SUCCEEDED"}


def test_check_succeeds_on_a_good_account(connector):
    """`check` sends the requests that `--test` sends, and succeeds."""
    assert connector.check() == {"status": "SUCCEEDED"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api_key": "wrong"}, "key"),
        ({"api_url": None}, "api_url is missing"),
        ({"requests_per_second": 50}, "requests_per_second must be above 0 and at most 5"),
        ({"on_forbidden": "maybe"}, "on_forbidden must be one of skip, fail"),
    ],
)
def test_check_fails_with_the_reason(connector, settings, words):
    """A wrong key or setting fails the check, which names it and repeats no value."""
    status = connector.check(**settings)
    assert status["status"] == "FAILED"
    assert words in status["message"]
    assert KEY not in status["message"]
    assert "maybe" not in status["message"]


def test_check_fails_for_a_key_that_may_read_nothing(connector):
    """A valid key whose user may read only users fails the check."""
    for path in ("a", "c", "d", "f", "g", "l", "n", "t"):
        connector.account.world.faults.forbid(f"/{path}")
    status = connector.check()
    assert status["status"] == "FAILED"
    assert "may read nothing" in status["message"]


def test_every_stream_is_discovered(connector):
    """The catalog holds each stream of the tap with its key, cursor and modes."""
    found = connector.discover()
    assert set(found) == {stream.name for stream in STREAMS}
    for resource in STREAMS:
        stream = found[resource.name]
        assert stream["source_defined_primary_key"] == [[key] for key in resource.keys]
        if resource.replication_key:
            assert stream["supported_sync_modes"] == ["full_refresh", "incremental"]
            assert stream["default_cursor_field"] == [resource.replication_key]
            assert stream["source_defined_cursor"] is True
        else:
            assert stream["supported_sync_modes"] == ["full_refresh"]


def types_in(schema: Any) -> Iterator[list[str]]:
    """Return the types of a schema's properties at any depth."""
    for part in schema.get("properties", {}).values():
        kind = part.get("type", [])
        yield [kind] if isinstance(kind, str) else kind
        yield from types_in(part)
        if isinstance(part.get("items"), dict):
            yield from types_in({"properties": {"items": part["items"]}})


def test_no_property_is_nothing_but_null(connector):
    """Each property at any depth has a type besides null; PyAirbyte rejects a property without."""
    for name, stream in connector.discover(include_remote_data=True).items():
        for types in types_in(stream["json_schema"]):
            assert set(types) - {"null"}, name


def test_custom_fields_are_discovered_with_their_types(connector):
    """A contact's custom fields are typed properties."""
    connector.account.world.add_field("Shoe size", "text")
    schema = connector.discover()["crm_contacts"]["json_schema"]
    assert "shoe_size" in schema["properties"]["custom_fields"]["properties"]


def test_deleted_rows_are_marked_as_airbyte_marks_them(connector):
    """With `detect_deletes` the column of tombstones has Airbyte's name."""
    properties = connector.discover(detect_deletes=True)["crm_contacts"]["json_schema"][
        "properties"
    ]
    assert "_ab_cdc_deleted_at" in properties
    assert "_sdc_deleted_at" not in properties


def test_discover_with_a_wrong_key_is_a_config_error(connector):
    """The error names the key; the exit code is that of a failed run."""
    answer = connector.call("discover", *connector.config(api_key="wrong"))
    assert answer.code == 1
    assert answer.errors == [(None, "config_error")]


def test_a_missing_option_is_one_error_line(connector):
    """`read` without a catalog ends with one line and exit code 2."""
    answer = connector.call("read", *connector.config())
    assert answer.code == 2
    assert answer.lines == ["Missing option '--catalog'."]
