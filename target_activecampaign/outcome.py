"""Outcomes of rows, and the exceptions that end the writing of a row."""

from __future__ import annotations

import contextlib
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RequestError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sized


class Action(enum.StrEnum):
    """The result of a row, as the results file spells it."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    FAILED = "failed"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a row.

    * ``id``: ActiveCampaign's id of the record.
    * ``confirms_row``: the ledger confirms the row now, except for ``parts_to_resend``.
    * ``blocks_state``: no state may cover the row. None covers a failed row either, unless the
      retry file has it.
    * ``parts_to_resend``: parts that were not written and that the next run sends again.
    * ``denied``: reasons of settings that forbid a part. The ledger stores these reasons.
    * ``details``: further columns of the result.
    """

    action: Action
    id: str | None = None
    reason: str | None = None
    confirms_row: bool = True
    blocks_state: bool = False
    parts_to_resend: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    details: Mapping[str, Any] | None = None


class RowError(Exception):
    """Ends the writing of a row; ``reason`` never repeats a value of the row."""

    action = Action.REJECTED

    def __init__(self, reason: str, *, blocks_state: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.blocks_state = reason, blocks_state

    def outcome(self) -> Outcome:
        """Return the row's outcome."""
        return Outcome(
            self.action, reason=self.reason, confirms_row=False, blocks_state=self.blocks_state
        )


class RowRejected(RowError):
    """The row has a fault that its source must correct."""


class RowSkipped(RowError):
    """The row needs no write, or a setting forbids it."""

    action = Action.SKIPPED


class RowFailed(RowError):
    """ActiveCampaign did not confirm the write: the next run sends the row again."""

    action = Action.FAILED


class RowDeferred(RowError):
    """The row waits for another one, such as a later row that may create its contact.

    `processing/deferred_rows.py` has the cases. At the end of the input, the target rejects the
    row, or gives it the outcome of the record's own row. ``family`` is the kind of the missing
    record. It is empty if the row waits for an earlier row of the same key.
    """

    def __init__(self, reason: str, family: str = "") -> None:
        super().__init__(reason)
        self.family = family


def position(number: int) -> str:
    """Return the position of an item in an array for messages, such as `the 2nd`."""
    is_teen = number // 10 % 10 == 1
    ending = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"the {number}{ending}"


@contextlib.contextmanager
def at_item(number: int, items: Sized) -> Iterator[None]:
    """Add its position to the reason of a row that ends at an item of several."""
    try:
        yield
    except RowError as problem:
        if len(items) > 1:
            problem.reason = problem.reason.replace(": ", f" ({position(number)}): ", 1)
        raise


def outcome_of(problem: RequestError) -> Outcome:
    """Return the outcome of a row whose request raised an error."""
    if isinstance(problem, InvalidRequest):
        texts = "; ".join(str(reason) for reason in problem.reasons)
        return Outcome(
            Action.REJECTED,
            reason=f"ActiveCampaign refused: {texts or problem.problem}",
            confirms_row=False,
        )
    if isinstance(problem, (NotFound, PermissionDenied)):
        return Outcome(
            Action.REJECTED, reason=f"ActiveCampaign refused: {problem.problem}", confirms_row=False
        )
    return Outcome(Action.FAILED, reason=str(problem), confirms_row=False)


def join_reasons(reasons: Iterable[str | None]) -> str | None:
    """Return the reasons as a text without repetitions; None if there is no reason."""
    return "; ".join(dict.fromkeys(filter(None, reasons))) or None
