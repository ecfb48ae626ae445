"""One session with one account: sends, waits, repeats what is safe to repeat, explains the rest."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json as jsonlib
import logging
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from . import outcome
from .errors import (
    AccountLapsed,
    ActiveCampaignError,
    BadCredential,
    CallError,
    Forbidden,
    RunEnds,
    ServerTrouble,
    Unconfirmed,
    Unreachable,
)
from .patience import Patience

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from .address import Address
    from .clock import Clock
    from .limiter import Limiter
    from .outcome import Answer, Verdict

logger = logging.getLogger(__name__)

FIRST_CONTACT_SECONDS = 20.0
FORBIDDEN_SECONDS = 20.0
KEY_CHECK_SECONDS = 3.0
SAME_HOST_REDIRECTS = 5
WHO_AM_I = "users/me"


@dataclass
class Traffic:
    """What went over the line: requests by endpoint and by status, and repeats."""

    requests: int = 0
    repeats: int = 0
    by_endpoint: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)


class _ApiToken(AuthBase):
    """Puts the key into the one header, and keeps requests from looking for others in netrc."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Api-Token"] = self._key
        return request

    def __repr__(self) -> str:
        return "<ApiToken>"


class Client:
    """Talks to one account, from any number of threads.

    ``max_retry_seconds`` bounds how long one request is repeated, ``timeout`` is for connecting
    and for reading, in seconds. ``session`` is the seam at which tests put an account in-process.
    """

    def __init__(
        self,
        address: Address,
        api_key: str,
        *,
        limiter: Limiter,
        clock: Clock,
        user_agent: str,
        timeout: float = 60.0,
        max_retry_seconds: float = 600.0,
        max_concurrent_requests: int = 1,
        session: requests.Session | None = None,
    ) -> None:
        """Prepare the session; nothing is sent yet."""
        self.address = address
        self.clock = clock
        self.max_retry_seconds = max_retry_seconds
        self.max_concurrent_requests = max_concurrent_requests
        self.traffic = Traffic()
        self._limiter = limiter
        self._timeout = timeout
        self._answered = False
        #: The server's clock at its last answer, None before the first.
        self.server_now: dt.datetime | None = None
        self._forbidden: set[str] = set()
        self._lock = threading.Lock()
        if session is None:
            session = requests.Session()
            session.mount(address.origin, HTTPAdapter(pool_maxsize=16))
        session.auth = _ApiToken(api_key)
        session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})
        self._session = session
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
    ) -> Answer:
        """Read ``path``; ``patience`` replaces ``max_retry_seconds`` for a server in trouble."""
        return self.send("GET", path, params=params, patience=patience)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str | int]] = (),
        json: object = None,
        repeatable: bool | None = None,
        patience: float | None = None,
    ) -> Answer:
        """Send one call and return its good answer.

        ``repeatable`` says that doing the call twice equals doing it once; None decides by verb
        (a POST is not). Raises the errors of `errors`, after all the repeating that is safe.
        """
        if repeatable is None:
            repeatable = method != "POST"
        call = _Call(method, path, repeatable=repeatable)
        with self.away():
            return self._send(call, params, json, patience)

    def _send(
        self,
        call: _Call,
        params: Sequence[tuple[str, str | int]] = (),
        json: object = None,
        patience: float | None = None,
    ) -> Answer:
        url = self.address.url(call.path)
        if params:
            url += "?" + urlencode(
                list(params), quote_via=quote, safe="[]:,", errors="surrogatepass"
            )
        retry = Patience(self.clock, self.max_retry_seconds, patience)
        while True:
            verdict = self._attempt(call, url, json, retry)
            if verdict.answer is not None:
                self.server_now = verdict.answer.date or self.server_now
                return verdict.answer
            self._decide(call, verdict, retry)

    def _attempt(self, call: _Call, url: str, json: object, retry: Patience) -> Verdict:
        self.checkpoint()
        self._limiter.acquire()
        self.checkpoint()
        retry.note_sent()
        body = None if json is None else jsonlib.dumps(json).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        for _ in range(SAME_HOST_REDIRECTS):
            try:
                response = self._session.request(
                    call.method,
                    url,
                    data=body,
                    headers=headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                )
            except (requests.RequestException, ValueError) as problem:
                self._count(call, type(problem).__name__)
                return outcome.of_failure(problem)
            self._count(call, str(response.status_code))
            location = response.headers.get("Location")
            if not (300 <= response.status_code < 400 and location):
                break
            url = self._same_host(call, url, location)
            self._limiter.acquire()
        self._answered = True
        return outcome.of_response(call.method, response)

    def _decide(self, call: _Call, verdict: Verdict, retry: Patience) -> None:
        """Wait for the next attempt, or raise what ends this call."""
        kind = verdict.kind
        if kind is outcome.Kind.FORBIDDEN:
            self._forbid_or_wait(call, verdict, retry)
        elif kind is outcome.Kind.THROTTLED:
            self._limiter.pause(retry.pause(kind, verdict.wait))
            if retry.exhausted:
                raise self._trouble(call, verdict, retry)
        elif kind is outcome.Kind.CONNECT:
            # Nothing was sent, so every verb may be repeated.
            if not retry.wait(kind, None if self._answered else FIRST_CONTACT_SECONDS):
                raise Unreachable(
                    f"{self.address.origin} cannot be reached ({verdict.problem}): "
                    "check api_url and the network"
                )
        elif kind is outcome.Kind.TROUBLE:
            self._wait_out(call, verdict, retry)
        else:
            raise self._final(call, verdict)
        self._note_repeat(call, verdict, retry)

    def _final(self, call: _Call, verdict: Verdict) -> ActiveCampaignError:
        """Return the error of an answer that no repeating changes."""
        if verdict.kind is outcome.Kind.LAPSED:
            return AccountLapsed(
                f"{self.address.origin} answers 402: the ActiveCampaign account is unpaid or "
                "expired. Mend it in ActiveCampaign under Settings › Billing, then run again"
            )
        if verdict.kind is outcome.Kind.TLS:
            return Unreachable(
                f"{self.address.origin} offers no trusted TLS certificate: check api_url, "
                "and any proxy between here and there"
            )
        return verdict.error(call.method, call.path)

    def _wait_out(self, call: _Call, verdict: Verdict, retry: Patience) -> None:
        """Repeat what is safe to repeat while the server is in trouble."""
        if not call.repeatable:
            raise Unconfirmed(
                f"the answer was lost ({verdict.problem}); the write may have happened",
                method=call.method,
                path=call.path,
                status=verdict.status,
            )
        if not retry.wait(verdict.kind, self._patience(verdict, retry)):
            if verdict.status is None and (retry.asked is None or not self._answered):
                self._check_alive(call, verdict)
            raise self._trouble(call, verdict, retry)

    def _forbid_or_wait(self, call: _Call, verdict: Verdict, retry: Patience) -> None:
        """A 403 may be a glitch, the plan, or a bad key: repeat, then ask who we are."""
        known = call.path in self._forbidden
        limit = KEY_CHECK_SECONDS if call.path == WHO_AM_I else FORBIDDEN_SECONDS
        if not known and retry.wait(verdict.kind, limit):
            return
        if call.path != WHO_AM_I:
            self._check_key()
            self._forbidden.add(call.path)
            raise Forbidden(
                f"{verdict.status}, while the key is good: the account's plan or the key's user "
                "group does not allow it",
                method=call.method,
                path=call.path,
                status=verdict.status,
            )
        raise BadCredential(
            f"{self.address.origin} does not accept the key ({verdict.status}): copy api_key anew "
            "from ActiveCampaign under Settings › Developer"
        )

    def _check_key(self) -> None:
        try:
            self._send(_WHO_AM_I)
        except RunEnds:
            raise
        except CallError as problem:
            # Anything but a refusal of the key leaves it in doubt: take it for good.
            logger.info("The key could not be checked: %s", problem)

    def _patience(self, verdict: Verdict, retry: Patience) -> float | None:
        """A server that never said a word is waited for less long than one that did."""
        if verdict.status is None and not self._answered:
            return min(retry.asked or FIRST_CONTACT_SECONDS, FIRST_CONTACT_SECONDS)
        return retry.asked

    def _check_alive(self, call: _Call, verdict: Verdict) -> None:
        """Tell a call that the server cannot answer from a server that answers nothing."""
        problem = f"{self.address.origin} does not answer ({verdict.problem}): try again later"
        if call.path == WHO_AM_I:
            raise Unreachable(problem)
        try:
            self._send(_WHO_AM_I, patience=0)
        except ServerTrouble:
            raise Unreachable(problem) from None

    def _trouble(self, call: _Call, verdict: Verdict, retry: Patience) -> ServerTrouble:
        return ServerTrouble(
            f"{verdict.problem}, for {retry.elapsed:.0f} s and {retry.tries} tries",
            method=call.method,
            path=call.path,
            status=verdict.status,
        )

    def _note_repeat(self, call: _Call, verdict: Verdict, retry: Patience) -> None:
        with self._lock:
            self.traffic.repeats += 1
        level = logging.WARNING if retry.tries in {3, 10, 30} else logging.DEBUG
        logger.log(level, "%s %s: %s, trying again", call.method, call.path, verdict.problem)

    def _count(self, call: _Call, status: str) -> None:
        endpoint = "/".join("{id}" if part.isdigit() else part for part in call.path.split("/"))
        with self._lock:
            self.traffic.requests += 1
            self.traffic.by_endpoint[f"{call.method} {endpoint}"] += 1
            self.traffic.by_status[status] += 1

    def _same_host(self, call: _Call, url: str, location: str) -> str:
        try:
            target = urlsplit(urljoin(url, location))
            host = target.hostname
            is_here = _place(target) == _place(urlsplit(self.address.origin))
        except ValueError:
            host, is_here = None, False
        if not is_here:
            raise Unreachable(
                f"{self.address.origin} redirects {call.method} {call.path} to another host "
                f"({host}), which would be sent the key: refused. Check api_url"
            )
        return target.geturl()


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, parts.port or default


@dataclass(frozen=True)
class _Call:
    method: str
    path: str
    repeatable: bool


_WHO_AM_I = _Call("GET", WHO_AM_I, repeatable=True)
