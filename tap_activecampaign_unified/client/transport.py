"""Sends one attempt of a request within the rate limit, and judges and counts its response."""

from __future__ import annotations

import http.cookiejar
import re
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests

from .auth import ApiTokenAuth
from .errors import ConnectionFailed
from .rate_limited_adapter import RateLimitedAdapter
from .redaction import Redactor
from .request_stats import RequestStats
from .response_body import BodyTooLarge, read_body
from .response_check import (
    ResponseKind,
    ResponseVerdict,
    judge_failure,
    judge_record,
    judge_response,
    rate_limit_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client.rate_limit.limiter import Limiter

    from .account_url import AccountUrl
    from .clock import Clock

SAME_HOST_REDIRECTS = 5
# A whole response may take so many times the timeout of one read.
MAX_TIMEOUTS = 10
# The share of the latest response in the average latency.
WEIGHT_OF_THE_LATEST = 0.25
# Parts of a path that name an endpoint. Every other part is an id or personal data.
_ENDPOINT_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class ApiRequest:
    """One request. ``repeatable``: sending it twice is safe. ``is_urgent``: a caller waits for it.

    ``record`` is the key of the written object in the response, or None if the request writes none.
    """

    method: str
    path: str
    repeatable: bool
    is_urgent: bool = True
    record: str | None = None

    @property
    def endpoint(self) -> str:
        """The path with ``{id}`` in place of ids."""
        return "/".join(
            part if _ENDPOINT_WORD.fullmatch(part) else "{id}" for part in self.path.split("/")
        )


class _Session(requests.Session):
    """Reads proxies and certificates from the environment once, because reading them is slow."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[str, Any] = {}

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: `Transport` follows redirects itself and bounds each response."""

    def merge_environment_settings(self, url: Any, *more: Any, **named: Any) -> Any:
        """Return the environment's settings for this host, read once."""
        parts = urlsplit(str(url))
        host = str(_host_of(parts))
        if host not in self._settings:
            settings = super().merge_environment_settings(url, *more, **named)
            if parts.scheme == "http":
                # Only loopback is plain HTTP. A proxy would read the key.
                settings["proxies"] = {}
            self._settings[host] = settings
        return dict(self._settings[host])


class Transport:
    """Sends single requests within the rate limit, from any number of threads.

    Tests pass a ``session`` that answers in-process.
    """

    def __init__(
        self,
        address: AccountUrl,
        api_key: str,
        limiter: Limiter,
        clock: Clock,
        *,
        user_agent: str,
        timeout: float,
        connections: int,
        session: requests.Session | None,
    ) -> None:
        self._address, self._limiter, self._timeout = address, limiter, timeout
        self.traffic = RequestStats(clock)
        #: Recent response time of the account, in seconds.
        self.latency = 0.0
        self._lock = threading.Lock()
        self._is_test_session = session is not None
        if session is None:
            session = _Session()
            session.mount(address.origin, RateLimitedAdapter(limiter, connections))
        session.auth = ApiTokenAuth(api_key, address)
        self._redactor = Redactor(api_key)
        session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})
        self._session = session

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @property
    def adapters(self) -> dict[str, Any]:
        """The adapters of a session that a test passed, for sessions to other hosts, else none."""
        return dict(self._session.adapters) if self._is_test_session else {}

    def attempt(
        self, call: ApiRequest, url: str, body: bytes | None, before_send: Callable[[], None]
    ) -> ResponseVerdict:
        """Send a request once and judge the response. Call ``before_send`` just before sending.

        Follows redirects on the account's own host. Raises `ConnectionFailed` for any other host.
        """
        headers = {} if body is None else {"Content-Type": "application/json"}
        # This takes the slot of the request. If connecting takes long, `RateLimitedAdapter` moves
        # the slot just before it sends the bytes; it takes no second one.
        self._limiter.acquire(urgent=call.is_urgent)
        before_send()
        for _ in range(SAME_HOST_REDIRECTS):
            sent_at = self.traffic.moment()
            try:
                response = self._session.request(
                    call.method,
                    url,
                    data=body,
                    headers=headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
                content = read_body(response, partial(self._is_late, sent_at))
                content = self._redactor.redact(content, is_good=response.ok)
            except BodyTooLarge as problem:
                self._count(call, str(problem.status), sent_at)
                return ResponseVerdict(ResponseKind.TOO_LARGE, str(problem), problem.status)
            except (requests.RequestException, ValueError) as problem:
                self._count(call, type(problem).__name__, sent_at)
                return judge_failure(problem)
            self._count(call, str(response.status_code), sent_at)
            self._note_latency(response.elapsed.total_seconds())
            reported_limit = rate_limit_of(response)
            if reported_limit is not None:
                self.traffic.reported_limit = reported_limit
                self._limiter.counted(*reported_limit)
            location = response.headers.get("Location")
            if not (300 <= response.status_code < 400 and location):
                break
            url = self._redirect_url(call, url, location)
            self._limiter.acquire(urgent=call.is_urgent)
        verdict = judge_response(call.method, response, content)
        if call.record is not None and verdict.response is not None:
            return judge_record(verdict, call.record, needs_id=not call.repeatable)
        return verdict

    def _is_late(self, sent_at: float) -> bool:
        return self.traffic.moment() - sent_at > MAX_TIMEOUTS * self._timeout

    def _note_latency(self, seconds: float) -> None:
        with self._lock:
            previous = self.latency or seconds
            self.latency = previous + WEIGHT_OF_THE_LATEST * (seconds - previous)

    def _count(self, call: ApiRequest, status: str, sent_at: float) -> None:
        self.traffic.count(f"{call.method} {call.endpoint}", status, sent_at)
        self.traffic.waited, self.traffic.paused = self._limiter.waited, self._limiter.paused

    def _redirect_url(self, call: ApiRequest, url: str, location: str) -> str:
        """Return the URL of a redirect. Raise `ConnectionFailed` if it is on another host."""
        try:
            target = urlsplit(urljoin(url, location))
            host = target.hostname
            is_same_host = _host_of(target) == _host_of(urlsplit(self._address.origin))
        except ValueError:
            host, is_same_host = None, False
        if not is_same_host:
            raise ConnectionFailed(
                f"{self._address.origin} redirects {call.method} {call.endpoint} to another host "
                f"({self._redactor.redact_text(str(host))}), which must not get the key: refused. "
                "Check api_url"
            )
        query = f"?{target.query}" if target.query else ""
        return f"{self._address.origin}{target.path}{query}"


def _host_of(parts: SplitResult) -> tuple[str, str | None, int | None]:
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, parts.port or default
