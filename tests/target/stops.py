"""Stop signals for targets of in-process accounts, at a request."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .runner import TargetRunner

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def stopped_at(runner: TargetRunner, number: int, signum: signal.Signals) -> Iterator[list[int]]:
    """Give the runner's next target a signal during this request; yields the requests so far."""
    make, made, seen = runner.target, [], [0]

    def target(**settings: Any) -> Any:
        made.append(make(**settings))
        return made[-1]

    def hook(*_: Any) -> None:
        seen[0] += 1
        if seen[0] == number:
            made[-1]._handle_termination(signum, None)

    runner.target = target  # type: ignore[method-assign]
    runner.world.before_request(hook)
    try:
        yield seen
    finally:
        runner.world.hooks.clear()
        runner.target = make  # type: ignore[method-assign]
        runner.clock.is_woken = False
