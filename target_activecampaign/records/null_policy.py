"""Which values of a record are written: the setting `null_policy`.

With `ignore`, null leaves the value in ActiveCampaign unchanged. With `clear`, null clears it.
"""

from __future__ import annotations

from typing import Any

from .clean_values import is_nothing


def is_written(value: Any, *, clears: bool) -> bool:
    """Return whether a value is written. With ``clears``, null is written too."""
    return clears or not is_nothing(value)


def written_values(values: dict[str, Any], *, clears: bool) -> dict[str, Any]:
    """Return the values that are written, by name."""
    return {name: value for name, value in values.items() if is_written(value, clears=clears)}
