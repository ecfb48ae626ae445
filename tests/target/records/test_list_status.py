"""The values of a list status."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_activecampaign.records.list_status import (
    WORDS,
    Consent,
    consent_of,
    parse_consent,
)


@pytest.mark.parametrize(
    "value", ["active", "Subscribe", "SUBSCRIBED", "1", 1, 1.0, " active "], ids=repr
)
def test_only_these_words_subscribe(value: Any) -> None:
    """Exactly these words subscribe, in any case and with outer blanks."""
    assert parse_consent(value) is Consent.SUBSCRIBE


@pytest.mark.parametrize(
    "value",
    [
        "unsubscribe",
        "Unsubscribed",
        "opt out",
        "opt-out",
        "OPT_OUT",
        "opted out",
        "opted-out",
        "Opted_Out",
        "optout",
        "removed",
        "2",
        2,
        2.0,
    ],
    ids=repr,
)
def test_these_words_unsubscribe(value: Any) -> None:
    """These words unsubscribe; blanks, `-` and `_` are equal."""
    assert parse_consent(value) is Consent.UNSUBSCRIBE


@pytest.mark.parametrize("value", [None, "", " ", "null", float("nan")], ids=repr)
def test_no_status_leaves_the_person_alone(value: Any) -> None:
    """A null status, as a LEFT JOIN gives it, changes no subscription."""
    assert parse_consent(value) is Consent.LEAVE_ALONE


@pytest.mark.parametrize("value", ["unconfirmed", "Bounced"])
def test_statuses_that_activecampaign_sets_cannot_be_written(value: str) -> None:
    """Statuses that only ActiveCampaign sets cannot be written."""
    assert parse_consent(value) is Consent.CANNOT_BE_WRITTEN


@pytest.mark.parametrize(
    "value",
    [0, "0", True, False, "true", "yes", "sub", "3", 3, "inactive", "1.5", {}, []],
    ids=repr,
)
def test_every_other_word_is_unknown(value: Any) -> None:
    """Any other value, such as a flag or 0, is unknown."""
    assert parse_consent(value) is Consent.UNKNOWN


@given(st.text())
def test_no_text_subscribes_by_accident(text: str) -> None:
    """No text subscribes except the listed words."""
    plain = text.strip().strip("-_ ").lower()
    if plain not in WORDS[Consent.SUBSCRIBE]:
        assert parse_consent(text) is not Consent.SUBSCRIBE


def test_a_membership_without_a_status() -> None:
    """A list and a person alone subscribe; with any other column of a membership they do not."""
    assert consent_of({"id": "1", "name": "News"}) is Consent.SUBSCRIBE
    assert consent_of({"id": "1"}, ["unsubscribed_at"]) is Consent.LEAVE_ALONE
    assert consent_of({"id": "1", "status": None}) is Consent.LEAVE_ALONE
    assert consent_of({"id": "1", "status": "1"}, ["unsubscribed_at"]) is Consent.SUBSCRIBE
