"""Known ids are the same in a file and in PostgreSQL, after any comparisons."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.deletes.known_ids import KnownIds
from tests import length

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import Database

KINDS = ("contacts", "tags")
WHO = ("1", "2")
IDS = st.sampled_from(["1", "2", "10", "9"])
KEYS = st.sets(st.tuples(st.sampled_from(["", "1", "2"]), IDS), max_size=4)
PARENTS = st.sets(IDS, max_size=3)
NOW = dt.datetime(2031, 3, 3, 15, tzinfo=dt.UTC)
#: A comparison: stream, user, ids, contacts whose pairs it read, hours since the last.
COMPARISON = st.tuples(
    st.sampled_from(KINDS), st.sampled_from(WHO), KEYS, PARENTS, st.integers(0, 24 * 400)
)
NUMBERS = itertools.count()


def answers(known: KnownIds, kind: str, user: str, ids: set[str]) -> list[Any]:
    """Return the answers to all queries."""
    return [
        known.count(kind),
        known.count_missing(kind, user),
        known.missing_rows(kind, user, NOW.isoformat()),
        sorted(known.missing_pairs(kind, user)),
        sorted(known.pairs_of_gone(kind, "contacts")),
        known.reappeared(kind, ids),
        known.has_gone(kind),
        known.last_comparison(kind),
        known.gone_since(kind, ""),
        known.gone_since(kind, NOW.isoformat(timespec="microseconds")),
    ]


def run(known: KnownIds, comparison: tuple[Any, ...]) -> list[Any]:
    """Sweep once; return all answers before, between and after."""
    kind, user, keys, parents, hours = comparison
    try:
        results = answers(known, kind, user, parents)
        known.record_seen(kind, sorted(keys))
        known.record_seen(kind, sorted(keys)[:1])
        known.record_read(kind, sorted(parents))
        results += answers(known, kind, user, parents)
        missing = known.missing_rows(kind, user, NOW.isoformat())
        deleted = [("", key) for key in missing[::2]] + known.missing_pairs(kind, user)
        known.commit_comparison(kind, user, NOW + dt.timedelta(hours=hours), deleted, missing[1::2])
        return results + [answers(known, kind, user, parents) for kind in KINDS]
    finally:
        known.close()


@pytest.fixture
def names() -> Iterator[str]:
    """Return unused names of accounts."""
    return (f"account {number}" for number in NUMBERS)


@settings(
    max_examples=length.of(10, 300),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(comparisons=st.lists(COMPARISON, min_size=1, max_size=4))
def test_any_comparisons_are_known_alike(
    comparisons: list[tuple[Any, ...]],
    names: Iterator[str],
    tmp_path: Path,
    postgres_database: Database,
) -> None:
    """File and database give the same answers; another account's comparisons change nothing."""
    name, other = next(names), next(names)
    for number, comparison in enumerate(comparisons):
        run(KnownIds(postgres_database.url(), other), comparisons[-1 - number])
        in_file = run(KnownIds(tmp_path / name, name), comparison)
        assert run(KnownIds(postgres_database.url(), name), comparison) == in_file


def test_a_file_of_another_account_is_refused(tmp_path: Path) -> None:
    """A file of another account is refused: all its rows would count as missing."""
    KnownIds(tmp_path / "known", "acme").close()
    KnownIds(tmp_path / "known", "acme").close()
    with pytest.raises(SettingsError) as refused:
        KnownIds(tmp_path / "known", "other")
    assert refused.value.lines == ["known_ids_path belongs to another account: name another file"]
