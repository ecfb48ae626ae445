"""How long the searching tests search.

`make test` searches briefly. `make test-long` sets ``SEARCH=full``, and whoever looks for a rare
failure sets ``SEARCH=longest``. ``SEED=n`` runs the seeded tests with that seed alone, as their
failures ask for.
"""

from __future__ import annotations

import os

FULL, LONGEST = "full", "longest"
SEARCH = os.environ.get("SEARCH", "")
LONG = SEARCH == LONGEST
_SEED = os.environ.get("SEED", "")
# A brief search tries so many of the examples of a full one.
BRIEF_SHARE = 5
FEWEST = 2


def of(full: int, longest: int) -> int:
    """Return how many examples, rows or seeds to try."""
    if SEARCH == LONGEST:
        return longest
    return full if SEARCH == FULL else max(min(FEWEST, full), full // BRIEF_SHARE)


def seeds(full: int, longest: int) -> list[int]:
    """Return the seeds to try: so many, or the one that is to be replayed."""
    return [int(_SEED)] if _SEED else list(range(of(full, longest)))
