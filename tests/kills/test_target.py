"""The target, killed or stopped at any moment, and run again from its last state."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.program import KEY
from tests.faults.written_rows import LEFT, SETTINGS, account, lines, picture, wanted
from tests.length import seeds
from tests.sandbox import Served, World, serve
from tests.tap.client.clients import ManualClock
from tests.target.combinations import combinations, settings_of
from tests.target.test_singer import text_of

from .fast import FastClock
from .moments import Killer, Usual, moment_of
from .programs import check_ending, finish, lines_of, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.program import Ended

# Enough contacts for the importer; with two batches one is queued while the next is read.
PEOPLE = 12
KINDS = ("before", "written", "import", "ledger", "after", "time", "state")


class Setup:
    """An account over HTTP, a folder, and the rows to write."""

    def __init__(self, folder: Path) -> None:
        """Create the account and serve it until `close`; ``besides`` are more settings."""
        self.folder = folder
        self.besides: dict[str, Any] = {}
        self.world: World = account(ManualClock(FastClock()), import_seconds=3)  # type: ignore[arg-type]
        self.world.api_key = KEY
        self.before = picture(self.world)
        self.lines = lines(PEOPLE)
        self.served: Served = serve(self.world)

    def close(self) -> None:
        """Stop serving."""
        self.served.close()

    def run(self, after: int = 0, killer: Killer | None = None) -> Ended:
        """Deliver the rows after row ``after``, with all schemas."""
        rows, given = 0, []
        for line in self.lines:
            rows += line["type"] == "RECORD"
            if line["type"] == "SCHEMA" or rows > after:
                given.append(line)
        files = {
            "results_path": self.folder / "results.jsonl",
            "ledger_path": self.folder / "ledger.sqlite",
            "retry_path": self.folder / "retry.jsonl",
        }
        (self.folder / "results.jsonl").unlink(missing_ok=True)
        settings = SETTINGS | {name: str(path) for name, path in files.items()}
        settings |= {"api_url": self.served.url, "max_retry_seconds": 20} | self.besides
        process = start("target", self.folder, settings=settings)
        if killer is not None:
            killer.watch(
                process,
                ("written", files["results_path"]),
                ("ledger", self.folder / "ledger.sqlite-wal"),
            )
        return finish(process, text_of(*given).encode(), killer)

    @property
    def writes(self) -> list[str]:
        """The write requests."""
        return [entry.path for entry in self.world.log if entry.method != "GET"]

    def results(self) -> list[dict[str, Any]]:
        """Return the complete lines of the results."""
        path = self.folder / "results.jsonl"
        return lines_of(path.read_text()) if path.exists() else []

    def started(self) -> Counter[tuple[Any, ...]]:
        """Count the writes that would start automations, by kind and contact."""
        who = {c.id: c.email for c in self.world.tables["contacts"]}
        found: Counter[tuple[Any, ...]] = Counter()
        for one in self.world.automation_log:
            kind, person = one["trigger"], who.get(one.get("contact"), "")
            if kind in {"tag_added", "subscribed", "contact_added", "deal_added", "note_added"}:
                found[kind, person, one.get("tag") or one.get("list") or one.get("note")] += 1
        return found


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    """A setup for one test."""
    setup = Setup(tmp_path)
    yield setup
    setup.close()


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Usual:
    """The figures of an undisturbed run that writes all rows."""
    setup = Setup(tmp_path_factory.mktemp("usual"))
    began = time.monotonic()
    ended = setup.run()
    seconds = time.monotonic() - began
    setup.close()
    assert ended.code == 0, ended.err
    assert picture(setup.world) == wanted(PEOPLE, setup.before)
    size = (setup.folder / "results.jsonl").stat().st_size
    return Usual(seconds, len(setup.world.log), size, len(lines_of(ended.out)))


COMBINATIONS = combinations()


@pytest.mark.parametrize("seed", seeds(len(COMBINATIONS), 160))
def test_the_next_run_completes_what_a_killed_one_began(
    setup: Setup, usual: Usual, seed: int
) -> None:
    """The next run from the last state loses nothing, writes nothing twice, starts no second mail.

    With audiences the next run gets all rows, because the input of an audience is whole each time.
    A state covers only rows that the account has, or that have a result of the killed run. A later
    delivery of all rows sends no confirmed row.
    """
    names = COMBINATIONS[seed % len(COMBINATIONS)]
    setup.besides = settings_of(names, setup.folder)
    killer = Killer(moment_of(seed, usual, KINDS), setup.world)
    first = setup.run(killer=killer)
    killer.leave()
    check_ending(first, killer.moment.signum, is_sent=killer.is_sent)
    states = [one["bookmarks"]["at"] for one in lines_of(first.out)]
    covered = states[-1] if states else 0
    assert {one["row"] for one in setup.results()} >= set(range(1, covered + 1))
    if first.code == 128 + killer.moment.signum:
        done = Counter(one["row"] for one in setup.results())
        assert max(done.values(), default=1) == 1

    second = setup.run(after=0 if "audiences" in names else covered)
    assert second.code == 0, (killer.moment, second.err)
    setup.world.settle(at_once=True)
    assert picture(setup.world) == wanted(PEOPLE, setup.before), killer.moment
    twice = {what: times for what, times in setup.started().items() if times > 1}
    assert not twice, killer.moment
    assert not [one for one in setup.started() if one[:2] == ("subscribed", LEFT)]

    before = len(setup.writes)
    assert setup.run().code == 0
    assert setup.writes[before:] == [], killer.moment
    assert {one["action"] for one in setup.results()} <= {"unchanged", "skipped"}
