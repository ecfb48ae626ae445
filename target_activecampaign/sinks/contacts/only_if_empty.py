"""Fields of contacts that are written only where ActiveCampaign has nothing yet."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from target_activecampaign.sinks.limits import is_blank

from .change import NAMES

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import Desk

    from .change import Wish


def keep_only_blanks(desk: Desk, wishes: list[Wish]) -> None:
    """Strike the fields of `only_if_empty` that ActiveCampaign has something in."""
    fills = desk.guards.fills_only
    names = {native: unified for native, unified in NAMES.items() if fills(unified)}
    if fills("phone_numbers") or fills("phones"):
        names["phone"] = "phone"
    keys = desk.references.fields("contact").keys if any(w.values for w in wishes) else {}

    def keep(wish: Wish) -> None:
        columns = [name for name in wish.columns if name in names]
        values = [one for one in wish.values if fills(f"custom_fields.{keys.get(one, one)}")]
        values += [
            one for one, (d, _, __) in wish.values.items() if one not in values and fills(d.title)
        ]
        if not columns and not values:
            return
        there, stored = _read_person(desk, wish)
        for name in columns:
            if not is_blank(there.get(name)):
                del wish.columns[name]
                _strike(wish, f"column:{name}")
        for one in values:
            if not is_blank(stored.get(one)):
                del wish.values[one]
                _strike(wish, f"value:{one}")

    desk.turns.each([partial(keep, wish) for wish in wishes])


def _strike(wish: Wish, token: str) -> None:
    wish.deny(token, "only_if_empty: ActiveCampaign has a value already")


def _read_person(desk: Desk, wish: Wish) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a contact's row and its values by field, both empty where there is no contact."""
    if wish.id is None:
        row = desk.references.read_contact(wish.email or "")
        if row is None:
            return {}, {}
        wish.id = str(row["id"])
    values = desk.references.below("contacts", wish.id, "fieldValues")
    row = desk.references.contacts_by_id([wish.id]).get(wish.id, {})
    return row, {str(value.get("field")): value.get("value") for value in values}
