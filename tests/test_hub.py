"""The plugin definitions fit MeltanoHub's schema."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

from tests.demo.account import ROOT

# The keys, capabilities and kinds of schemas/plugin_definitions in meltano/hub, August 2026.
REQUIRED = {"name", "namespace", "variant", "quality"}
EXPECTED = {
    "capabilities",
    "description",
    "docs",
    "domain_url",
    "executable",
    "keywords",
    "label",
    "maintenance_status",
    "pip_url",
    "repo",
    "settings",
    "settings_group_validation",
    "supported_python_versions",
}
OPTIONAL = {
    "commands",
    "definition",
    "hidden",
    "log_parser",
    "logo_url",
    "next_steps",
    "prereq",
    "python",
    "requires",
    "settings_preamble",
    "usage",
}
OF_EXTRACTORS = {"metadata", "schema", "select"}
OF_LOADERS = {"dialect", "target_schema"}
EXTRACTS = {
    "about",
    "activate-version",
    "batch",
    "catalog",
    "discover",
    "log-based",
    "properties",
    "schema-flattening",
    "state",
    "stream-maps",
    "structured-logging",
    "test",
}
LOADS = {
    "about",
    "activate-version",
    "batch",
    "datatype-failsafe",
    "hard-delete",
    "schema-flattening",
    "soft-delete",
    "stream-maps",
    "structured-logging",
    "target-schema",
    "validate-records",
}
STATUSES = {"active", "beta", "development", "inactive", "unknown"}
QUALITIES = {"gold", "silver", "bronze", "unknown"}
OF_SETTINGS = {
    "aliases",
    "description",
    "docs",
    "documentation",
    "env",
    "hidden",
    "kind",
    "label",
    "name",
    "oauth",
    "options",
    "placeholder",
    "sensitive",
    "tooltip",
    "value",
    "value_post_processor",
    "value_processor",
}
KINDS = {
    "array",
    "boolean",
    "date_iso8601",
    "decimal",
    "email",
    "file",
    "hidden",
    "integer",
    "oauth",
    "object",
    "options",
    "password",
    "string",
}
PLUGINS = {
    "tap-activecampaign-unified": (OF_EXTRACTORS, EXTRACTS),
    "target-activecampaign": (OF_LOADERS, LOADS),
}
SECRET = {"api_key", "rate_limit_store"}


def definition(name: str) -> dict[str, Any]:
    """Return a plugin's definition."""
    text = (ROOT / "plugins" / f"{name}.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


@pytest.mark.parametrize("name", PLUGINS)
def test_a_definition_has_the_keys_that_the_hub_knows(name: str) -> None:
    """A definition has all required keys and none that the hub rejects."""
    found, (more, capabilities) = definition(name), PLUGINS[name]
    assert found.keys() >= REQUIRED | EXPECTED
    assert found.keys() <= REQUIRED | EXPECTED | OPTIONAL | more
    assert set(found["capabilities"]) <= capabilities
    assert found["maintenance_status"] in STATUSES
    assert found["quality"] in QUALITIES
    assert all(isinstance(keyword, str) for keyword in found["keywords"])
    assert all(re.fullmatch(r"3\.\d+", version) for version in found["supported_python_versions"])


@pytest.mark.parametrize("name", PLUGINS)
def test_a_setting_has_a_kind_and_words_for_a_form(name: str) -> None:
    """Each setting has kind, label and description; options are texts; secrets are sensitive."""
    settings = definition(name)["settings"]
    names = [setting["name"] for setting in settings]
    assert len(names) == len(set(names))
    for setting in settings:
        assert {"name", "kind", "label", "description"} <= setting.keys() <= OF_SETTINGS, setting[
            "name"
        ]
        assert setting["kind"] in KINDS
        for option in setting.get("options", []):
            assert option.keys() == {"label", "value"}
            assert isinstance(option["value"], str), setting["name"]
    assert {setting["name"] for setting in settings if setting.get("sensitive")} >= SECRET
    for group in definition(name)["settings_group_validation"]:
        assert set(group) <= set(names)


@pytest.mark.parametrize("name", PLUGINS)
def test_the_addresses_are_those_of_the_distribution(name: str) -> None:
    """`repo` and `docs` come from pyproject.toml, the one place with the placeholder OWNER."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    found = definition(name)
    assert (found["repo"], found["docs"]) == (urls["Homepage"], urls["Documentation"])
