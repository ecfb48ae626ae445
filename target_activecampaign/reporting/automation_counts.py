"""Counts of contacts that entered and left automations."""

from __future__ import annotations

import logging
from collections import Counter

logger = logging.getLogger(__name__)


class AutomationCounts:
    """What this run did, by the automation's name."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.entered: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        #: The pairs that a dry run would have entered by now.
        self.planned: set[bytes] = set()
        #: Why nobody can be entered in this run, None while it is not known to be so.
        self.refused: str | None = None

    def document(self) -> dict[str, dict[str, int]]:
        """Return the numbers as JSON."""
        return {
            "entered": dict(sorted(self.entered.items())),
            "left": dict(sorted(self.left.items())),
        }

    def log(self) -> None:
        """Write the numbers to the process log."""
        for verb, counts in self.document().items():
            for name, count in counts.items():
                logger.info("%d contacts %s the automation %s", count, verb, name)
