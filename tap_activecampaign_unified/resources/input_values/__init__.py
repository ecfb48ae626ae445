"""Parses single values in the forms of warehouses, spreadsheets and typed input.

Each kind of value (flag, id, number, amount, time, date, array) has one parser. The codecs use it
for records to write, and the settings use it too.
"""

from __future__ import annotations


class InvalidValue(ValueError):
    """The value cannot be read. The message names the accepted forms, and never the value."""


def is_blank(value: object) -> bool:
    """Return whether a value is "no value": null, blank text, the JSON text `null`, NaN.

    JSON has no NaN, but Python writes it for a missing value of a pandas column.
    """
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip() in {"", "null"}
    return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN differs from itself
