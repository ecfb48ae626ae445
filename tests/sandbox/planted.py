"""Collections that a test defines: any path, key and rows, in pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.sandbox.paging import page_of, total_meta

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


@dataclass
class Planting:
    """Rows under a key; ``total`` is s, i or - as in `paging`, ``after`` the filtered column."""

    key: str
    rows: list[Any]
    total: str = "-"
    paging: Literal["offset", "numbers", "none"] = "offset"
    after: str | None = None
    beside: dict[str, list[Any]] = field(default_factory=dict)

    def answer(self, w: World, r: Request) -> dict[str, Any]:
        """Answer a page."""
        rows = list(self.rows)
        if self.after and (bound := r.params.get("after")):
            rows = [row for row in rows if str(row[self.after])[:10] >= bound[:10]]
        if self.paging == "offset":
            page = page_of(w, r, rows)
        elif self.paging == "numbers":
            size = r.number("page_size") or 20
            start = ((r.number("page") or 1) - 1) * size
            page = rows[start : start + size]
        else:
            page = rows
        document: dict[str, Any] = {**self.beside, self.key: list(page)}
        meta = total_meta(w, len(rows), self.total)
        return document | ({} if meta is None else {"meta": meta})


class Planted(dict[str, Planting]):
    """Planted collections by path, such as ``/calendars/1/calendarRels``."""

    def plant(self, path: str, key: str, rows: list[Any], **options: Any) -> Planting:
        """Set the rows of a path."""
        self[path] = Planting(key, rows, **options)
        return self[path]

    def answer(self, w: World, r: Request) -> dict[str, Any] | None:
        """Answer a GET of a planted path, None for any other."""
        found = self.get(r.path) if r.method == "GET" else None
        return found.answer(w, r) if found else None
