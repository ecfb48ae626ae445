"""The connector specification: the settings as a form of Airbyte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import AirbyteMessage, ConnectorSpecification, Type

from tap_activecampaign_unified.config.shared_settings import SHARED

if TYPE_CHECKING:
    from airbyte_protocol_dataclasses.models import DestinationSyncMode

    from tap_activecampaign_unified.config.read_settings import Setting

PROTOCOL_VERSION = "0.2.0"
_TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "list": {"type": "array"},
    # Airbyte's form has no field for an object without fixed properties.
    "object": {"type": "string", "multiline": True},
    "instant": {"type": "string", "format": "date-time"},
}
_UPPER_CASE = {"Api": "API", "url": "URL", "ids": "IDs", "html": "HTML"}
_SHARED = {setting.name for setting in SHARED}


def specification(
    settings: tuple[Setting, ...], own_title: str, modes: list[DestinationSyncMode] | None = None
) -> AirbyteMessage:
    """Return the SPEC message. ``own_title`` names the group of unshared settings."""
    form = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "ActiveCampaign",
        "type": "object",
        "required": [setting.name for setting in settings if setting.required],
        "properties": {
            setting.name: _field(setting, order) for order, setting in enumerate(settings)
        },
        "additionalProperties": True,
        "groups": [
            {"id": "account", "title": "Account"},
            {"id": "own", "title": own_title},
            {"id": "connection", "title": "Connection and rate limit"},
            {"id": "files", "title": "Files and databases"},
        ],
    }
    spec = ConnectorSpecification(
        connectionSpecification=form,
        supportsIncremental=True,
        supported_destination_sync_modes=modes,
        protocol_version=PROTOCOL_VERSION,
    )
    return AirbyteMessage(type=Type.SPEC, spec=spec)


def _field(setting: Setting, order: int) -> dict[str, Any]:
    title = " ".join(_UPPER_CASE.get(word, word) for word in setting.schema["title"].split())
    field = {
        **_type(setting),
        "title": title,
        "description": setting.doc + (" (as JSON text)" if setting.kind == "object" else ""),
        "order": order,
        "group": _group(setting),
    }
    if setting.default is not None:
        field["default"] = setting.default
    if setting.secret:
        field["airbyte_secret"] = True
    return field


def _type(setting: Setting) -> dict[str, Any]:
    """Return the type and the bounds of a field. With several types, Airbyte shows no field."""
    schema = dict(_TYPES.get(setting.kind, {"type": "string"}))
    if setting.kind == "list":
        schema["items"] = {"type": "string"} | (
            {"enum": [*setting.choices]} if setting.choices else {}
        )
    elif setting.kind == "number" and setting.choices:
        return {"type": "string", "pattern": rf"^({'|'.join(setting.choices)}|\d+(\.\d+)?)$"}
    elif setting.choices:
        schema["enum"] = [*setting.choices]
    if setting.minimum is not None:
        schema["minimum"] = setting.minimum
    if setting.positive:
        schema["exclusiveMinimum"] = 0
    return schema


def _group(setting: Setting) -> str:
    if setting.required:
        return "account"
    if setting.name.endswith("_path"):
        return "files"
    return "connection" if setting.name in _SHARED else "own"
