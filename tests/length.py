"""How long the searching tests search.

`make test` searches briefly. `make test-long` sets ``SEARCH=full``. ``SEARCH=longest`` looks for
rare failures. ``SEED=n`` runs the seeded tests with that seed alone, as their failures print it.
"""

from __future__ import annotations

import os

FULL, LONGEST = "full", "longest"
SEARCH = os.environ.get("SEARCH", "")
LONG = SEARCH == LONGEST
_SEED = os.environ.get("SEED", "")
# The share of a full search's examples that a brief one tries.
BRIEF_SHARE = 10
FEWEST = 2


def of(full: int, longest: int) -> int:
    """Return how many examples, rows or seeds to try."""
    if SEARCH == LONGEST:
        return longest
    return full if SEARCH == FULL else max(min(FEWEST, full), full // BRIEF_SHARE)


def seeds(full: int, longest: int) -> list[int]:
    """Return the seeds to try: so many, or the one in ``SEED``."""
    return [int(_SEED)] if _SEED else list(range(of(full, longest)))
