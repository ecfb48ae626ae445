"""Single values as people, warehouses and spreadsheets write them.

Each kind of value (flag, id, number, amount, time, date, array) has one parser. The codecs use it
for every column of a record to write, and the settings use it too.
"""

from __future__ import annotations


class InvalidValue(ValueError):
    """The value cannot be read. The text names the accepted forms and never repeats the value."""


def is_blank(value: object) -> bool:
    """Return whether a single value means "no value": null, blank text, the JSON text `null`, NaN.

    JSON has no NaN; Python writes one where a pandas column has no value.
    """
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip() in {"", "null"}
    return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN differs from itself
