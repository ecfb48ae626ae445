"""Settings as files, the environment and Meltano pass them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tap_activecampaign_unified.config.read_settings import Settings, SettingsError
from tap_activecampaign_unified.config.tap_settings import TAP

GIVEN = {"api_url": "https://acme.api-us1.com", "api_key": "k"}


@pytest.mark.parametrize("value", [1.5, "1.5", Decimal("1.5"), " 1.5 "], ids=repr)
def test_a_number_is_a_number_however_it_comes(value):
    """A number may be a float, a decimal (as the SDK reads JSON) or a numeric string."""
    assert Settings(TAP, {**GIVEN, "lookback_hours": value}, "X_")["lookback_hours"] == 1.5


@pytest.mark.parametrize("value", [True, "1,5", "NaN", "inf", [1], {}], ids=repr)
def test_an_invalid_number_is_refused_without_its_value(value):
    """The error names the setting and the accepted values, and never the value given."""
    with pytest.raises(SettingsError) as refused:
        Settings(TAP, {**GIVEN, "lookback_hours": value}, "X_")
    assert refused.value.lines == ["lookback_hours must be a number"]


def test_every_fault_gets_its_own_line():
    """The tap reports all wrong settings at once, one line each."""
    with pytest.raises(SettingsError) as refused:
        Settings(TAP, {"requests_per_second": 9, "sideload": "maybe"}, "X_")
    lines = refused.value.lines
    assert [line.split()[0] for line in lines] == [
        "api_url",
        "api_key",
        "sideload",
        "requests_per_second",
    ]
    assert "X_API_URL" in lines[0]


def test_a_loopback_account_may_be_asked_without_limit():
    """A rate of 0 means no limit, and only a loopback address may have it."""
    local = Settings(TAP, {**GIVEN, "api_url": "127.0.0.1:8321", "requests_per_second": 0}, "X_")
    assert local.connection.requests_per_second == 0
    with pytest.raises(SettingsError):
        Settings(TAP, {**GIVEN, "requests_per_second": 0}, "X_")


def test_a_secret_that_is_not_given_comes_from_the_environment(monkeypatch):
    """A secret without a value is read from the environment; other settings are not.

    Meltano then has no secret to write to a file.
    """
    monkeypatch.setenv("ACTIVECAMPAIGN_API_KEY", "k2")
    monkeypatch.setenv("ACTIVECAMPAIGN_RATE_LIMIT_STORE", "redis://:p@db.example/0")
    monkeypatch.setenv("ACTIVECAMPAIGN_LOOKBACK_HOURS", "1")
    found = Settings(TAP, {**GIVEN, "api_key": "", "rate_limit_store": None}, "X_")
    assert found["api_key"] == "k2"
    assert found["rate_limit_store"] == "redis://:p@db.example/0"
    assert found["lookback_hours"] == 24
    assert Settings(TAP, GIVEN, "X_")["api_key"] == "k"


def test_an_empty_string_is_an_unset_setting():
    """An empty string is an unset setting: Meltano passes unset settings as empty strings."""
    assert Settings(TAP, {**GIVEN, "lookback_hours": ""}, "X_")["lookback_hours"] == 24
