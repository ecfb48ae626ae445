"""The client of one account: it sends requests, retries them if that is safe, and raises errors."""

from __future__ import annotations

import contextlib
import datetime as dt
import json as jsonlib
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from .account_url import is_plain_path
from .errors import NotFound, RequestError
from .prefetch import Prefetcher, WorkerThreads
from .retry import Retries
from .retry_waits import RetryWaits
from .transport import ApiRequest, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import requests

    from tap_activecampaign_unified.client.rate_limit.limiter import Limiter

    from .account_url import AccountUrl
    from .clock import Clock
    from .prefetch import PrefetchedRequest, Then, Workers
    from .response_check import ApiResponse, ResponseVerdict

# For callers that send a request themselves while all prefetches are running.
SPARE_CONNECTIONS = 2
# Without a limit: the requests per second that one reader can process.
UNLIMITED_RATE = 50.0
# Seconds of latency. Passing a page between threads takes 2 ms, so prefetching pays only above.
WORTH_A_THREAD = 0.005


class Client:
    """Sends requests to one account, from any number of threads.

    ``max_retry_seconds`` bounds the retries of one request. ``timeout`` (seconds) applies to
    connecting and to each read. Tests pass a ``session`` that answers in-process.
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
        self.address = address
        self.clock = clock
        self.max_retry_seconds = max_retry_seconds
        self.max_concurrent_requests = max_concurrent_requests
        self._limiter = limiter
        self._prefetcher: Prefetcher | None = None
        if max_concurrent_requests > 1:
            self._prefetcher = Prefetcher(
                self._send_prefetched, workers or WorkerThreads(max_concurrent_requests)
            )
        #: The account's clock at its last response, and this machine's uptime then.
        self._last_date: tuple[dt.datetime, float] | None = None
        self._has_asked_time = False
        self._transport = Transport(
            address,
            api_key,
            limiter,
            clock,
            user_agent=user_agent,
            timeout=timeout,
            connections=max_concurrent_requests + SPARE_CONNECTIONS,
            session=session,
        )
        self.traffic = self._transport.traffic
        self._retries = Retries(
            address.origin,
            limiter,
            self.traffic,
            lambda call, patience: self._send(call, patience=patience),
        )
        self.user_agent = user_agent
        #: Called before every request. It raises to end the run, for example after a signal.
        self.before_request: Callable[[], None] = lambda: None
        #: Context manager around each blocking call: other threads of the pool run meanwhile.
        self.while_blocked: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext

    def __repr__(self) -> str:
        return f"<Client of {self.address.origin}>"

    @property
    def adapters(self) -> dict[str, Any]:
        """The adapters of a session that a test passed, for sessions to other hosts, else none."""
        return self._transport.adapters

    def get(
        self,
        path: str,
        params: Sequence[tuple[str, str | int]] = (),
        *,
        patience: float | None = None,
    ) -> ApiResponse:
        """Send a GET request and return the response, prefetched or not.

        ``patience`` (seconds) shortens ``max_retry_seconds`` for server errors. With 0, the client
        retries a 403 once and does not check the key.
        """
        if self._prefetcher is not None:
            self.before_request()
            prefetched = self._prefetcher.take((path, tuple(params)))
            if prefetched is not None:
                with self.while_blocked():
                    return self._prefetcher.wait(prefetched)
        return self.send("GET", path, params=params, patience=patience)

    @property
    def server_now(self) -> dt.datetime | None:
        """The account's clock at its last response, or None before the first."""
        return self._last_date[0] if self._last_date is not None else None

    def account_time(self) -> dt.datetime:
        """Return the account's present time, from its last response. Without one, send a request.

        The clock of this machine may be minutes away, so it counts only if no response has a date.
        """
        if self._last_date is None and not self._has_asked_time:
            self._has_asked_time = True
            with contextlib.suppress(RequestError):
                self.get("users/me")
        if self._last_date is None:
            return self.clock.now()
        date, received_at = self._last_date
        return date + dt.timedelta(seconds=self.clock.monotonic() - received_at)

    def prefetch(
        self,
        path: str,
        params: Sequence[tuple[str, str | int]] = (),
        *,
        patience: float | None = None,
        is_urgent: bool = True,
        then: Then | None = None,
    ) -> None:
        """Send a GET request early. `get` must follow with the same path and parameters.

        The client sends urgent requests first. It calls ``then`` with the response before `get`
        returns it, perhaps in another thread. ``then`` may prefetch further requests.
        """
        if self._prefetcher is not None:
            key = (path, tuple(params))
            self._prefetcher.prefetch(key, patience, is_urgent=is_urgent, then=then)

    def cancel_prefetch(self, path: str, params: Sequence[tuple[str, str | int]] = ()) -> None:
        """Forget a prefetched request that `get` will not ask for."""
        if self._prefetcher is not None:
            self._prefetcher.cancel_prefetch((path, tuple(params)))

    def cancel_all_prefetches(self) -> None:
        """Forget all prefetched requests that `get` has not asked for."""
        if self._prefetcher is not None:
            self._prefetcher.cancel_all_prefetches()

    def close(self) -> None:
        """Close the connections."""
        self.cancel_all_prefetches()
        self._transport.close()

    @property
    def rate(self) -> float:
        """The most requests per second. 0 means no limit."""
        return self._limiter.rate

    @property
    def look_ahead(self) -> int:
        """The number of pages to prefetch, so that requests use the whole rate at this latency."""
        if self._prefetcher is None:
            return 0
        if not self._limiter.rate and self._transport.latency < WORTH_A_THREAD:
            return 0
        rate = self._limiter.rate or UNLIMITED_RATE
        return min(self.max_concurrent_requests, 2 + math.ceil(2 * rate * self._transport.latency))

    def _send_prefetched(self, prefetched: PrefetchedRequest) -> ApiResponse:
        path, params = prefetched.key
        call = ApiRequest("GET", path, repeatable=True, is_urgent=prefetched.is_urgent)
        return self._send(call, params, None, prefetched.patience)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str | int]] = (),
        json: object = None,
        repeatable: bool | None = None,
        patience: float | None = None,
        record: str | None = None,
    ) -> ApiResponse:
        """Send one request and return its successful response.

        ``repeatable``: sending the request twice has the same effect as sending it once. None:
        every method except POST is repeatable. ``record`` is the key of the written object: without
        its id in the response, a create is unconfirmed. Raises the errors of `errors` after all
        safe retries.
        """
        if repeatable is None:
            repeatable = method != "POST"
        call = ApiRequest(method, path, repeatable=repeatable, record=record)
        with self.while_blocked():
            return self._send(call, params, json, patience)

    def _send(
        self,
        call: ApiRequest,
        params: Sequence[tuple[str, str | int]] = (),
        json: object = None,
        patience: float | None = None,
    ) -> ApiResponse:
        if not is_plain_path(call.path):
            raise NotFound("no such row: ids are numbers", method=call.method, path=call.endpoint)
        url = self.address.url(call.path)
        if params:
            url += "?" + urlencode(
                list(params), quote_via=quote, safe="[]:,", errors="surrogatepass"
            )
        body = None if json is None else jsonlib.dumps(json).encode()
        waits = RetryWaits(self.clock, self.max_retry_seconds, patience)
        while True:
            verdict = self._attempt(call, url, body, waits)
            if verdict.response is not None:
                if verdict.response.date is not None:
                    self._last_date = verdict.response.date, self.clock.monotonic()
                return verdict.response
            self._retries.wait_or_raise(call, verdict, waits)

    def _attempt(
        self, call: ApiRequest, url: str, body: bytes | None, waits: RetryWaits
    ) -> ResponseVerdict:
        self.before_request()

        def before_send() -> None:
            self.before_request()
            waits.note_sent()

        verdict = self._transport.attempt(call, url, body, before_send)
        self._retries.note_attempt(call, verdict)
        return verdict
