"""The enrolments of a run in automations: counts, and whether ActiveCampaign refuses them."""

from __future__ import annotations

import logging
from collections import Counter

logger = logging.getLogger(__name__)


class RunEnrolments:
    """Counts contacts that entered or left automations, by the automation's name."""

    def __init__(self) -> None:
        self.entered: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        #: The enrolments that a dry run has planned, by the hash of contact and automation.
        self.planned: set[bytes] = set()
        #: Why ActiveCampaign refuses enrolments in this run; None before a refusal.
        self.refused: str | None = None

    def as_json(self) -> dict[str, dict[str, int]]:
        """Return the counts as JSON."""
        return {
            "entered": dict(sorted(self.entered.items())),
            "left": dict(sorted(self.left.items())),
        }

    def log(self) -> None:
        """Write the counts to the process log."""
        for verb, counts in self.as_json().items():
            for name, count in counts.items():
                logger.info("%d contacts %s the automation %s", count, verb, name)
