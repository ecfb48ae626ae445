"""Rows that the key's user may not see: lists omit them, and single reads answer a status."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.sandbox.wire import Answer, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.tables import Table
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


class Hidden:
    """Hidden rows, by table and id, with the status of a read of the row itself.

    403 is a refusal, 404 means no such row, 200 returns it: some lists are narrower than the rows
    that may be read.
    """

    def __init__(self) -> None:
        """Hide nothing."""
        self._rows: dict[str, dict[int, int]] = {}

    def hide(self, table: str, row: int, *, status: int) -> None:
        """Hide a row."""
        self._rows.setdefault(table, {})[row] = status

    def clear(self) -> None:
        """Show all rows again."""
        self._rows.clear()

    @contextlib.contextmanager
    def out_of_sight(self, w: World, r: Request) -> Iterator[Answer | None]:
        """Remove hidden rows during a GET; return the answer of a hidden row itself."""
        name, _, rest = r.path.strip("/").partition("/")
        hidden = self._rows.get(name) if r.method == "GET" else None
        if not hidden:
            yield None
        elif rest.isdigit() and int(rest) in hidden and int(rest) in w.tables[name]:
            status = hidden[int(rest)]
            if status == 404:
                raise missing("Subscriber", rest)
            yield Answer(status, {"message": "Forbidden"}) if status == 403 else None
        elif rest:
            yield None
        else:
            with _without(w.tables[name], hidden):
                yield None


@contextlib.contextmanager
def _without(table: Table, ids: dict[int, int]) -> Iterator[None]:
    rows = table.rows
    table.rows = {key: row for key, row in rows.items() if key not in ids}
    table.version += 1
    try:
        yield
    finally:
        table.rows = rows
        table.version += 1
