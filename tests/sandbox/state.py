"""Stores an account in a file between runs, as SQLite with one JSON document per row."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.tables import Table
    from tests.sandbox.world import World


# A switch, and the table whose rows mean that the account has the switch's feature.
_SERVED_BY = {"ecommerce": "connections", "engagement": "logs", "tasks": "dealTasktypes"}


def save(w: World, path: str) -> None:
    """Write every table, and replace the file at the end."""
    w.settle(at_once=True)
    part = Path(f"{path}.part")
    part.unlink(missing_ok=True)
    with w.lock, closing(sqlite3.connect(part)) as file, file:
        file.execute("CREATE TABLE tables (name TEXT PRIMARY KEY, last_id INTEGER)")
        file.execute("CREATE TABLE row_of (name TEXT, id INTEGER, columns TEXT)")
        for table in w.tables.values():
            file.execute("INSERT INTO tables VALUES (?, ?)", (table.name, table.last_id))
            file.executemany("INSERT INTO row_of VALUES (?, ?, ?)", _written(table))
    part.replace(path)


def load(w: World, path: str) -> None:
    """Replace a world's tables by those of the file."""
    with closing(sqlite3.connect(path)) as file:
        for name, last_id in file.execute("SELECT name, last_id FROM tables").fetchall():
            table = w.tables[name]
            found = file.execute("SELECT columns FROM row_of WHERE name = ? ORDER BY id", (name,))
            table.load((table.kind(**json.loads(text)) for (text,) in found), last_id)
    for switch, name in _SERVED_BY.items():
        if len(w.tables[name]):
            setattr(w.switches, switch, "served")


def _written(table: Table) -> Iterator[tuple[str, int, str]]:
    columns: list[str] = list(table.kind.__slots__)
    values: Any = attrgetter(*columns)
    for row in table:
        document = dict(zip(columns, values(row), strict=True))
        yield table.name, row.id, json.dumps(document)
