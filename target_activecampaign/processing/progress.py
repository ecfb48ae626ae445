"""How far the writing is: rows by what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.reporting.progress import Progress
from tap_activecampaign_unified.reporting.view import Line, Mark
from target_activecampaign.outcome import Action

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Clock

    from .batch_processor import Engine


class Writing(Progress):
    """Shows rows by stream and action; ``came`` says how many have come so far.

    The source does not say how many are to come, so no end is foretold.
    """

    def __init__(self, program: str, clock: Clock, came: Callable[[], int]) -> None:
        """Begin before the first row."""
        super().__init__(program, clock)
        self._came = came
        self._engine: Engine | None = None

    def attend(self, engine: Engine) -> None:
        """Look at this engine's results and its client."""
        self._engine = engine
        self.follow(engine.desk.client)

    def lines(self) -> list[Line]:
        """Return the streams of which rows have a result."""
        streams = list(self._engine.results.streams.items()) if self._engine else []
        return [
            Line(name, Mark.UNDER_WAY, tally.rows, note=_listed(tally.actions))
            for name, tally in streams
        ]

    def remarks(self) -> list[str]:
        """Return how many rows came, and how many of them have no result yet."""
        came = self._came()
        found = [f"{came:,} rows came"] if came else ["waiting for the first row"]
        done = self._engine.results.rows if self._engine else 0
        return [*found, *([f"{came - done:,} to do"] if came > done else [])]

    def told(self) -> str | None:
        """Return what became of the rows so far, and what the requests do."""
        engine = self._engine
        if engine is None:
            return None
        actions = engine.results.totals()
        del actions["read"]
        listed = ", ".join(f"{count} {name}" for name, count in actions.items() if count)
        requests = engine.desk.client.traffic.requests
        return f"{self._came()} rows came: {listed or 'none done'}, {requests} requests in all"


def _listed(actions: Counter[Action]) -> str:
    return ", ".join(f"{actions[one]:,} {one.value}" for one in Action if actions[one])
