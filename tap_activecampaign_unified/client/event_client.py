"""Event tracking: a host of its own, with a key of its own, that never forgets what it was sent.

Nothing here is repeated once it may have arrived: an event that is sent twice is there twice. The
API key is not sent.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from .errors import ErrorDetail, InvalidRequest, ServerError, UnconfirmedWrite
from .read_body import BodyTooLarge, read_body
from .response_check import ResponseKind, judge_failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

DEFAULT_URL = "https://trackcmp.net/event"
MAX_NAME_LENGTH = 32
# An answer that drips in is given up after so many time-outs.
MAX_TIMEOUTS = 3
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_FACTS: dict[str, Any] = {"method": "POST", "path": "event"}


def is_event_url(url: str) -> bool:
    """Say whether events may be sent to an address: by https, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    is_local = parts.scheme == "http" and host in _LOOPBACK
    return bool(host) and (parts.scheme == "https" or is_local) and parts.username is None


class EventClient:
    """Sends events of one account; ``away`` is entered around everything that blocks.

    ``adapters`` is the seam at which tests put the host in-process.
    """

    def __init__(
        self,
        url: str,
        account_id: str,
        key: str,
        *,
        timeout: float,
        user_agent: str,
        away: Callable[[], AbstractContextManager[None]],
        adapters: dict[str, Any] | None = None,
    ) -> None:
        """Prepare a session without the API key; nothing is sent yet."""
        self._url, self._account_id, self._key = url, account_id, key
        self._timeout, self._away = timeout, away
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials of another file
        self._session.headers["User-Agent"] = user_agent
        for prefix, adapter in (adapters or {}).items():
            self._session.mount(prefix, adapter)

    def __repr__(self) -> str:
        """Name the host, never the key."""
        return f"<EventClient of {urlsplit(self._url).hostname}>"

    def send(self, name: str, email: str, value: str) -> None:
        """Send one event, once.

        Raises `InvalidRequest` when the host refuses it, `ServerError` when nothing was sent, and
        `UnconfirmedWrite` when it may have been recorded.
        """
        form = {
            "actid": self._account_id,
            "key": self._key,
            "event": name,
            "eventdata": value,
            "visit": json.dumps({"email": email}),
        }
        latest = time.monotonic() + MAX_TIMEOUTS * self._timeout
        try:
            with self._away():
                response = self._session.post(
                    self._url,
                    data=form,
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
                body = read_body(response, lambda: time.monotonic() > latest)
        except (requests.RequestException, ValueError, OSError, BodyTooLarge) as problem:
            raise self._lost(problem) from None
        self._judge(response.status_code, body)

    @staticmethod
    def _lost(problem: Exception) -> ServerError | UnconfirmedWrite:
        if isinstance(problem, (requests.RequestException, ValueError)):
            verdict = judge_failure(problem)
            if verdict.kind in {ResponseKind.CONNECT, ResponseKind.TLS}:
                return ServerError(f"nothing was sent ({verdict.problem})", **_FACTS)
        return UnconfirmedWrite("the answer was lost; the event may be recorded", **_FACTS)

    @staticmethod
    def _judge(status: int, body: bytes) -> None:
        """Read the answer, whatever its status below 500: JSON with `success`, or 1 or 0."""
        if status >= 500:
            raise UnconfirmedWrite(
                f"the host answered {status}; the event may be recorded", **_FACTS, status=status
            )
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        answer = found.get("success") if isinstance(found, dict) else found
        if answer in {1, "1"} and status < 300:
            return
        if answer in {0, "0"}:
            words = str(found.get("message") or "") if isinstance(found, dict) else ""
            problem = words or "event tracking is off, the key is wrong, or the name is unknown"
            raise InvalidRequest(
                f"refused: {problem}", **_FACTS, status=status, reasons=(ErrorDetail(problem),)
            )
        raise UnconfirmedWrite(
            f"the answer ({status}) could not be read; the event may be recorded",
            **_FACTS,
            status=status,
        )
