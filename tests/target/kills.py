"""kill -9 of the target of an in-process account, at a request."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from tests import length

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.sandbox import World


class Killed(BaseException):
    """The process ends here."""


@contextlib.contextmanager
def killed_at(world: World, number: int, *, after: bool) -> Iterator[None]:
    """End the process at a request, before or after the account processed it."""
    answer, seen = world.answer, 0

    def dying(*args: Any, **named: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == number and not after:
            raise Killed
        found = answer(*args, **named)
        if seen == number:
            raise Killed
        return found

    world.answer = dying  # type: ignore[method-assign]
    try:
        with contextlib.suppress(Killed):
            yield
    finally:
        world.answer = answer  # type: ignore[method-assign]


def points_of(requests: Iterable[tuple[str, str]]) -> list[int]:
    """Return the requests of an undisturbed run to kill at, counted from 1.

    They are the first and the last request of each kind; the longest search takes all.
    """
    kinds: dict[tuple[str, str], list[int]] = {}
    for number, (method, path) in enumerate(requests, 1):
        kinds.setdefault((method, re.sub(r"\d+", "", path)), []).append(number)
    return sorted(
        {
            number
            for numbers in kinds.values()
            for number in (numbers if length.LONG else (numbers[0], numbers[-1]))
        }
    )
