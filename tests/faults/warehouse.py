"""The tables of a loader after runs of the tap, compared with the account."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from typing import TYPE_CHECKING, Any

from .truth import truth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.sandbox import World
    from tests.tap.running import Ran

Key = tuple[str, ...]
MAX_SHOWN = 5


class Warehouse:
    """Records by stream and key; a later record replaces an earlier record."""

    def __init__(self) -> None:
        """Start empty."""
        self.tables: dict[str, dict[Key, dict[str, Any]]] = {}
        self.state: dict[str, Any] = {}
        self.keys: dict[str, list[str]] = {}

    def load(self, messages: Iterable[dict[str, Any]]) -> None:
        """Load the messages of a run in order, and keep the last state."""
        for message in messages:
            stream = message.get("stream", "")
            if message["type"] == "SCHEMA":
                self.keys[stream] = message["key_properties"]
                self.tables.setdefault(stream, {})
            elif message["type"] == "RECORD":
                record = message["record"]
                key = tuple(record[name] for name in self.keys[stream])
                self.tables[stream][key] = record
            elif message["type"] == "STATE":
                self.state = message["value"]

    def differences(
        self,
        w: World,
        streams: Iterable[str] | None = None,
        truth: Callable[[Any], None] = lambda _: None,
    ) -> list[str]:
        """Return the differences from the account, row by row and field by field."""
        found: list[str] = []
        whole = truth_of(w)
        truth(whole)
        for stream, wanted in whole.items():
            if streams is not None and stream not in streams:
                continue
            held = self.tables.get(stream, {})
            found += [f"{stream} {key}: missing" for key in wanted.keys() - held.keys()]
            found += [f"{stream} {key}: not in the account" for key in held.keys() - wanted.keys()]
            for key in wanted.keys() & held.keys():
                found += _fields(f"{stream} {key}", wanted[key], held[key])
        return found

    def check(self, w: World, streams: Iterable[str] | None = None, **options: Any) -> None:
        """Fail unless the tables equal the account in every row and field."""
        found = self.differences(w, streams, **options)
        assert not found, f"{len(found)} differences, as: " + "\n".join(sorted(found)[:MAX_SHOWN])


def _fields(place: str, wanted: dict[str, Any], held: dict[str, Any]) -> Iterator[str]:
    for name in wanted.keys() | held.keys():
        right, is_there = wanted.get(name, "no such field"), held.get(name, "no such field")
        if name == "custom_fields":  # a field that was defined later is a column of nulls
            right, is_there = _without_empty(right), _without_empty(is_there)
        if right != is_there:
            yield f"{place} {name}: {is_there!r}, in the account {right!r}"


def _without_empty(custom: Any) -> Any:
    return {k: v for k, v in custom.items() if v not in (None, [])}


def check_run(ran: Ran, before: dict[str, Any], ended: dt.datetime) -> None:
    """Fail unless a run's numbers add up and its state does not pass what it read.

    ``before`` is the input state, ``ended`` the time of the end.
    """
    for name, stats in ran.tap._report.stats_by_stream.items():
        assert stats.read == stats.emitted + stats.suppressed + sum(stats.skipped.values()), name
        assert stats.emitted == len(ran.records.get(name, [])), name
    failed = {n for n, stats in ran.tap._report.stats_by_stream.items() if stats.outcome != "done"}
    assert ran.code == (1 if "failed" in outcomes(ran).values() or ran.line else 0)
    for name, entry in ran.state.get("bookmarks", {}).items():
        former = before.get("bookmarks", {}).get(name, {})
        if name in failed:
            assert entry.get("replication_key_value") == former.get("replication_key_value"), name
        elif "replication_key_value" in entry:
            moment = dt.datetime.fromisoformat(entry["replication_key_value"])
            assert moment < ended, name


def outcomes(ran: Ran) -> dict[str, str]:
    """Return the outcome of each stream."""
    return {name: stats.outcome for name, stats in ran.tap._report.stats_by_stream.items()}


@contextlib.contextmanager
def replayed(seed: int, test: str) -> Iterator[None]:
    """Print the command that repeats a failing seed.

    The seed also determines the waits between attempts.
    """
    random.seed(seed)
    try:
        yield
    except BaseException:
        print(f"\nreplay: SEED={seed} SEARCH=longest .venv/bin/python -m pytest {test}")  # noqa: T201
        raise
