"""Fields of contacts that are written only where ActiveCampaign has nothing yet."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from target_activecampaign.sinks.limits import ONLY_IF_EMPTY, is_blank

from .change import contact_columns

PHONES = ("phone", "phones", "phone_numbers")

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Resource
    from target_activecampaign.sinks.context import WriteContext

    from .change import ContactChange


def keep_only_blanks(
    context: WriteContext, resource: Resource, changes: list[ContactChange]
) -> None:
    """Strike the fields of `only_if_empty` that ActiveCampaign has something in."""
    fills = context.limits.fills_only
    names = {
        native
        for native, unified in contact_columns(resource).items()
        if fills(unified) or (native == "phone" and any(map(fills, PHONES)))
    }
    keys = context.references.fields("contact").keys if any(w.values for w in changes) else {}

    def keep(change: ContactChange) -> None:
        columns = [name for name in change.columns if name in names]
        values = [one for one in change.values if fills(f"custom_fields.{keys.get(one, one)}")]
        values += [
            one for one, (d, _, __) in change.values.items() if one not in values and fills(d.title)
        ]
        if not columns and not values:
            return
        there, stored = _read_person(context, change)
        for name in columns:
            if not is_blank(there.get(name)):
                del change.columns[name]
                _strike(change, f"column:{name}")
        for one in values:
            if not is_blank(stored.get(one)):
                del change.values[one]
                _strike(change, f"value:{one}")

    context.pool.each([partial(keep, change) for change in changes])


def _strike(change: ContactChange, token: str) -> None:
    change.deny(token, ONLY_IF_EMPTY)


def _read_person(
    context: WriteContext, change: ContactChange
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a contact's row and its values by field, both empty where there is no contact."""
    if change.id is None:
        row = context.references.read_contact(change.email or "")
        if row is None:
            return {}, {}
        change.id = str(row["id"])
    values = context.references.nested_rows("contacts", change.id, "fieldValues")
    row = context.references.contacts_by_id([change.id]).get(change.id, {})
    return row, {str(value.get("field")): value.get("value") for value in values}
