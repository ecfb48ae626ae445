"""Merges the rows of one contact in a batch into one change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold

if TYPE_CHECKING:
    from .contact_change import ContactChange

REPLACED = "automations: a later row of this contact replaces this one"


def merge_changes(changes: list[ContactChange]) -> list[ContactChange]:
    """Merge the changes of each contact, in the order of the rows.

    A change of an address stays alone: if ActiveCampaign refuses it, no other row is refused.
    """
    merged: list[ContactChange] = []
    by_name: dict[str, ContactChange] = {}
    for change in changes:
        if change.new_email is not None:
            merged.append(change)
            continue
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
            first.withhold(f"automation:{automation}", REPLACED)
    first.row_requests += later.row_requests
    first.id = first.id or later.id
    first.email = first.email or later.email
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
