"""Shows the progress of a run: rows by their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.reporting.progress import Progress
from tap_activecampaign_unified.reporting.progress_rows import ProgressRow, ProgressStatus
from target_activecampaign.outcome import Action

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Clock

    from .batch_processor import BatchProcessor


class WriteProgress(Progress):
    """Shows rows by stream and action; ``received`` returns the number of rows read so far.

    The source does not send the number of its rows, so the target estimates no end.
    """

    def __init__(self, program: str, clock: Clock, received: Callable[[], int]) -> None:
        """Begin before the first row."""
        super().__init__(program, clock)
        self._received = received
        self._processor: BatchProcessor | None = None

    def watch(self, processor: BatchProcessor) -> None:
        """Show the results and the requests of this processor."""
        self._processor = processor
        self.follow(processor.context.client)

    def lines(self) -> list[ProgressRow]:
        """Return the streams in which rows have a result."""
        streams = list(self._processor.finisher.results.streams.items()) if self._processor else []
        return [
            ProgressRow(name, ProgressStatus.UNDER_WAY, tally.rows, note=_listed(tally.actions))
            for name, tally in streams
        ]

    def remarks(self) -> list[str]:
        """Return how many rows were received, and how many of them have no result yet."""
        received = self._received()
        lines = [f"{received:,} rows received"] if received else ["waiting for the first row"]
        done = self._processor.finisher.results.rows if self._processor else 0
        return [*lines, *([f"{received - done:,} pending"] if received > done else [])]

    def log_line(self) -> str | None:
        """Return the results so far, and the number of requests."""
        processor = self._processor
        if processor is None:
            return None
        actions = processor.finisher.results.totals()
        del actions["read"]
        listed = ", ".join(f"{count} {name}" for name, count in actions.items() if count)
        requests = processor.context.client.traffic.requests
        return (
            f"{self._received()} rows received: {listed or 'none done'}, {requests} requests in all"
        )


def _listed(actions: Counter[Action]) -> str:
    return ", ".join(f"{actions[action]:,} {action.value}" for action in Action if actions[action])
