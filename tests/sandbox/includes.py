"""Sideloads: the relations of `include=`, and their top-level arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.contact_rows import id_array
from tests.sandbox.crm_rows import show_wide_datum
from tests.sandbox.paging import array
from tests.sandbox.shown import fragment
from tests.sandbox.wire import Raw, Refusal, compact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

# relation -> (table, index on it, {nested relation: (table, column that points there)})
CONTACT_RELATIONS: dict[str, tuple[str, str, dict[str, tuple[str, str]]]] = {
    "fieldValues": ("fieldValues", "contact", {"field": ("fields", "field")}),
    "contactTags": ("contactTags", "contact", {"tag": ("tags", "tag")}),
    "contactLists": ("contactLists", "contact", {"list": ("lists", "list")}),
    "accountContacts": ("accountContacts", "contact", {"account": ("accounts", "account")}),
    "contactAutomations": (
        "contactAutomations",
        "contact",
        {"automation": ("automations", "automation")},
    ),
    "scoreValues": ("scoreValues", "contact", {"score": ("scores", "score")}),
    "deals": (
        "deals",
        "contact",
        {"stage": ("dealStages", "stage"), "group": ("dealGroups", "group")},
    ),
    "contactDeals": ("contactDeals", "contact", {"deal": ("deals", "deal")}),
}
DEAL_RELATIONS: dict[str, tuple[str, str, dict[str, tuple[str, str]]]] = {
    "dealCustomFieldData": ("dealCustomFieldData", "owner", {}),
    "contactDeals": ("contactDeals", "deal", {"contact": ("contacts", "contact")}),
    "scoreValues": ("scoreValues", "deal", {}),
}
ACCOUNT_RELATIONS: dict[str, tuple[str, str, dict[str, tuple[str, str]]]] = {
    "accountCustomFieldData": (
        "accountCustomFieldData",
        "owner",
        {"customerAccountCustomFieldMetum": ("accountCustomFieldMeta", "customFieldId")},
    ),
}
# The live names of sideloaded values and fields of accounts (§13).
LIVE_NAMES = {
    "accountCustomFieldData": "customerAccountCustomFieldData",
    "accountCustomFieldMeta": "customerAccountCustomFieldMeta",
}
_EMPTY_RELATIONS = {"geoIps": "geoAddresses"}
_ALWAYS_ARRAYS = ("scoreValues", "accountContacts")  # every contact always has these ids


class Sideloads:
    """The sideloads that one request's `include=` adds to a page of rows."""

    def __init__(self, w: World, r: Request, relations: dict[str, Any]) -> None:
        """Keep the relations that are known and that this account supports."""
        self.w = w
        self.relations = relations
        self.direct: list[str] = []
        self.nested: list[tuple[str, str]] = []
        self.empty: list[str] = []
        for name in r.params.get("include", "").split(","):
            self._take(name.strip())

    def members(self, row: Any) -> str:
        """Format the id arrays of a row."""
        if not self.w.switches.include_id_arrays:
            return ""
        parts = []
        for name in self.direct:
            if name not in _ALWAYS_ARRAYS:
                table, index, _ = self.relations[name]
                ids = self.w.tables[table].ids_by(index, row.id)
                parts.append(f'"{name}":{id_array(ids)},')
        parts.extend(f'"{name}":[],' for name in self.empty)
        return "".join(parts)

    def arrays(self, rows: Sequence[Any]) -> dict[str, Raw]:
        """Format the top-level arrays of related rows."""
        found: dict[str, Raw] = {}
        cap = self.w.switches.include_row_cap
        for name in self.direct:
            table = self.relations[name][0]
            related = self._related(name, rows)[:cap]
            kind = table.removesuffix("CustomFieldData")
            if kind != table and self._is_wide(kind):
                texts = [compact(show_wide_datum(self.w, row, kind)) for row in related]
            else:
                texts = [fragment(self.w, table, row) for row in related]
            self._put(found, table, texts)
        for name, inner in self.nested:
            table, column = self.relations[name][2][inner]
            ids = {getattr(row, column) for row in self._related(name, rows)[:cap]}
            texts = [
                fragment(self.w, table, self.w.tables[table][row_id])
                for row_id in sorted(filter(None, ids))
            ]
            self._put(found, table, texts)
        for name in self.empty:
            self._put(found, name, [])
            self._put(found, _EMPTY_RELATIONS[name], [])
        return found

    def _related(self, name: str, rows: Sequence[Any]) -> list[Any]:
        table, index, _ = self.relations[name]
        of = self.w.tables[table].by
        return [related for row in rows for related in of(index, row.id)]

    def _is_wide(self, kind: str) -> bool:
        s = self.w.switches
        return s.deal_data_sideload == "wide" if kind == "deal" else s.account_data != "documented"

    def _put(self, found: dict[str, Raw], key: str, texts: list[str]) -> None:
        if self.w.switches.account_data != "documented":
            key = LIVE_NAMES.get(key, key)
        if texts or self.w.switches.include_empty_key:
            found[key] = array(texts)

    def _take(self, name: str) -> None:
        s = self.w.switches
        first, _, inner = name.partition(".")
        known = first in self.relations or first in _EMPTY_RELATIONS
        if inner and known and first in self.relations:
            known = inner in self.relations[first][2]
        if not known:
            if name and s.include_unknown == "400":
                raise Refusal(400, {"message": f"Unknown include: {name}"})
            return
        if s.include == "none" or (s.include != "all" and first not in s.include):
            return
        if first in _EMPTY_RELATIONS:
            self.empty.append(first)
            return
        if first not in self.direct:
            self.direct.append(first)
        if inner and s.include_nested:
            self.nested.append((first, inner))
