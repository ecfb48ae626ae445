"""Targets of in-process accounts: messages in, results and the account's request log out."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from tap_activecampaign_unified import cli
from target_activecampaign.concurrency.cooperative_pool import CooperativePool
from target_activecampaign.target import TargetActiveCampaign
from tests.sandbox import SandboxAdapter, World, session_of
from tests.tap.client.clients import KEY, ORIGIN, ManualClock

from .seeded import SeededPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests


@dataclass
class Run:
    """The output of one run; ``requests`` are those of this run alone.

    ``done`` has for each emitted state the rows that had a result at that time, with the action.
    """

    code: int
    results: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    last_word: str = ""
    done: list[dict[int, str]] = field(default_factory=list)

    @property
    def actions(self) -> list[str]:
        """The actions of all rows, in the order of the input."""
        return [r["action"] for r in sorted(self.results, key=lambda r: r["row"] or 0)]

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that write."""
        return [(method, path) for method, path in self.requests if method != "GET"]

    def reason(self, row: int = 1) -> str:
        """Return the reason of a row's result."""
        return next(r["reason"] for r in self.results if r["row"] == row) or ""


class TargetRunner:
    """An account, a clock and a folder; `run` sends messages through a new target."""

    #: The settings of every target of a test, given the folder; those of a run come first.
    besides: ClassVar[Callable[[Path], dict[str, Any]]] = staticmethod(lambda _folder: {})

    def __init__(
        self, world: World, clock: ManualClock, folder: Path, seed: int | None = None
    ) -> None:
        """With a ``seed`` the targets write concurrently, in an order that the seed chooses.

        ``batch_rows`` is the size of a batch, ``most`` the number of requests at once.
        """
        self.most = 8
        self.world, self.clock, self.folder, self.seed = world, clock, folder, seed
        self.batch_rows = TargetActiveCampaign.batch_rows
        self.pool: CooperativePool = CooperativePool()

    def _turns(self, most: int) -> CooperativePool:
        self.pool = CooperativePool(most) if self.seed is None else SeededPool(most, self.seed)
        return self.pool

    def target(self, **settings: Any) -> TargetActiveCampaign:
        """Make a target of the account."""
        world, clock, pool, rows = self.world, self.clock, self._turns, self.batch_rows

        class InProcessTarget(TargetActiveCampaign):
            make_clock = staticmethod(lambda: clock)
            make_pool = staticmethod(pool)
            batch_rows = rows

            @staticmethod
            def make_session() -> requests.Session:
                return session_of(SandboxAdapter(world), "https://", "http://")

        config = {
            "api_url": ORIGIN,
            "api_key": KEY,
            "results_path": str(self.folder / "results.jsonl"),
            "ledger_path": str(self.folder / "ledger.sqlite"),
            "run_report_path": str(self.folder / "report.json"),
            "rate_limit_store": str(self.folder / "rate.json"),
            # Several threads cannot sleep on one clock: a seed orders them, or one thread runs.
            "max_concurrent_requests": 1 if self.seed is None else self.most,
        }
        return InProcessTarget(config=config | type(self).besides(self.folder) | settings)

    def run(self, *messages: Any, **settings: Any) -> Run:
        """Send messages (objects, or lines as they are) and return the run."""
        lines = [m if isinstance(m, str) else json.dumps(m) + "\n" for m in messages]
        before = len(self.world.log)
        out = _Out(self.folder / "results.jsonl")
        target = self.target(**settings)
        code, word = 0, ""
        with contextlib.redirect_stdout(out):
            try:
                code = target.run(io.StringIO("".join(lines)))
            except cli.ExitProgram as last:
                code, word = last.code, last.line
        log = self.world.log[before:]
        return Run(
            code,
            _lines(self.folder / "results.jsonl"),
            [json.loads(line) for line in out.getvalue().splitlines()],
            [(entry.method, entry.path.removeprefix("/api/3/")) for entry in log],
            json.loads((self.folder / "report.json").read_text())
            if (self.folder / "report.json").exists()
            else {},
            word,
            out.done,
        )

    def send(self, stream: str, *records: dict[str, Any], **settings: Any) -> Run:
        """Send records of one stream without a key, followed by a state."""
        return self.run(*stream_of(stream, *records), state_of(1), **settings)


class _Out(io.StringIO):
    """Collects states, and reads the results file when each arrives."""

    def __init__(self, results: Path) -> None:
        super().__init__()
        self._results = results
        self.done: list[dict[int, str]] = []

    def write(self, text: str) -> int:
        """Collect a state."""
        self.done.append({line["row"]: line["action"] for line in _lines(self._results)})
        return super().write(text)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def schema_of(stream: str, keys: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    """Return a SCHEMA message."""
    schema = {"type": "object", "properties": properties}
    return {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": keys or []}


def stream_of(
    stream: str, *records: dict[str, Any], keys: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return a SCHEMA and RECORDs."""
    rows = [{"type": "RECORD", "stream": stream, "record": record} for record in records]
    return [schema_of(stream, keys), *rows]


def state_of(value: int) -> dict[str, Any]:
    """Return a STATE message."""
    return {"type": "STATE", "value": {"bookmarks": {"at": value}}}
