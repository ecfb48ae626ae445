"""Merges the rows of one contact in a batch into one change; later rows win."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.parsing.names import fold

if TYPE_CHECKING:
    from .change import ContactChange

REPLACED = "automations: a later row of this contact replaces this one"


def merge_changes(changes: list[ContactChange]) -> list[ContactChange]:
    """Merge the changes of each contact, in the order of the rows."""
    merged: list[ContactChange] = []
    by_name: dict[str, ContactChange] = {}
    for change in changes:
        names = [f"email:{fold(change.email)}"] if change.email else []
        names += [f"id:{change.id}"] if change.id else []
        first = next((by_name[name] for name in names if name in by_name), None)
        if first is None:
            merged.append(change)
            first = change
        else:
            _merge_into(first, change)
        by_name |= dict.fromkeys(names, first)
    return merged


def _merge_into(first: ContactChange, later: ContactChange) -> None:
    """Add the requests of a later row to the change of the first row of the contact."""
    for automation, enters in later.automations.items():
        if first.automations.get(automation, enters) is not enters:
            first.leave_undone(f"automation:{automation}", REPLACED)
    first.row_requests += later.row_requests
    first.id = first.id or later.id
    first.email = first.email or later.email
    first.new_email = later.new_email or first.new_email
    first.columns |= later.columns
    first.values |= later.values
    if later.is_mirror:
        first.tags = {}
    first.tags |= later.tags
    first.is_mirror = first.is_mirror or later.is_mirror
    first.lists |= later.lists
    first.automations |= later.automations
    first.account = later.account or first.account
    first.title = later.title if later.title is not None else first.title
