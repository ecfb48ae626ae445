"""References to other records: an id or a natural key."""

from __future__ import annotations

from typing import Any

from target_activecampaign.outcome import RowRejected

from .values import is_nothing


def reference(value: Any, what: str) -> dict[str, str]:
    """Return ``{id, email, name}`` as far as given, in text; empty when it points nowhere.

    An opportunity may be given by ``external_id``, your own key, too. A plain text is an address
    where it looks like one, else a name.
    """
    if is_nothing(value):
        return {}
    if isinstance(value, str):
        return {"email" if "@" in value else "name": value.strip()}
    if not isinstance(value, dict):
        raise RowRejected(f"{what}: must be an object with an id or a natural key")
    found = {}
    for name in ("id", "email", "name", *(["external_id"] if what == "opportunity" else [])):
        part = value.get(name)
        if is_nothing(part) or (name == "id" and str(part) == "0"):
            continue
        if isinstance(part, (dict, list, bool)):
            raise RowRejected(f"{what}.{name}: must be text")
        found[name] = str(part).strip()
    return found


def references(value: Any, what: str) -> list[dict[str, str]]:
    """Return the references of an array, or of one alone, leaving out those that point nowhere."""
    if is_nothing(value):
        return []
    items = value if isinstance(value, list) else [value]
    return [found for item in items if (found := reference(item, what))]


def named_references(value: Any, column: str) -> list[dict[str, str]]:
    """Return the references of an array in which a plain text is a name."""
    if is_nothing(value):
        return []
    if not isinstance(value, list):
        raise RowRejected(f"{column}: must be an array, or one as JSON text")
    found = []
    for item in value:
        if isinstance(item, str):
            if item.strip():
                found.append({"name": item.strip()})
        elif not isinstance(item, dict):
            raise RowRejected(f"{column}: must hold names or objects with an id or a name")
        else:
            found += references(item, column)
    return found


def id_text(value: Any) -> str | None:
    """Return an id of a native row as text; None for ActiveCampaign's values of no id."""
    return None if value in {None, "", "0", 0} else str(value)
