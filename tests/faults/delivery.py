"""Rows that a target run gets, and what holds for the results and states of every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.target.runner import Run, TargetRunner

DONE = {"created", "updated", "unchanged", "skipped"}


class Delivery:
    """The same rows, delivered to an account until all are written."""

    runner: TargetRunner
    lines: list[dict[str, Any]]
    rows: int

    def deliver(self, **settings: Any) -> Run:
        """Deliver everything; check that results add up and states cover only done rows."""
        run = self.runner.run(*self.lines, **settings)
        assert sorted(r["row"] for r in run.results) == list(range(1, len(run.results) + 1))
        if run.code == 0:
            assert len(run.results) == self.rows
            assert {r["action"] for r in run.results} <= DONE, run.results
        for state, done in zip(run.states, run.done, strict=True):
            covered = range(1, state["bookmarks"]["at"] + 1)
            assert {done.get(n) for n in covered} <= {*DONE, "rejected"}
        return run
