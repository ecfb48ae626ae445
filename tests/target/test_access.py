"""The module and class names of earlier versions still import."""

from __future__ import annotations

import importlib

import pytest

ERRORS = {
    "AccountLapsed": "PaymentRequired",
    "BadCredential": "AuthenticationError",
    "BadQuery": "InvalidQuery",
    "Forbidden": "PermissionDenied",
    "Missing": "NotFound",
    "Refused": "InvalidRequest",
    "ServerTrouble": "ServerError",
    "Unconfirmed": "UnconfirmedWrite",
    "Unreachable": "ConnectionFailed",
}


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        (
            "tap_activecampaign_unified.access",
            "tap_activecampaign_unified.python_reader",
            {**ERRORS, "Reading": "ActiveCampaignReader"},
        ),
        (
            "tap_activecampaign_unified.query",
            "tap_activecampaign_unified.python_reader",
            {"ActiveCampaignReader": "ActiveCampaignReader", "InvalidQuery": "InvalidQuery"},
        ),
        (
            "target_activecampaign.access",
            "target_activecampaign.api",
            {**ERRORS, "ActiveCampaign": "ActiveCampaign", "NotWritten": "NotWritten"},
        ),
    ],
)
def test_the_former_names_are_the_same_classes(old: str, new: str, names: dict[str, str]) -> None:
    """A script for an earlier version catches the errors of the present names."""
    former, current = importlib.import_module(old), importlib.import_module(new)
    for name, now in names.items():
        assert getattr(former, name) is getattr(current, now)
        assert name in former.__all__
