"""Flags in rows to write and in settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.flags import parse_flag

YES = [True, "true", "True", "T", "yes", "Y", "ON", "on", 1, 1.0, "1", "1.0", Decimal(1)]
NO = [False, "false", "FALSE", "f", "No", "n", "off", 0, 0.0, "0", "0.0", " 0 "]


@pytest.mark.parametrize("value", YES, ids=repr)
def test_every_word_for_yes_is_true(value: Any) -> None:
    """Each true value of databases, spreadsheets and JSON is true."""
    assert parse_flag(value) is True


@pytest.mark.parametrize("value", NO, ids=repr)
def test_every_word_for_no_is_false(value: Any) -> None:
    """Each false value of databases, spreadsheets and JSON is false."""
    assert parse_flag(value) is False


@pytest.mark.parametrize("value", [None, "", "  ", "null", float("nan")], ids=repr)
def test_a_missing_flag_is_none(value: Any) -> None:
    """Null, blank text and NaN are None."""
    assert parse_flag(value) is None


@pytest.mark.parametrize(
    "value", ["maybe", "2", 2, 0.5, "oui", "0_1", [], {}, "nan", "1e999999"], ids=repr
)
def test_every_other_value_is_refused(value: Any) -> None:
    """Any other value is an error that names the accepted words and never the value."""
    with pytest.raises(InvalidValue, match="true/false") as caught:
        parse_flag(value)
    assert "maybe" not in str(caught.value)
