"""Why a run ends early or fails: `on_reject`, `max_reject_ratio`, failed rows, limits.

With such a reason, `target.py` (`finish`) returns an exit code that is not 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.outcome import Action

if TYPE_CHECKING:
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.reporting.results import Results

#: The fewest rows after which `max_reject_ratio` ends a run.
MIN_ROWS_FOR_RATIO = 100
ROW_REJECTED = "a row was rejected and on_reject is fail: see the results"
TOO_MANY_REJECTED = "more rows were rejected than max_reject_ratio allows: see the results"


def may_end_early(policy: WritePolicy) -> bool:
    """Return whether rejected rows may end the run, which then needs the results of each batch."""
    return policy.on_reject == "fail" or policy.max_reject_ratio < 1


class StopReasons:
    """The reasons of a run, from the results of its rows."""

    def __init__(self, policy: WritePolicy, results: Results) -> None:
        self._policy, self._results = policy, results
        #: Why the run must end after this batch; None while it may go on.
        self.early: str | None = None
        #: The limit because of which rows were left out; None without such rows.
        self.limit: str | None = None
        #: Why the target may remove no person from an audience; None if it may.
        self.refusal: str | None = None

    @property
    def ends_at_reject(self) -> bool:
        """Whether a rejected row ends the run (`on_reject: fail`). No state covers that row."""
        return self._policy.on_reject == "fail"

    def check_rejects(self) -> None:
        """Note that the run must end if too many rows are rejected."""
        rejected, rows = self._results.count(Action.REJECTED), self._results.rows
        if rejected and self.ends_at_reject:
            self.early = ROW_REJECTED
        elif rows >= MIN_ROWS_FOR_RATIO and rejected > self._policy.max_reject_ratio * rows:
            self.early = TOO_MANY_REJECTED

    def failure(self) -> str | None:
        """Return the reason why the run failed, None if it did not fail."""
        if self.early:
            return self.early
        failed, rejected = self._results.count(Action.FAILED), self._results.count(Action.REJECTED)
        if failed:
            return (
                f"{failed} rows failed: see the results. The next run tries them again, "
                "except for events and raw requests"
            )
        if self.refusal:
            return self.refusal
        if self.limit:
            return f"rows were left out: {self.limit}"
        if rejected > self._policy.max_reject_ratio * max(1, self._results.rows):
            return TOO_MANY_REJECTED
        return None
