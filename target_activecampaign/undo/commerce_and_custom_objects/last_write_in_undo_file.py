"""The time of the last late-shown write, in the undo file; waits until reads show the write.

Reads show a late-shown write only some seconds later (`client/last_write_in_ledger.py`). A run
notes the time, and an undo waits before it reads a record of such a kind. At its end, an undo waits
for its own writes, so that the next run does not read the values from before this undo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.custom_objects import PREFIX
from target_activecampaign.client.late_reads import wait_until_shown
from target_activecampaign.undo.kinds import SUBSCRIPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.client import Clock
    from target_activecampaign.undo.journal import UndoJournal


def is_shown_late(kind: str) -> bool:
    """Return whether reads show a write of a kind some seconds late."""
    return kind == SUBSCRIPTIONS or kind.startswith(PREFIX)


class LastWriteInUndoFile:
    """Notes the time of a late-shown write of a run or an undo; waits until reads show it."""

    def __init__(self, journal: UndoJournal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._has_waited = self._has_written = False

    def note_write(self, kinds: Iterable[str]) -> None:
        """Note that records of these kinds are about to be written."""
        if any(map(is_shown_late, kinds)):
            self._has_written = True
            self._note()

    def note_end_of_writes(self) -> bool:
        """Note that the writes of `note_write` ended now; return whether there were writes."""
        if self._has_written:
            self._note()
        return self._has_written

    def _note(self) -> None:
        self._journal.note_last_write(self._clock.now().timestamp())

    def wait_before_first_read(self, kind: str) -> None:
        """Wait until reads show the last write, before the first read of a late-shown kind."""
        if is_shown_late(kind) and not self._has_waited:
            self._has_waited = True
            self.wait()

    def wait(self) -> None:
        """Wait until reads show the last write of a run or an undo."""
        now = self._clock.now().timestamp()
        wait_until_shown(self._clock, "the last write", self._journal.last_write_time(), now)
