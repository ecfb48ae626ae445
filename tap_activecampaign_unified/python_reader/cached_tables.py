"""Caches the account's small tables of names and custom fields between queries.

For an unknown id in a row, the reader reads the table of its name again, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.resource import NameTables
from tap_activecampaign_unified.sync.lookups import NAME_COLUMNS, Lookups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_activecampaign_unified.client import Client


class _NamesWithMisses(dict[str, str | None]):
    """Names by id. ``missed`` has the unknown ids of all look-ups."""

    def __init__(self) -> None:
        super().__init__()
        self.missed: set[str] = set()

    def get(self, key: Any, default: Any = None) -> Any:
        if key is not None and key not in self:
            self.missed.add(str(key))
        return super().get(key, default)


class CachedTables(Lookups):
    """The small tables of one account. ``names`` are the names of all kinds by id."""

    def __init__(self, client: Client, key_mode: str) -> None:
        super().__init__(client, key_mode)
        self._kinds = {kind: _NamesWithMisses() for kind in NAME_COLUMNS}
        self.names = NameTables(accounts=_NamesWithMisses(), **self._kinds)

    def reread_missed(self) -> bool:
        """Read the tables again that missed an id. Return whether any table had missed an id."""
        outdated = [kind for kind, names in self._kinds.items() if names.missed]
        for kind in outdated:
            names, path = self._kinds[kind], NAME_COLUMNS[kind][0]
            missed = set(names.missed)
            names.missed.clear()
            if path in self.unread:
                continue
            self._forget(kind)
            self.load_names([kind])
            # Do not read the table again for an id that the new table lacks too.
            names.update(dict.fromkeys(missed - names.keys()))
        return bool(outdated)

    def names_of(self, kind: str, *, is_fresh: bool) -> Mapping[str, str | None]:
        """Return the names of a kind by id. ``is_fresh``: read them again."""
        if is_fresh:
            self._forget(kind)
        self.load_names([kind])
        return self._kinds[kind]

    def _forget(self, kind: str) -> None:
        self._loaded.discard(kind)
        self._tables.pop(NAME_COLUMNS[kind][0], None)
        self._kinds[kind].clear()

    def forget_fields(self, entity: str) -> None:
        """Drop the cached custom fields of an entity."""
        self._fields.pop(entity, None)
