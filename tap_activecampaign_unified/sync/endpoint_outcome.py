"""The outcome of the sync of one endpoint, and the problem texts of the log and the report."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.client import (
    FatalError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    UnexpectedResponse,
)

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import ActiveCampaignError, RequestError

logger = logging.getLogger(__name__)

# ActiveCampaign rejects the request (400, 422), or its response has no rows.
WRONG_REQUESTS = (InvalidRequest, UnexpectedResponse)
ENDPOINT_REFUSALS = (PermissionDenied, NotFound, *WRONG_REQUESTS)

PROBLEM_OF_FORBIDDEN = "not allowed by the plan or the key's user"
PROBLEM_OF_ABSENT = "this account does not offer it"
PROBLEM_OF_UNEXPECTED = "this account does not answer it with rows"


@dataclass(frozen=True)
class EndpointOutcome:
    """The outcome of one endpoint's streams.

    ``exit_program`` is set if it ends the run, ``error`` if the streams failed with an error.
    """

    outcome: str
    problem: str | None
    exit_program: cli.ExitProgram | None = None
    error: ActiveCampaignError | None = None


def unreadable_outcome(
    error: RequestError, *, is_documented: bool, is_failure: bool
) -> EndpointOutcome:
    """Return the outcome of a stream that the key may not read or the account lacks.

    Only a 404 of an unconfirmed endpoint proves that the account has no such rows. After any
    other refusal it may have some. ``is_failure``: the setting `on_forbidden` is ``fail``.
    """
    if is_documented:
        return EndpointOutcome("failed" if is_failure else "skipped", PROBLEM_OF_FORBIDDEN)
    if isinstance(error, NotFound) and error.is_endpoint:
        return EndpointOutcome("skipped", PROBLEM_OF_ABSENT)
    if isinstance(error, PermissionDenied):
        return EndpointOutcome("skipped", PROBLEM_OF_FORBIDDEN)
    return EndpointOutcome("skipped", PROBLEM_OF_UNEXPECTED)


def last_outcome(problem: cli.Stopped | FatalError) -> EndpointOutcome:
    """Return the outcome of an endpoint during which a signal or an error ended the run."""
    if isinstance(problem, cli.Stopped):
        exit_program = cli.ExitProgram(str(problem), 128 + problem.signum)
        return EndpointOutcome("stopped", str(problem), exit_program)
    return EndpointOutcome("failed", str(problem), cli.exit_because(problem))


def failed(names: str, problem: ActiveCampaignError) -> EndpointOutcome:
    """Log that the streams ``names`` failed, and return their outcome."""
    logger.error("%s: %s; the other streams continue", names, problem)
    return EndpointOutcome("failed", str(problem), error=problem)


def refused(
    names: str,
    error: RequestError,
    *,
    is_documented: bool,
    has_written_rows: bool,
    is_failure: bool,
) -> EndpointOutcome:
    """Log that ActiveCampaign refused the streams ``names``, and return their outcome.

    A refusal after written rows is a failure: the other rows are missing. So is a wrong response
    (`WRONG_REQUESTS`) of a documented endpoint, also before the first row.
    """
    if has_written_rows or (is_documented and isinstance(error, WRONG_REQUESTS)):
        return failed(names, error)
    outcome = unreadable_outcome(error, is_documented=is_documented, is_failure=is_failure)
    level = logging.ERROR if outcome.outcome == "failed" else logging.WARNING
    logger.log(level, "%s: %s (%s)", names, outcome.outcome, error)
    return outcome
