"""Every combination of the settings that decide who is written, and that note what was."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


_RULE = {"on_leave": ["remove_tags", "unsubscribe", "clear_fields"], "max_leave_share": 1}
#: Each setting as it is by default, and in another way that holds back no contact of a test.
SETTINGS: dict[str, tuple[Any, Any]] = {
    "respect_contact_limit": (True, False),
    "holdout_percent": (0, 1e-9),
    "audiences": ({}, dict.fromkeys(("crm_contacts", "marketing_contacts"), _RULE)),
    "undo_path": (None, "undo.sqlite"),
}
#: The places of the settings that each combination takes; the first one has all defaults.
COMBINATIONS = list(itertools.product((0, 1), repeat=len(SETTINGS)))


def name_of(chosen: tuple[int, ...]) -> str:
    """Return the settings that a combination changes."""
    names = [name for name, place in zip(SETTINGS, chosen, strict=True) if place]
    return " ".join(names) or "defaults"


def settings_of(chosen: tuple[int, ...], folder: Path) -> dict[str, Any]:
    """Return the settings of a combination; files are in the folder."""
    found = {
        name: values[place]
        for (name, values), place in zip(SETTINGS.items(), chosen, strict=True)
        if place
    }
    if "undo_path" in found:
        found["undo_path"] = str(folder / found["undo_path"])
    return found
