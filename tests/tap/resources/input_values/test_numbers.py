"""Ids and amounts of money in rows to write."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.amounts import parse_cents
from tap_activecampaign_unified.resources.input_values.ids import parse_any_id, parse_id
from tap_activecampaign_unified.resources.input_values.numbers import parse_whole, plain_text


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", " 1 ", "01", Decimal(1), "1e0"], ids=repr)
def test_an_id_in_any_numeric_form_is_that_id(value: Any) -> None:
    """An id as integer, float or text is one id: pandas makes floats of a column with a gap."""
    assert parse_id(value) == "1"


@pytest.mark.parametrize(
    "value", [None, "", " ", "null", 0, "0", 0.0, "0.0", float("nan")], ids=repr
)
def test_nothing_and_zero_are_no_id(value: Any) -> None:
    """Null, blank text and 0 are no id: ActiveCampaign writes 0 for no reference."""
    assert parse_id(value) is None


@pytest.mark.parametrize(
    "value", [1.5, "1.5", -1, "-1", True, "abc", "1,000", "1_2", [], {}, 2.0**60], ids=repr
)
def test_a_value_that_is_no_whole_number_is_no_id(value: Any) -> None:
    """A fraction, a sign, a flag, a key of two parts, and a float beyond exact integers are no ids.

    Python takes the text `1_2` for the number 12, which is another record's id.
    """
    with pytest.raises(InvalidValue):
        parse_id(value)


def test_another_accounts_id_may_be_any_text() -> None:
    """An id of another system may be any text; a number still loses its `.0`."""
    assert [parse_any_id(value) for value in (7.0, "7.0", "007", "c-7")] == [
        "7",
        "7",
        "007",
        "c-7",
    ]
    with pytest.raises(InvalidValue):
        parse_any_id(True)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_sum_of_amounts_is_that_many_cents(a: int, b: int, c: int) -> None:
    """Binary noise of doubles is rounded: 0.1 + 0.2 is 30 cents."""
    assert parse_cents(a / 100 + b / 100 + c / 100) == a + b + c


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        (0.30000000000000004, 30),
        ("12", 1200),
        ("12.5", 1250),
        (1406.55, 140655),
        ("0.300000001", 30),
        (Decimal("0.10"), 10),
        (0, 0),
    ],
)
def test_an_amount_is_whole_cents(value: Any, cents: int) -> None:
    """Noise below a thousandth of a cent is rounded away."""
    assert parse_cents(value) == cents


@pytest.mark.parametrize(
    "value", [0.305, "0.301", 0.30001, -1, "-0.01", "12 EUR", "1,5", True, []], ids=repr
)
def test_a_real_third_decimal_and_other_values_are_refused(value: Any) -> None:
    """An amount with a real third decimal is an error, not rounded."""
    with pytest.raises(InvalidValue, match="amount"):
        parse_cents(value)


def test_whole_numbers_and_text() -> None:
    """A whole float loses its `.0`; a phone number as text does not change."""
    assert [parse_whole(value) for value in (3.0, "3.0", "3", None)] == [3, 3, 3, None]
    assert [plain_text(value) for value in (15551234567.0, "5.0", 2.5, 7)] == [
        "15551234567",
        "5.0",
        "2.5",
        "7",
    ]
    with pytest.raises(InvalidValue):
        parse_whole(1.5)
