"""One session with one account: sends, waits, repeats what is safe to repeat, explains the rest."""

from __future__ import annotations

import contextlib
import json as jsonlib
import logging
import math
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from . import response as outcome
from .errors import (
    ActiveCampaignError,
    AuthenticationError,
    ConnectionFailed,
    FatalError,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    RequestError,
    ServerError,
    UnconfirmedWrite,
    error_details_of,
)
from .prefetch import Prefetcher, WorkerThreads
from .retry import RetryBudget
from .transport import ApiRequest, Transport
from .url import is_plain

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import requests

    from tap_activecampaign_unified.client.rate_limit.limiter import Limiter

    from .clock import Clock
    from .prefetch import PrefetchedRequest, Then, Workers
    from .response import ApiResponse, ResponseVerdict
    from .url import AccountUrl

logger = logging.getLogger(__name__)

FIRST_CONTACT_SECONDS = 20.0
FORBIDDEN_SECONDS = 20.0
SPARE_CONNECTIONS = 2
# Without a limit, as many requests a second as one reader can take in.
UNLIMITED_RATE = 50.0
# Handing a page from thread to thread takes about 2 ms; without a limit, a shorter wait is cheaper.
WORTH_A_THREAD = 0.005
KEY_CHECK_SECONDS = 3.0
WHO_AM_I = ApiRequest("GET", "users/me", repeatable=True)


class Client:
    """Talks to one account, from any number of threads.

    ``max_retry_seconds`` bounds how long one request is repeated, ``timeout`` is for connecting
    and for reading, in seconds. ``session`` is the seam at which tests put an account in-process.
    """

    def __init__(
        self,
        address: AccountUrl,
        api_key: str,
        *,
        limiter: Limiter,
        clock: Clock,
        user_agent: str,
        timeout: float = 60.0,
        max_retry_seconds: float = 600.0,
        max_concurrent_requests: int = 1,
        session: requests.Session | None = None,
        workers: Workers | None = None,
    ) -> None:
        """Prepare the session; nothing is sent yet."""
        self.address = address
        self.clock = clock
        self.max_retry_seconds = max_retry_seconds
        self.max_concurrent_requests = max_concurrent_requests
        self._limiter = limiter
        self._ahead: Prefetcher | None = None
        if max_concurrent_requests > 1:
            self._ahead = Prefetcher(
                self._send_announced, workers or WorkerThreads(max_concurrent_requests)
            )
        self._answered = False
        #: The server's clock at its last answer, None before the first.
        self.server_now: dt.datetime | None = None
        self._forbidden: set[str] = set()
        self._line = Transport(
            address,
            api_key,
            limiter,
            clock,
            user_agent=user_agent,
            timeout=timeout,
            connections=max_concurrent_requests + SPARE_CONNECTIONS,
            session=session,
        )
        self.traffic = self._line.traffic
        #: Called before every request; raises to end the run (a signal came).
        self.checkpoint: Callable[[], None] = lambda: None
        #: Entered around everything that blocks: threads that take turns hand over meanwhile.
        self.away: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext

    def __repr__(self) -> str:
        """Name the account, never the key."""
        return f"<Client of {self.address.origin}>"

    def get(
        self,
        path: str,
        params: Sequence[tuple[str, str | int]] = (),
        *,
        patience: float | None = None,
    ) -> ApiResponse:
        """Read ``path``; ``patience`` replaces ``max_retry_seconds`` for a server in trouble.

        With none, 0, a refusal is repeated once, and the key is not held responsible for it.
        """
        if self._ahead is not None:
            self.checkpoint()
            announced = self._ahead.take((path, tuple(params)))
            if announced is not None:
                with self.away():
                    return self._ahead.wait(announced)
        return self.send("GET", path, params=params, patience=patience)

    def prefetch(
        self,
        path: str,
        params: Sequence[tuple[str, str | int]] = (),
        *,
        patience: float | None = None,
        is_urgent: bool = True,
        then: Then | None = None,
    ) -> None:
        """Announce a GET that will surely be asked for in the same words: it is sent meanwhile.

        What is not urgent comes after all that is. ``then`` is called with the answer before
        anybody gets it, perhaps by another thread; it may announce what follows from it.
        """
        if self._ahead is not None:
            key = (path, tuple(params))
            self._ahead.prefetch(key, patience, is_urgent=is_urgent, then=then)

    def cancel_prefetch(self, path: str, params: Sequence[tuple[str, str | int]] = ()) -> None:
        """Take an announcement back."""
        if self._ahead is not None:
            self._ahead.cancel_prefetch((path, tuple(params)))

    def cancel_all_prefetches(self) -> None:
        """Take back whatever was announced and not asked for."""
        if self._ahead is not None:
            self._ahead.cancel_all_prefetches()

    def close(self) -> None:
        """Close the connections."""
        self.cancel_all_prefetches()
        self._line.close()

    @property
    def rate(self) -> float:
        """How many requests a second may leave, 0 without a limit."""
        return self._limiter.rate

    @property
    def look_ahead(self) -> int:
        """How many pages are worth announcing, so that the budget is used at this latency."""
        if self._ahead is None:
            return 0
        if not self._limiter.rate and self._line.latency < WORTH_A_THREAD:
            return 0
        rate = self._limiter.rate or UNLIMITED_RATE
        return min(self.max_concurrent_requests, 2 + math.ceil(2 * rate * self._line.latency))

    def _send_announced(self, announced: PrefetchedRequest) -> ApiResponse:
        path, params = announced.key
        call = ApiRequest("GET", path, repeatable=True, is_urgent=announced.is_urgent)
        return self._send(call, params, None, announced.patience)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str | int]] = (),
        json: object = None,
        repeatable: bool | None = None,
        patience: float | None = None,
    ) -> ApiResponse:
        """Send one call and return its good answer.

        ``repeatable`` says that doing the call twice equals doing it once; None decides by verb
        (a POST is not). Raises the errors of `errors`, after all the repeating that is safe.
        """
        if repeatable is None:
            repeatable = method != "POST"
        call = ApiRequest(method, path, repeatable=repeatable)
        with self.away():
            return self._send(call, params, json, patience)

    def _send(
        self,
        call: ApiRequest,
        params: Sequence[tuple[str, str | int]] = (),
        json: object = None,
        patience: float | None = None,
    ) -> ApiResponse:
        if not is_plain(call.path):
            raise NotFound("no such row: ids are numbers", method=call.method, path=call.endpoint)
        url = self.address.url(call.path)
        if params:
            url += "?" + urlencode(
                list(params), quote_via=quote, safe="[]:,", errors="surrogatepass"
            )
        body = None if json is None else jsonlib.dumps(json).encode()
        retry = RetryBudget(self.clock, self.max_retry_seconds, patience)
        while True:
            verdict = self._attempt(call, url, body, retry)
            if verdict.answer is not None:
                self.server_now = verdict.answer.date or self.server_now
                self._forbidden.discard(call.path)
                return verdict.answer
            self._decide(call, verdict, retry)

    def _attempt(
        self, call: ApiRequest, url: str, body: bytes | None, retry: RetryBudget
    ) -> ResponseVerdict:
        self.checkpoint()

        def leaving() -> None:
            self.checkpoint()
            retry.note_sent()

        verdict = self._line.attempt(call, url, body, leaving)
        self._answered = self._answered or verdict.status is not None
        if verdict.answer is None:
            self.traffic.note_fault(verdict.problem)
        return verdict

    def _decide(self, call: ApiRequest, verdict: ResponseVerdict, retry: RetryBudget) -> None:
        """Wait for the next attempt, or raise what ends this call."""
        kind = verdict.kind
        if kind is outcome.ResponseKind.FORBIDDEN:
            self._forbid_or_wait(call, verdict, retry)
        elif kind is outcome.ResponseKind.THROTTLED:
            self._limiter.refused(retry.pause(kind, verdict.wait))
            if retry.exhausted:
                raise self._trouble(call, verdict, retry)
        elif kind is outcome.ResponseKind.CONNECT:
            # Nothing was sent, so every verb may be repeated.
            if not retry.wait(kind, None if self._answered else FIRST_CONTACT_SECONDS):
                raise ConnectionFailed(
                    f"{self.address.origin} cannot be reached ({verdict.problem}): "
                    "check api_url and the network"
                )
        elif kind in {outcome.ResponseKind.TROUBLE, outcome.ResponseKind.TOO_LARGE}:
            self._wait_out(call, verdict, retry)
        else:
            raise self._final(call, verdict)
        self._note_repeat(call, verdict, retry)

    def _final(self, call: ApiRequest, verdict: ResponseVerdict) -> ActiveCampaignError:
        """Return the error of an answer that no repeating changes."""
        if verdict.kind is outcome.ResponseKind.LAPSED:
            return PaymentRequired(
                f"{self.address.origin} answers 402: the ActiveCampaign account is unpaid or "
                "expired. Mend it in ActiveCampaign under Settings › Billing, then run again"
            )
        if verdict.kind is outcome.ResponseKind.TLS:
            return ConnectionFailed(
                f"{self.address.origin} offers no trusted TLS certificate: check api_url, "
                "and any proxy between here and there"
            )
        return verdict.error(call.method, call.path)

    def _wait_out(self, call: ApiRequest, verdict: ResponseVerdict, retry: RetryBudget) -> None:
        """Repeat what is safe to repeat while the server is in trouble."""
        if not call.repeatable:
            raise UnconfirmedWrite(
                f"the answer was lost ({verdict.problem}); the write may have happened",
                method=call.method,
                path=call.path,
                status=verdict.status,
            )
        if verdict.kind is outcome.ResponseKind.TOO_LARGE:
            raise self._trouble(call, verdict, retry)  # it will not be smaller the next time
        if not retry.wait(verdict.kind, self._patience(verdict, retry)):
            if verdict.status is None and (retry.asked is None or not self._answered):
                self._check_alive(call, verdict)
            raise self._trouble(call, verdict, retry)

    def _forbid_or_wait(
        self, call: ApiRequest, verdict: ResponseVerdict, retry: RetryBudget
    ) -> None:
        """A 403 may be a glitch, the plan, or a bad key: repeat, then ask who we are."""
        if retry.asked == 0 and call.path != WHO_AM_I.path:
            if retry.tries < 2:
                return  # a glitch, perhaps: asked at once, twice is believed
            raise self._forbidden_by(call, verdict, "")
        known = call.path in self._forbidden
        limit = KEY_CHECK_SECONDS if call.path == WHO_AM_I.path else FORBIDDEN_SECONDS
        if not known and retry.wait(verdict.kind, limit):
            return
        if call.path != WHO_AM_I.path:
            self._check_key()
            self._forbidden.add(call.path)
            why = (
                ", while the key is good: the account's plan or the key's user group does not "
                "allow it"
            )
            raise self._forbidden_by(call, verdict, why)
        raise AuthenticationError(
            f"{self.address.origin} does not accept the key ({verdict.status}): copy api_key anew "
            "from ActiveCampaign under Settings › Developer"
        )

    @staticmethod
    def _forbidden_by(call: ApiRequest, verdict: ResponseVerdict, why: str) -> PermissionDenied:
        problem = PermissionDenied(
            f"{verdict.status}{why}", method=call.method, path=call.path, status=verdict.status
        )
        problem.reasons = error_details_of(verdict.body)
        return problem

    def _check_key(self) -> None:
        try:
            self._send(WHO_AM_I)
        except FatalError:
            raise
        except RequestError as problem:
            # Anything but a refusal of the key leaves it in doubt: take it for good.
            logger.info("The key could not be checked: %s", problem)

    def _patience(self, verdict: ResponseVerdict, retry: RetryBudget) -> float | None:
        """A server that never said a word is waited for less long than one that did."""
        if verdict.status is None and not self._answered:
            return min(retry.asked or FIRST_CONTACT_SECONDS, FIRST_CONTACT_SECONDS)
        return retry.asked

    def _check_alive(self, call: ApiRequest, verdict: ResponseVerdict) -> None:
        """Tell a call that the server cannot answer from a server that answers nothing."""
        problem = f"{self.address.origin} does not answer ({verdict.problem}): try again later"
        if call.path == WHO_AM_I.path:
            raise ConnectionFailed(problem)
        try:
            self._send(WHO_AM_I, patience=0)
        except ServerError:
            raise ConnectionFailed(problem) from None

    def _trouble(
        self, call: ApiRequest, verdict: ResponseVerdict, retry: RetryBudget
    ) -> ServerError:
        return ServerError(
            f"{verdict.problem}, for {retry.elapsed:.0f} s and {retry.tries} tries",
            method=call.method,
            path=call.path,
            status=verdict.status,
        )

    def _note_repeat(self, call: ApiRequest, verdict: ResponseVerdict, retry: RetryBudget) -> None:
        self.traffic.note_retry(verdict.problem, retry.slept)
        level = logging.WARNING if retry.tries in {3, 10, 30} else logging.DEBUG
        logger.log(level, "%s %s: %s, trying again", call.method, call.endpoint, verdict.problem)
