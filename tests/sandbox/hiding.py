"""Rows that the key's user may not see: lists leave them out, and asked for they answer so."""

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
    """What is hidden, by table and id, with the status that asking for the row itself gets.

    403 is a refusal, 404 says that there is no such row, 200 gives it: some lists are narrower
    than the rows that may be read.
    """

    def __init__(self) -> None:
        """Hide nothing."""
        self._rows: dict[str, dict[int, int]] = {}

    def hide(self, table: str, row: int, *, status: int) -> None:
        """Hide a row."""
        self._rows.setdefault(table, {})[row] = status

    def clear(self) -> None:
        """Show everything again."""
        self._rows.clear()

    @contextlib.contextmanager
    def out_of_sight(self, w: World, r: Request) -> Iterator[Answer | None]:
        """Take hidden rows away for the time of a GET; give the answer that one of them gets."""
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
