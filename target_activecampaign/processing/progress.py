"""How far the writing is: rows by what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.reporting.progress import Progress
from tap_activecampaign_unified.reporting.progress_view import ProgressRow, ProgressStatus
from target_activecampaign.outcome import Action

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Clock

    from .batch_processor import BatchProcessor


class WriteProgress(Progress):
    """Shows rows by stream and action; ``came`` says how many have come so far.

    The source does not say how many are to come, so no end is foretold.
    """

    def __init__(self, program: str, clock: Clock, came: Callable[[], int]) -> None:
        """Begin before the first row."""
        super().__init__(program, clock)
        self._came = came
        self._processor: BatchProcessor | None = None

    def attend(self, processor: BatchProcessor) -> None:
        """Look at this engine's results and its client."""
        self._processor = processor
        self.follow(processor.context.client)

    def lines(self) -> list[ProgressRow]:
        """Return the streams of which rows have a result."""
        streams = list(self._processor.rows.results.streams.items()) if self._processor else []
        return [
            ProgressRow(name, ProgressStatus.UNDER_WAY, tally.rows, note=_listed(tally.actions))
            for name, tally in streams
        ]

    def remarks(self) -> list[str]:
        """Return how many rows came, and how many of them have no result yet."""
        came = self._came()
        found = [f"{came:,} rows received"] if came else ["waiting for the first row"]
        done = self._processor.rows.results.rows if self._processor else 0
        return [*found, *([f"{came - done:,} pending"] if came > done else [])]

    def log_line(self) -> str | None:
        """Return what became of the rows so far, and what the requests do."""
        processor = self._processor
        if processor is None:
            return None
        actions = processor.rows.results.totals()
        del actions["read"]
        listed = ", ".join(f"{count} {name}" for name, count in actions.items() if count)
        requests = processor.context.client.traffic.requests
        return f"{self._came()} rows received: {listed or 'none done'}, {requests} requests in all"


def _listed(actions: Counter[Action]) -> str:
    return ", ".join(f"{actions[one]:,} {one.value}" for one in Action if actions[one])
