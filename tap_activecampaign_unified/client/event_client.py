"""Sends events to the host of event tracking, which has its own key and keeps every event.

The client never repeats an event that may have arrived, because the host would record it twice.
It does not send the API key.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from .errors import ErrorDetail, InvalidRequest, ServerError, UnconfirmedWrite
from .response_body import BodyTooLarge, read_body
from .response_check import ResponseKind, judge_failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

DEFAULT_URL = "https://trackcmp.net/event"
MAX_NAME_LENGTH = 32
# A whole response may take this many times the timeout of one read.
MAX_TIMEOUTS = 3
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_REQUEST: dict[str, Any] = {"method": "POST", "path": "event"}


def is_event_url(url: str) -> bool:
    """Return whether events may go to this URL: by https, or to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    is_local = parts.scheme == "http" and host in _LOOPBACK
    return bool(host) and (parts.scheme == "https" or is_local) and parts.username is None


class EventClient:
    """Sends events of one account. It enters ``while_blocked`` around each blocking call.

    Tests pass ``adapters`` that answer in-process.
    """

    def __init__(
        self,
        url: str,
        account_id: str,
        key: str,
        *,
        timeout: float,
        user_agent: str,
        while_blocked: Callable[[], AbstractContextManager[None]],
        adapters: dict[str, Any],
    ) -> None:
        self._url, self._account_id, self._key = url, account_id, key
        self._timeout, self._while_blocked = timeout, while_blocked
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials of another file
        self._session.headers["User-Agent"] = user_agent
        for prefix, adapter in adapters.items():
            self._session.mount(prefix, adapter)

    def __repr__(self) -> str:
        return f"<EventClient of {urlsplit(self._url).hostname}>"

    def send(self, name: str, email: str, value: str) -> None:
        """Send one event once. ``value`` is the event's data.

        Raises `InvalidRequest` if the host refuses it, `ServerError` if the client sent nothing,
        and `UnconfirmedWrite` if the host may have recorded it.
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
            with self._while_blocked():
                response = self._session.post(
                    self._url,
                    data=form,
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
                body = read_body(response, lambda: time.monotonic() > latest)
        except (requests.RequestException, ValueError, OSError, BodyTooLarge) as problem:
            raise self._error_of(problem) from None
        self._judge(response.status_code, body)

    @staticmethod
    def _error_of(problem: Exception) -> ServerError | UnconfirmedWrite:
        if isinstance(problem, (requests.RequestException, ValueError)):
            verdict = judge_failure(problem)
            if verdict.kind in {ResponseKind.CONNECT, ResponseKind.TLS}:
                return ServerError(f"nothing was sent ({verdict.problem})", **_REQUEST)
        return UnconfirmedWrite("the response was lost. The event may be recorded", **_REQUEST)

    @staticmethod
    def _judge(status: int, body: bytes) -> None:
        """Raise unless the host accepted the event: its body is 1 or 0, or has `success`."""
        if status >= 500:
            raise UnconfirmedWrite(
                f"the host answered {status}. The event may be recorded",
                **_REQUEST,
                status=status,
            )
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        success = content.get("success") if isinstance(content, dict) else content
        if success in {1, "1"} and status < 300:
            return
        if success in {0, "0"}:
            message = str(content.get("message") or "") if isinstance(content, dict) else ""
            problem = message or "event tracking is off, the key is wrong, or the name is unknown"
            raise InvalidRequest(
                f"refused: {problem}", **_REQUEST, status=status, reasons=(ErrorDetail(problem),)
            )
        raise UnconfirmedWrite(
            f"the response ({status}) could not be read. The event may be recorded",
            **_REQUEST,
            status=status,
        )
