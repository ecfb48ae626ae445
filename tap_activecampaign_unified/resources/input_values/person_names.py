"""The parts of a person's name."""

from __future__ import annotations


def split_full_name(name: str) -> tuple[str, str]:
    """Return the first and the last name: the last word is the last name, a single word the first.

    ``name`` has at least one word.
    """
    *first, last = name.split()
    return (" ".join(first), last) if first else (last, "")
