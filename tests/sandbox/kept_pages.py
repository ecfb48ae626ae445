"""A cache of pages of contacts, for accounts that get the same requests many times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.wire import Answer, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


class KeptPages:
    """Up to `most` bytes of pages, valid while no row and no switch changes; none at first."""

    def __init__(self) -> None:
        """Keep nothing."""
        self.most = 0
        self._left = 0
        self._version: Any = None
        self._pages: dict[Any, bytes] = {}

    def page(self, w: World, r: Request, make: Callable[[], dict[str, Any]]) -> Any:
        """Answer with the cached page of this query, or create it."""
        if not self.most:
            return make()
        rows = sum(table.version for table in w.tables.values())
        version = (rows, w.switches.version, w.base_url)
        if version != self._version:
            self._pages.clear()
            self._version, self._left = version, self.most
        key = tuple(r.query)
        page = self._pages.get(key)
        if page is None:
            page = encode(make())
            if len(page) <= self._left:
                self._left -= len(page)
                self._pages[key] = page
        return Answer(raw=page)
