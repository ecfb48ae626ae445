"""Reads settings: type, default and description of each, and one line for each wrong value.

This module reads the settings, because the SDK would print a wrong value, even an API key. The SDK
also does not check formats and numbers from the environment. No message repeats a value.

If a secret has no value, both programs read it from the environment, for example from
``ACTIVECAMPAIGN_API_KEY``. So a secret needs no file. Meltano writes all other settings to files.
The SDK reads ``TAP_…`` variables, and `command_line.py` reads ``TARGET_…`` variables.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import json
import logging
import math
import os
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pendulum
from jsonschema import Draft7Validator

from tap_activecampaign_unified.client import (
    ACCOUNT_RATE,
    AccountUrl,
    InvalidSetting,
    check_store,
    parse_url,
)
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.flags import parse_flag

from .connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

JsonSchema = dict[str, Any]
# About one request in a quarter of an hour.
SLOWEST = 0.001
# How similar an unknown name is to the name that it misspells, from 0 to 1.
ALMOST = 0.85
# A label of this length fits into the key of any table.
MAX_LABEL_LENGTH = 100
# Users write 0001-01-01 for "all" and 9999-12-31 for "for ever". Between 1970 and 9998, adding and
# subtracting hours stays inside the calendar.
FIRST_MOMENT, LAST_MOMENT = 0, 253_370_764_800


class SettingsError(Exception):
    """The settings are wrong. ``lines`` has one sentence per error, without secrets."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines

    @classmethod
    def no_connection(cls) -> SettingsError:
        """Return the error of a run that needs an account, and whose settings name none."""
        return cls(["api_url or api_key is missing: set both"])


@dataclass(frozen=True)
class Setting:
    """One setting. ``kind`` selects the method of `Settings` that reads its value."""

    name: str
    kind: str
    doc: str
    default: Any = None
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float = 1e9
    positive: bool = False

    @property
    def schema(self) -> JsonSchema:
        """Return the setting as the SDK's ``--about`` and Meltano show it."""
        types = {
            "number": ["number", "string"],
            "integer": ["integer", "string"],
            "boolean": ["boolean", "string"],
            "list": ["array", "string"],
            "object": ["object", "string"],
        }
        schema: JsonSchema = {
            "type": [*types.get(self.kind, ["string"]), *([] if self.required else ["null"])],
            "title": self.name.replace("_", " ").capitalize(),
            "description": self.doc,
        }
        if self.kind == "instant":
            schema["format"] = "date-time"
        if self.kind == "list":
            schema["items"] = {"type": "string"}
            if self.choices:
                schema["items"] |= {"enum": list(self.choices)}
        elif self.choices and self.kind != "number":
            schema["enum"] = [*self.choices, None]
        if self.default is not None:
            schema["default"] = self.default
        if self.secret:
            schema |= {"secret": True, "writeOnly": True}
        return schema


def json_schema(settings: tuple[Setting, ...]) -> JsonSchema:
    """Return the settings as one JSON schema."""
    return {
        "type": "object",
        "properties": {setting.name: setting.schema for setting in settings},
        "required": [setting.name for setting in settings if setting.required],
    }


class Settings:
    """Checked settings by name, and the connection made of them."""

    def __init__(
        self, settings: tuple[Setting, ...], config: dict[str, Any], env_prefix: str
    ) -> None:
        """Read ``config``. Raise `SettingsError` with a line for each fault."""
        self._faults: list[str] = []
        self._env_prefix = env_prefix
        self._secret = {setting.name for setting in settings if setting.secret}
        self.values = {
            setting.name: self._read(setting, config.get(setting.name)) for setting in settings
        }
        self.connection = self._connect()
        self._check_label()
        start, end = self.values.get("start_date"), self.values.get("end_date")
        if start and end and start >= end:
            self._faults.append("end_date is not after start_date: nothing could be read")
        if self._faults:
            raise SettingsError(self._faults)

    def __getitem__(self, name: str) -> Any:
        """Return a checked value."""
        return self.values[name]

    def public_values(self) -> dict[str, Any]:
        """Return the settings that are not secret."""
        return {name: value for name, value in self.values.items() if name not in self._secret}

    def _read(self, setting: Setting, value: Any) -> Any:
        if setting.secret:
            value = value or os.environ.get(f"ACTIVECAMPAIGN_{setting.name.upper()}")
        if value is None or (isinstance(value, str) and not value.strip()):
            if setting.required:
                self._faults.append(
                    f"{setting.name} is missing: set it in the config file or as "
                    f"{self._env_prefix}{setting.name.upper()}"
                )
            return setting.default
        try:
            return getattr(self, f"_read_{setting.kind}")(setting, value)
        except ValueError as problem:
            self._faults.append(f"{setting.name} {problem}")
            return setting.default

    @staticmethod
    def _read_string(_: Setting, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be text")
        if not _is_storable(value):
            raise ValueError("holds an invalid character")
        return value.strip()

    @staticmethod
    def _read_number(setting: Setting, value: Any) -> float | str:
        if isinstance(value, str) and value.strip().lower() in setting.choices:
            return value.strip().lower()
        expected = " or ".join(["must be a number", *setting.choices])
        if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
            raise ValueError(expected)
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise ValueError(expected) from None
        if not math.isfinite(number):
            raise ValueError(expected)
        if setting.positive and number <= 0:
            raise ValueError("must be above 0")
        if setting.minimum is not None and number < setting.minimum:
            raise ValueError(f"must be at least {setting.minimum:g}")
        if number > setting.maximum:
            raise ValueError(f"must be at most {setting.maximum:.0f}")
        return number

    @classmethod
    def _read_integer(cls, setting: Setting, value: Any) -> int:
        number = float(cls._read_number(setting, value))
        if number != int(number):
            raise ValueError("must be a whole number")
        return int(number)

    @staticmethod
    def _read_list(setting: Setting, value: Any) -> list[str]:
        if isinstance(value, str):
            text = value.strip()
            try:
                value = json.loads(text) if text.startswith("[") else text.split(",")
            except (ValueError, RecursionError):
                raise ValueError("must be a JSON array of texts") from None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError("must be a list of texts")
        texts = [item.strip() for item in value if item.strip()]
        if setting.choices and not set(texts) <= set(setting.choices):
            raise ValueError(f"may hold only {', '.join(setting.choices)}")
        return texts

    @staticmethod
    def _read_object(_: Setting, value: Any) -> dict[str, Any]:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise ValueError("must be a JSON object") from None
        if not isinstance(value, dict):
            raise ValueError("must be an object")
        return value

    @staticmethod
    def _read_boolean(_: Setting, value: Any) -> bool:
        with contextlib.suppress(InvalidValue):
            if (flag := parse_flag(value)) is not None:
                return flag
        raise ValueError("must be true or false")

    @staticmethod
    def _read_choice(setting: Setting, value: Any) -> str:
        choice = str(value).strip().lower()
        if choice not in setting.choices:
            raise ValueError(f"must be one of {', '.join(setting.choices)}")
        return choice

    @staticmethod
    def _read_instant(_: Setting, value: Any) -> dt.datetime:
        try:
            time = pendulum.parse(str(value), tz="UTC")
        except (ValueError, OverflowError):
            time = None
        if not isinstance(time, dt.datetime):
            raise ValueError("must be a date or a date-time like 2026-01-31T00:00:00Z")
        moment = min(max(time.timestamp(), FIRST_MOMENT), LAST_MOMENT)
        return dt.datetime.fromtimestamp(moment, dt.UTC)

    def _connect(self) -> Connection | None:
        values = self.values
        address = None
        if values["api_url"] is not None:
            try:
                address = parse_url(values["api_url"])
            except InvalidSetting as problem:
                self._faults.append(str(problem))
        key = values["api_key"]
        if key is not None and not re.fullmatch(r"[\x21-\x7e]+", key):
            self._faults.append(
                "api_key holds characters that no key has: copy it again from Settings › Developer"
            )
        if values["user_agent"] and not re.fullmatch(r"[\x20-\x7e]+", values["user_agent"]):
            self._faults.append("user_agent must be one line of ASCII text")
        self._check_rate(address)
        try:
            check_store(values["rate_limit_store"])
        except InvalidSetting as problem:
            self._faults.append(str(problem))
        if address is None or key is None:
            return None
        return Connection(
            address,
            key,
            values["requests_per_second"],
            values["rate_limit_store"],
            values["request_timeout"],
            values["max_retry_seconds"],
            values["max_concurrent_requests"],
            values["user_agent"],
        )

    def _check_label(self) -> None:
        label = self.values.get("account_label") or "-"
        if not label.isprintable():
            self._faults.append("account_label must be one line of visible characters")
        if len(label) > MAX_LABEL_LENGTH:
            self._faults.append(f"account_label must have at most {MAX_LABEL_LENGTH} characters")

    def _check_rate(self, address: AccountUrl | None) -> None:
        rate = self.values["requests_per_second"]
        if address is not None and address.is_loopback:
            if rate < 0:
                self._faults.append("requests_per_second must not be negative")
        elif not 0 < rate <= ACCOUNT_RATE:
            self._faults.append(
                "requests_per_second must be above 0 and at most 5, which is what ActiveCampaign "
                "allows an account"
            )
        if 0 < rate < SLOWEST:
            self._faults.append(f"requests_per_second must be at least {SLOWEST:g}")


def sdk_setting_faults(
    append_builtin: Callable[[JsonSchema], None],
    ours: tuple[Setting, ...],
    config: dict[str, Any],
    protective: frozenset[str] = frozenset(),
) -> list[str]:
    """Return a line for each wrong value of a setting that the SDK adds. No line repeats a value.

    Warns of unknown settings. Removes null and unknown settings from ``config``, because the SDK
    would act on them. An unknown setting whose name is almost one of ``protective`` is an error:
    without it, the run would write what its user wanted to prevent.
    """
    builtin: JsonSchema = {"type": "object", "properties": {}}
    append_builtin(builtin)
    known_names = set(builtin["properties"]) | {setting.name for setting in ours}
    for name, schema in builtin["properties"].items():
        value = config.get(name)
        if name in config and value is None:
            del config[name]
        elif "integer" in schema.get("type", ()) and re.fullmatch(r"-?\d{1,9}", str(value)):
            config[name] = int(str(value))
    misspelt = []
    for name in sorted(set(config) - known_names):
        del config[name]
        if meant := difflib.get_close_matches(name, protective, 1, ALMOST):
            misspelt.append(f"setting {name} is unknown: write {meant[0]}")
            continue
        similar = difflib.get_close_matches(name, known_names, 1)
        hint = f": did you mean {similar[0]}?" if similar else ""
        logger.warning("setting %s is unknown and ignored%s", name, hint)
    if misspelt:
        return misspelt
    depth = config.get("flattening_max_depth")
    if config.get("flattening_enabled") is True and depth is None:
        return ["flattening_enabled needs flattening_max_depth, a number of levels"]
    if isinstance(depth, int) and depth < 0:
        return ["flattening_max_depth must be at least 0"]
    return [
        f"setting {'.'.join(map(str, error.path))} has a wrong value ({error.validator}): "
        "--about lists the accepted values"
        for error in Draft7Validator(builtin).iter_errors(config)
    ]


def _is_storable(value: str) -> bool:
    """Return whether a text can be stored or be a file name: no NUL and no lone surrogate."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
