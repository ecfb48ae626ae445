"""Tables of the account: rows by id, with indexes that follow every write."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Identified(Protocol):
    """What every row has: an id."""

    id: int


Row = TypeVar("Row", bound=Identified)


class Table:
    """Rows of one kind by integer id, with auto-increment and indexes.

    Ids only grow, so the rows are always in id order. A failed insert uses up an id, as in MySQL.
    """

    def __init__(self, name: str, kind: Any, /, **indexes: Callable[[Any], Any]) -> None:
        """Start without rows; each index has a name and a function of a row."""
        self.name = name
        self.kind = kind
        self.rows: dict[int, Any] = {}
        self.last_id = 0
        self.version = 0
        self._keys = indexes
        self._index: dict[str, dict[Any, list[int]]] = {name: {} for name in indexes}
        self._ids: tuple[int, list[int]] = (-1, [])

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows in id order."""
        return iter(self.rows.values())

    def __contains__(self, row_id: object) -> bool:
        """Return whether a row has this id."""
        return row_id in self.rows

    def __getitem__(self, row_id: int | str) -> Any:
        """Return the row with this id, which may be text as in the API."""
        return self.rows[int(row_id)]

    def get(self, row_id: int | None) -> Any:
        """Return the row with this id, or None."""
        return self.rows.get(row_id) if row_id else None

    def take_id(self) -> int:
        """Return the next id; an id without a row is a gap, as after a failed insert."""
        self.last_id += 1
        return self.last_id

    def insert(self, row: Row) -> Row:
        """Add a row, with a new id if it has none."""
        if not row.id:
            row.id = self.take_id()
        elif row.id > self.last_id:
            self.last_id = row.id
        self.rows[row.id] = row
        self.version += 1
        for name, key_of in self._keys.items():
            key = key_of(row)
            if key is None:
                continue
            index = self._index[name]
            if key in index:
                index[key].append(row.id)
            else:
                index[key] = [row.id]
        return row

    def change(self, row: Row, **columns: Any) -> Row:
        """Set columns of a row and update the indexes."""
        before = [(name, key_of(row)) for name, key_of in self._keys.items()]
        for column, value in columns.items():
            setattr(row, column, value)
        for name, key in before:
            now = self._keys[name](row)
            if now != key:
                self._unfile(name, key, row.id)
                if now is not None:
                    ids = self._index[name].setdefault(now, [])
                    ids.insert(bisect_left(ids, row.id), row.id)
        self.version += 1
        return row

    def delete(self, row_id: int) -> Any:
        """Delete a row and return it, or None if there is none."""
        row = self.rows.pop(row_id, None)
        if row is None:
            return None
        for name, key_of in self._keys.items():
            self._unfile(name, key_of(row), row_id)
        self.version += 1
        return row

    def ids(self) -> list[int]:
        """Return all ids in ascending order; the list is shared, do not change it."""
        if self._ids[0] != self.version:
            self._ids = (self.version, list(self.rows))
        return self._ids[1]

    def ids_by(self, index: str, key: Any) -> list[int]:
        """Return the ascending ids of a key; the list is shared, do not change it."""
        return self._index[index].get(key, _NOTHING)

    def by(self, index: str, key: Any) -> list[Any]:
        """Return the rows of a key in id order."""
        rows = self.rows
        return [rows[row_id] for row_id in self._index[index].get(key, _NOTHING)]

    def first(self, index: str, key: Any) -> Any:
        """Return the oldest row of a key, or None."""
        ids = self._index[index].get(key)
        return self.rows[ids[0]] if ids else None

    def load(self, rows: Iterable[Any], last_id: int) -> None:
        """Replace all rows by rows in id order."""
        self.rows.clear()
        for index in self._index.values():
            index.clear()
        for row in rows:
            self.insert(row)
        self.last_id = max(last_id, self.last_id)
        self.version += 1

    def _unfile(self, name: str, key: Any, row_id: int) -> None:
        if key is None:
            return
        ids = self._index[name][key]
        del ids[bisect_left(ids, row_id)]
        if not ids:
            del self._index[name][key]


_NOTHING: list[int] = []
