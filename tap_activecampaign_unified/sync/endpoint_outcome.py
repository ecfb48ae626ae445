"""The outcome of the sync of one endpoint, and the problem texts of the log and the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_activecampaign_unified import cli

PROBLEM_OF_FORBIDDEN = "not allowed by the plan or the key's user"
PROBLEM_OF_UNCONFIRMED = "this account does not offer it"


@dataclass(frozen=True)
class EndpointOutcome:
    """The outcome of one endpoint's streams. ``exit_program`` is set if it ends the run."""

    outcome: str
    problem: str | None
    exit_program: cli.ExitProgram | None = None


def unreadable_outcome(*, is_confirmed: bool, is_failure: bool) -> EndpointOutcome:
    """Return the outcome of a stream that the key may not read or the account lacks.

    ``is_failure``: the setting `on_forbidden` is ``fail``.
    """
    if not is_confirmed:
        return EndpointOutcome("skipped", PROBLEM_OF_UNCONFIRMED)
    return EndpointOutcome("failed" if is_failure else "skipped", PROBLEM_OF_FORBIDDEN)
