"""Why a run ends early or fails: `on_reject`, `max_reject_ratio`, failed rows, limits.

With such a reason, `target.py` (`finish`) returns an exit code that is not 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.outcome import Action

if TYPE_CHECKING:
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.reporting.results import Results

#: `max_reject_ratio` ends a run only after so many rows.
MIN_ROWS_FOR_RATIO = 100
REJECTED_ONE = "a row was rejected and on_reject is fail: see the results"
TOO_MANY_REJECTED = "more rows were rejected than max_reject_ratio allows: see the results"


def may_end_early(policy: WritePolicy) -> bool:
    """Return whether rejected rows may end the run: then it needs the results of each batch."""
    return policy.on_reject == "fail" or policy.max_reject_ratio < 1


class StopReasons:
    """The reasons of one run, from the results of its rows."""

    def __init__(self, policy: WritePolicy, results: Results) -> None:
        self._policy, self._results = policy, results
        #: Why the run must end after this batch; None while it may go on.
        self.early: str | None = None
        #: The limit that left rows out; None where no limit did.
        self.limit: str | None = None
        #: Why no one may leave an audience, None where nothing forbids it.
        self.refusal: str | None = None

    @property
    def ends_at_reject(self) -> bool:
        """Whether one rejected row ends the run (`on_reject: fail`); no state covers that row."""
        return self._policy.on_reject == "fail"

    def check_rejects(self) -> None:
        """Note that the run must end if too many rows are rejected."""
        rejected, rows = self._results.count(Action.REJECTED), self._results.rows
        if rejected and self.ends_at_reject:
            self.early = REJECTED_ONE
        elif rows >= MIN_ROWS_FOR_RATIO and rejected > self._policy.max_reject_ratio * rows:
            self.early = TOO_MANY_REJECTED

    def failure(self) -> str | None:
        """Return why the whole run failed, None if it did not."""
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
