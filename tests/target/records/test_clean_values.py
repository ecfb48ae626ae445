"""Null and text at every depth."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from target_activecampaign.records.clean_values import composed, is_nothing, without_nulls

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("null"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def texts_of(value: object) -> list[str]:
    """Return every text in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts_of(part)]
    return [text for part in value for text in texts_of(part)] if isinstance(value, list) else []


@given(VALUES)
def test_no_array_holds_null_and_no_text_is_the_json_text_null(value: object) -> None:
    """No array has null, and no text is "null", at any depth."""

    def check(value: object) -> None:
        if isinstance(value, list):
            assert None not in value
        for part in (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        ):
            check(part)
        assert not (isinstance(value, str) and value.strip() == "null")

    check(without_nulls(value))


@given(VALUES)
def test_text_is_composed(value: object) -> None:
    """Decomposed accents, as macOS writes them, are composed."""
    assert all(unicodedata.is_normalized("NFC", text) for text in texts_of(composed(value)))


def test_values_without_a_change_are_not_copied() -> None:
    """A value that needs no change is not copied."""
    record = {"a": [1, {"b": "c"}], "d": "é"}
    assert without_nulls(record) is record
    assert composed(record) is record


def test_nan_is_nothing() -> None:
    """NaN, which pandas writes for no value, is null."""
    assert without_nulls({"a": float("nan")}) == {"a": None}
    assert is_nothing(float("nan"))
    assert not is_nothing(0)
