"""Waits before reads of records that show a write only some seconds later.

ActiveCampaign accepts subscriptions and records of custom objects before reads show them. The
target completes a row that names some columns by the stored ones. A run that starts right after
another run would send the values from before that run. So the ledger holds the time of the last
such write.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Clock

    from .create_once import CreateOnce

logger = logging.getLogger(__name__)

#: Seconds after which reads certainly show a write.
LATE_SECONDS = 30.0
NOTE_EVERY_SECONDS = 1.0
STEP = "late_write"


def wait_until_shown(clock: Clock, what: str, written_at: float, now: float) -> None:
    """Wait until reads show a write: ``what`` names it. Both times are in seconds of one clock."""
    seconds = written_at + LATE_SECONDS - now
    if 0 < seconds <= LATE_SECONDS:
        logger.info("Waiting %d s until reads show %s", round(seconds), what)
        clock.sleep(seconds)


class LateWrites:
    """Notes the last write of such records in the ledger, and waits until reads show it."""

    def __init__(self, creates: CreateOnce) -> None:
        self._creates, self._ledger = creates, creates.ledger
        self._key = creates.ledger.hash_key(STEP)
        self._noted_at: float | None = None

    @functools.cached_property
    def _last_run_wrote_at(self) -> float:
        return self._ledger.pending_since(self._key, STEP) or 0.0

    def note(self) -> None:
        """Note that such a record is about to be written."""
        now, _ = self._creates.server_time(), self._last_run_wrote_at
        if self._noted_at is None or not 0 <= now - self._noted_at < NOTE_EVERY_SECONDS:
            self._noted_at = now
            with self._ledger.transaction():
                self._ledger.resolve_pending(self._key, STEP)
                self._ledger.record_pending(self._key, STEP, now)

    def wait_before_read(self) -> None:
        """Wait until reads show the last write of earlier runs. A dry run does not wait."""
        creates = self._creates
        if not creates.write_client.is_dry_run:
            wait_until_shown(
                creates.clock,
                "the writes of the last run",
                self._last_run_wrote_at,
                creates.server_time(),
            )
