"""Stored values in the contract's form: times, texts, numbers and custom fields.

It shares no code with the product.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox import World

Record = dict[str, Any]
SEVERAL = ("checkbox", "listbox", "multiselect")
ENTITIES = {
    "contact": "fields",
    "account": "accountCustomFieldMeta",
    "opportunity": "dealCustomFieldMeta",
}


def utc(instant: int | None) -> str | None:
    """Return stored seconds as a time of the contract."""
    return None if instant is None else dt.datetime.fromtimestamp(instant, dt.UTC).isoformat()


def text(stored: str | None) -> str | None:
    """Return text without outer blanks, None for empty text."""
    return (stored or "").strip() or None


def named(row_id: int | None, names: dict[int, str | None]) -> Record | None:
    """Return ``{id, name}``, None for no id."""
    return {"id": str(row_id), "name": names.get(row_id)} if row_id else None


def reference(row_id: int | None) -> Record | None:
    """Return ``{id}``, None for no id."""
    return {"id": str(row_id)} if row_id else None


def joined(first: str, last: str) -> str | None:
    """Return both names with one space between them."""
    return text(f"{first.strip()} {last.strip()}")


def number(stored: Any) -> int | float | None:
    """Return a number, as an integer where it is whole."""
    if stored in (None, ""):
        return None
    found = float(stored)
    return int(found) if found.is_integer() else found


class Fields:
    """The custom fields of one entity: keys, and values in their declared types."""

    def __init__(self, w: World, entity: str) -> None:
        """Derive each field's key: from its tag, else its label, the lower id first."""
        self.entity, self.rows = entity, list(w.tables[ENTITIES[entity]])
        self.keys: dict[int, str] = {}
        for row in self.rows:
            tag, title = self.tag(row), self.title(row)
            key = _slug(tag) or _slug(title).strip("_") or f"field_{row.id}"
            self.keys[row.id] = f"{key}_{row.id}" if key in self.keys.values() else key

    def tag(self, row: Any) -> str:
        """Return a field's personalization tag without its percent signs."""
        return str(row.perstag if self.entity == "contact" else row.personalization).strip("%")

    def title(self, row: Any) -> str:
        """Return a field's label."""
        return str(row.title if self.entity == "contact" else row.fieldLabel)

    def type(self, row: Any) -> str:
        """Return a field's type."""
        return str(row.type if self.entity == "contact" else row.fieldType)

    def read(self, stored: dict[int, tuple[Any, str | None]]) -> Record:
        """Return ``custom_fields`` of values and currencies by field id."""
        found: Record = {}
        for row in self.rows:
            value, currency = stored.get(row.id, (None, None))
            found[self.keys[row.id]] = _typed(self.type(row), value, currency)
        return found

    def attribute(self, tag: str, record: Record) -> Any:
        """Return the value of a field that ActiveCampaign ships, by its tag."""
        return next((record[self.keys[r.id]] for r in self.rows if self.tag(r) == tag), None)


def _slug(label: str) -> str:
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "_", plain)


def _typed(kind: str, value: Any, currency: str | None) -> Any:
    if kind in SEVERAL:
        parts = value if isinstance(value, list) else str(value or "").split("||")
        return [value for value in parts if value]
    if value in (None, ""):
        return None
    if kind == "number":
        return number(value)
    if kind == "currency":
        return {"amount": number(int(value) / 100), "currency": (currency or "").upper() or None}
    if kind == "date":
        return str(value)[:10]
    if kind == "datetime":
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC).isoformat()
    return value
