"""Finds a user by id, e-mail address or name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import RowDeferred, RowRejected

if TYPE_CHECKING:
    from .lookup import Ref
    from .named_tables import NamedTables


def find_user(references: NamedTables, ref: Ref) -> str | None:
    """Return a user's id, None if the reference does not resolve."""
    try:
        return references.resolve_id("user", ref)
    except (RowRejected, RowDeferred):
        wanted = ref.get("name")
        rows = references.table("user").values()
        same_name = [
            row
            for row in rows
            if wanted
            and fold(wanted)
            in {
                fold(f"{row.get('firstName') or ''} {row.get('lastName') or ''}"),
                fold(str(row.get("username") or "")),
            }
        ]
        return str(same_name[0]["id"]) if len(same_name) == 1 else None
