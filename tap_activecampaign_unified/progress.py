"""How far a run is: a bar on a terminal, sparse lines elsewhere, never on stdout."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .api import Clock

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """Shows rows read of the total that ActiveCampaign counts, crawl by crawl."""

    def __init__(self, clock: Clock) -> None:
        """Look whether a person is watching."""
        self._clock = clock
        self._watched = sys.stderr.isatty()
        self._bar: Any = None
        self._last = clock.monotonic()
        self._label = ""
        self._rows = 0
        self._total = 0

    def begin(self, label: str) -> None:
        """Start another crawl."""
        self.end()
        self._label, self._rows, self._total = label, 0, 0

    def advance(self, rows: int, total: int | None) -> None:
        """Note that ``rows`` more were read, of ``total`` as far as it is known."""
        self._rows += rows
        # Under a keyset the server may count only what lies beyond: the first count is the whole.
        self._total = max(self._total, total or 0)
        if self._watched:
            if self._bar is None:
                self._bar = click.progressbar(
                    length=max(self._total, self._rows),
                    label=self._label,
                    show_pos=True,
                    file=sys.stderr,
                ).__enter__()
            self._bar.length = max(self._bar.length or 0, self._rows)
            self._bar.update(rows)
            return
        now = self._clock.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            known = f" of about {self._total}" if self._total > self._rows else ""
            logger.info("%s: %d rows read%s", self._label, self._rows, known)

    def end(self) -> None:
        """Close the bar, if there is one."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
