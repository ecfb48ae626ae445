"""The time of the last late-shown write, in the ledger; waits until reads show the write.

The ledger keeps the time in its table of pending creates, under the step `late_write`.

Reads show some writes only some seconds later: late-shown writes, of subscriptions and of records
of custom objects. If a row names only some columns, the target completes the row by the stored
columns. A run that starts right after another run would read the values from before that run, and
write them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .late_reads import wait_until_shown

if TYPE_CHECKING:
    from .create_once import CreateOnce

NOTE_EVERY_SECONDS = 1.0
STEP = "late_write"


class LastWriteInLedger:
    """Notes the time of late-shown writes; waits until reads show the writes of earlier runs."""

    def __init__(self, creates: CreateOnce) -> None:
        self._creates, self._ledger = creates, creates.ledger
        self._key = creates.ledger.hash_key(STEP)
        #: Read now, because `note` replaces the time in the ledger.
        self._last_run_wrote_at = self._ledger.pending_since(self._key, STEP) or 0.0
        self._noted_at: float | None = None

    def note(self) -> None:
        """Note that a late-shown write is sent next."""
        now = self._creates.server_time()
        if self._noted_at is None or not 0 <= now - self._noted_at < NOTE_EVERY_SECONDS:
            self._noted_at = now
            self._ledger.replace_pending(self._key, STEP, now)

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
