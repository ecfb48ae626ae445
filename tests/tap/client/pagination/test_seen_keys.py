"""The keys that a walk has seen: a set in little memory."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.client.pagination.seen_keys import SeenKeys

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = st.lists(st.integers(0, 3000) | st.integers() | st.text(max_size=3), max_size=60)


@given(first=KEYS, second=KEYS)
def test_it_holds_what_a_set_holds(first: list[Any], second: list[Any]) -> None:
    """`SeenKeys` has the members, length and equality of a set, for any order of the keys."""
    seen, other = SeenKeys(), SeenKeys()
    known: set[Any] = set()
    for key in first:
        assert seen.add(key) == (key not in known)
        known.add(key)
    other.update(second)
    assert len(seen) == len(known)
    assert all((key in seen) == (key in known) for key in [*first, *second])
    assert (seen == other) == (known == set(second))


def bytes_of(make: Callable[[], Any]) -> int:
    """Return how many bytes an object holds."""
    tracemalloc.start()
    kept = make()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept is not None
    return held


def filled(keys: Any) -> SeenKeys:
    """Return a `SeenKeys` that has these keys."""
    found = SeenKeys()
    found.update(keys)
    return found


def test_ids_that_follow_one_another_need_less_than_a_byte_each() -> None:
    """20,000 ids need less than a byte each, and 5,000 keys of e-commerce at most 160 bytes."""
    assert bytes_of(lambda: filled(range(1, 20_001))) < 20_000
    assert bytes_of(lambda: filled(("1", f"o-{number}") for number in range(5_000))) < 800_000
