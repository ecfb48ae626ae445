"""Decides after a failed attempt of a request: another attempt after a wait, or an error.

After a lasting 403, a request for the key's user distinguishes a bad key from a stream that the key
may not read.

A response 429 passes these modules: `response_check.py` reads `Retry-After`, `RetryWaits.pause`
computes the wait, `Limiter.refused` pauses all requests of the account, and `transport.py` waits
before it sends the next attempt.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .errors import (
    ActiveCampaignError,
    AuthenticationError,
    ConnectionFailed,
    FatalError,
    PaymentRequired,
    PermissionDenied,
    RequestError,
    ServerError,
    UnconfirmedWrite,
    error_details_of,
)
from .response_check import ResponseKind
from .transport import ApiRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rate_limit.limiter import Limiter
    from .request_stats import RequestStats
    from .response_check import ResponseVerdict
    from .retry_waits import RetryWaits

logger = logging.getLogger(__name__)

FIRST_CONTACT_SECONDS = 20.0
FORBIDDEN_SECONDS = 20.0
KEY_CHECK_SECONDS = 3.0
# The client logs these attempts of a request as warnings, the others only for debugging.
TRIES_TO_WARN_OF = frozenset({3, 10, 30})
WHO_AM_I = ApiRequest("GET", "users/me", repeatable=True)


class Retries:
    """Retries failed requests, for a time that depends on the account's responses so far.

    ``send`` sends a request that checks the key or the server, and retries it for the given seconds
    (None: as long as any request).
    """

    def __init__(
        self,
        origin: str,
        limiter: Limiter,
        traffic: RequestStats,
        send: Callable[[ApiRequest, float | None], object],
    ) -> None:
        self._origin, self._limiter, self._traffic = origin, limiter, traffic
        self._send = send
        self._has_answered = False
        self._forbidden: set[str] = set()

    def note_attempt(self, call: ApiRequest, verdict: ResponseVerdict) -> None:
        """Note the verdict of an attempt."""
        self._has_answered = self._has_answered or verdict.status is not None
        if verdict.response is None:
            self._traffic.note_fault(verdict.problem)
        else:
            self._forbidden.discard(call.path)

    def wait_or_raise(self, call: ApiRequest, verdict: ResponseVerdict, waits: RetryWaits) -> None:
        """Wait until the next attempt, or raise the error that ends this request."""
        kind = verdict.kind
        if kind is ResponseKind.FORBIDDEN:
            self._forbid_or_wait(call, verdict, waits)
        elif kind is ResponseKind.THROTTLED:
            self._limiter.refused(waits.pause(kind, verdict.wait))
            if waits.exhausted:
                raise self._server_error(call, verdict, waits)
        elif kind is ResponseKind.CONNECT:
            # The client sent nothing, so it may retry every method.
            if not waits.wait(kind, None if self._has_answered else FIRST_CONTACT_SECONDS):
                raise ConnectionFailed(
                    f"{self._origin} cannot be reached ({verdict.problem}): "
                    "check api_url and the network"
                )
        elif kind in {ResponseKind.SERVER_ERROR, ResponseKind.TOO_LARGE}:
            self._wait_out(call, verdict, waits)
        else:
            raise self._final(call, verdict)
        self._note_retry(call, verdict, waits)

    def _final(self, call: ApiRequest, verdict: ResponseVerdict) -> ActiveCampaignError:
        """Return the error of a response that a retry cannot change."""
        if verdict.kind is ResponseKind.LAPSED:
            return PaymentRequired(
                f"{self._origin} answers 402: the ActiveCampaign account is unpaid or "
                "expired. Renew it in ActiveCampaign under Settings › Billing, then run again"
            )
        if verdict.kind is ResponseKind.TLS:
            return ConnectionFailed(
                f"{self._origin} offers no trusted TLS certificate: check api_url, "
                "and any proxy in between"
            )
        return verdict.error(call.method, call.path)

    def _wait_out(self, call: ApiRequest, verdict: ResponseVerdict, waits: RetryWaits) -> None:
        """Wait after a server error, or raise if a retry is not safe or the time is used up."""
        if not call.repeatable:
            raise UnconfirmedWrite(
                f"the response was lost ({verdict.problem}); the write may have happened",
                method=call.method,
                path=call.path,
                status=verdict.status,
            )
        if verdict.kind is ResponseKind.TOO_LARGE:
            raise self._server_error(call, verdict, waits)  # the next response would be as large
        if not waits.wait(verdict.kind, self._patience(verdict, waits)):
            if verdict.status is None and (waits.patience is None or not self._has_answered):
                self._check_alive(call, verdict)
            raise self._server_error(call, verdict, waits)

    def _forbid_or_wait(
        self, call: ApiRequest, verdict: ResponseVerdict, waits: RetryWaits
    ) -> None:
        """Wait after a 403, or raise. The cause may be temporary, the plan, or the key."""
        if waits.patience == 0 and call.path != WHO_AM_I.path:
            if waits.tries < 2:
                return  # perhaps temporary: only a second 403 counts
            raise self._forbidden_by(call, verdict, "")
        is_known = call.path in self._forbidden
        limit = KEY_CHECK_SECONDS if call.path == WHO_AM_I.path else FORBIDDEN_SECONDS
        if not is_known and waits.wait(verdict.kind, limit):
            return
        if call.path != WHO_AM_I.path:
            self._check_key()
            self._forbidden.add(call.path)
            explanation = (
                ", while the key is good: the account's plan or the key's user group does not "
                "allow it"
            )
            raise self._forbidden_by(call, verdict, explanation)
        raise AuthenticationError(
            f"{self._origin} does not accept the key ({verdict.status}): copy api_key again "
            "from ActiveCampaign under Settings › Developer"
        )

    @staticmethod
    def _forbidden_by(
        call: ApiRequest, verdict: ResponseVerdict, explanation: str
    ) -> PermissionDenied:
        problem = PermissionDenied(
            f"{verdict.status}{explanation}",
            method=call.method,
            path=call.path,
            status=verdict.status,
        )
        problem.reasons = error_details_of(verdict.body)
        return problem

    def _check_key(self) -> None:
        try:
            self._send(WHO_AM_I, None)
        except FatalError:
            raise
        except RequestError as problem:
            # Only a refusal of the key proves that the key is wrong.
            logger.info("The key could not be checked: %s", problem)

    def _patience(self, verdict: ResponseVerdict, waits: RetryWaits) -> float | None:
        """Return the seconds of retries: fewer for a server that has never responded."""
        if verdict.status is None and not self._has_answered:
            return min(waits.patience or FIRST_CONTACT_SECONDS, FIRST_CONTACT_SECONDS)
        return waits.patience

    def _check_alive(self, call: ApiRequest, verdict: ResponseVerdict) -> None:
        """Raise `ConnectionFailed` if the server does not answer another request either."""
        problem = f"{self._origin} does not answer ({verdict.problem}): try again later"
        if call.path == WHO_AM_I.path:
            raise ConnectionFailed(problem)
        try:
            self._send(WHO_AM_I, 0)
        except ServerError:
            raise ConnectionFailed(problem) from None

    def _server_error(
        self, call: ApiRequest, verdict: ResponseVerdict, waits: RetryWaits
    ) -> ServerError:
        return ServerError(
            f"{verdict.problem}, for {waits.elapsed:.0f} s and {waits.tries} attempts",
            method=call.method,
            path=call.path,
            status=verdict.status,
        )

    def _note_retry(self, call: ApiRequest, verdict: ResponseVerdict, waits: RetryWaits) -> None:
        self._traffic.note_retry(verdict.problem, waits.slept)
        level = logging.WARNING if waits.tries in TRIES_TO_WARN_OF else logging.DEBUG
        logger.log(level, "%s %s: %s, retrying", call.method, call.endpoint, verdict.problem)
