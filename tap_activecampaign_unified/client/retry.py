"""Decides after a failed attempt of a request: another attempt after a wait, or an error.

A response 429 passes these modules: `response_check.py` reads `Retry-After`, `RetryWaits.pause`
computes the wait, `Limiter.refused` pauses all requests of the account, and `transport.py` waits
before it sends the next attempt.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .errors import (
    ActiveCampaignError,
    ConnectionFailed,
    PaymentRequired,
    ServerError,
    UnconfirmedWrite,
)
from .forbidden_responses import WHO_AM_I, ForbiddenResponses
from .response_check import ResponseKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rate_limit.limiter import Limiter
    from .request_stats import RequestStats
    from .response_check import ResponseVerdict
    from .retry_waits import RetryWaits
    from .transport import ApiRequest

logger = logging.getLogger(__name__)

# A server that has never sent a response is retried for this long: api_url is probably wrong.
FIRST_CONTACT_SECONDS = 20.0
# The client logs these attempts of a request as warnings, the others only for debugging.
TRIES_TO_WARN_OF = frozenset({3, 10, 30})


class Retries:
    """Decides after a failed attempt whether `Client._send` makes another one, and waits for it.

    The time for retries depends on the account's responses so far.

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
        self._forbidden = ForbiddenResponses(origin, send)

    def note_attempt(self, call: ApiRequest, verdict: ResponseVerdict) -> None:
        """Note the verdict of an attempt."""
        self._has_answered = self._has_answered or verdict.status is not None
        if verdict.response is None:
            self._traffic.note_fault(verdict.problem)
        else:
            self._forbidden.forget(call.path)

    def wait_or_raise(self, call: ApiRequest, verdict: ResponseVerdict, waits: RetryWaits) -> None:
        """Wait until the next attempt, or raise the error that ends this request."""
        kind = verdict.kind
        if kind is ResponseKind.FORBIDDEN:
            self._forbidden.wait_or_raise(call, verdict, waits)
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
        if not waits.wait(verdict.kind, self._patience(call, verdict, waits)):
            if verdict.status is None and (waits.patience is None or not self._has_answered):
                self._check_alive(call, verdict)
            raise self._server_error(call, verdict, waits)

    def _patience(
        self, call: ApiRequest, verdict: ResponseVerdict, waits: RetryWaits
    ) -> float | None:
        """Return the seconds of retries. A server that has never responded gets some of them.

        Only `_check_alive` is not retried then.
        """
        is_check = call.path == WHO_AM_I.path and waits.patience == 0
        if verdict.status is not None or self._has_answered or is_check:
            return waits.patience
        return min(waits.patience or FIRST_CONTACT_SECONDS, FIRST_CONTACT_SECONDS)

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
