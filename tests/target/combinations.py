"""Every combination of the settings that choose the rows to write, or that record written rows."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_RULE = {"on_leave": ["remove_tags", "unsubscribe", "clear_fields"], "max_leave_share": 1}
#: The settings, each with a value that is not its default and holds back no contact of a test.
SETTINGS: dict[str, Any] = {
    "respect_contact_limit": False,
    "holdout_percent": 1e-9,
    "audiences": dict.fromkeys(("crm_contacts", "marketing_contacts"), _RULE),
    "undo_path": "undo.sqlite",
}


def combinations(*left_out: str) -> list[tuple[str, ...]]:
    """Return all sets of settings that are not as by default; the first set is empty."""
    names = [name for name in SETTINGS if name not in left_out]
    sizes = range(len(names) + 1)
    return [combination for size in sizes for combination in itertools.combinations(names, size)]


def parameters(*left_out: str, daily: Iterable[int] = (0, len(SETTINGS))) -> list[Any]:
    """Return all combinations as parameters of tests.

    Each day the tests have those with so many settings, by default none and all of them; the long
    tests have the rest.
    """
    found = combinations(*left_out)
    sizes = {min(size, len(found[-1])) for size in daily}
    return [
        pytest.param(
            combination,
            id="+".join(combination) or "defaults",
            marks=[] if len(combination) in sizes else pytest.mark.long,
        )
        for combination in found
    ]


def settings_of(names: Iterable[str], folder: Path) -> dict[str, Any]:
    """Return the settings of a combination; its files are in the folder."""
    found = {name: SETTINGS[name] for name in names}
    if "undo_path" in found:
        found["undo_path"] = str(folder / found["undo_path"])
    return found
