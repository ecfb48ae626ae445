"""How long the searching tests search: a few minutes, or with ``LONG=1`` as long as it takes.

``SEED=n`` runs the seeded tests with that seed alone, as their failures ask for.
"""

from __future__ import annotations

import os

LONG = os.environ.get("LONG", "") not in {"", "0"}
_SEED = os.environ.get("SEED", "")


def of(short: int, long: int) -> int:
    """Return how many examples, rows or seeds to try."""
    return long if LONG else short


def seeds(short: int, long: int) -> list[int]:
    """Return the seeds to try: so many, or the one that is to be replayed."""
    return [int(_SEED)] if _SEED else list(range(of(short, long)))
