"""The interface for tests in the same process: a `requests` adapter without sockets."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from tests.sandbox.wire import Lost, parse_query

if TYPE_CHECKING:
    from tests.sandbox.world import World

_REASONS = {
    200: "OK",
    201: "Created",
    302: "Found",
    400: "Bad Request",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class SandboxAdapter(BaseAdapter):
    """A session with this adapter gets every answer from the world."""

    def __init__(self, world: World) -> None:
        """Keep the world."""
        super().__init__()
        self.world = world

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Answer, or raise what `requests` raises when the connection breaks."""
        parts = urlsplit(request.url or "")
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        try:
            status, headers, content = self.world.answer(
                request.method or "GET",
                unquote(parts.path),
                parse_query(parts.query),
                {"Host": parts.netloc, **request.headers},
                body,
            )
        except Lost as lost:
            raise _broken(lost, request) from None
        self._wait(headers, timeout, request)
        response = requests.Response()
        response.status_code = status
        response.reason = _REASONS.get(status, "")
        response.headers = CaseInsensitiveDict(headers)
        response.url = request.url or ""
        response.request = request
        response.encoding = "utf-8"
        response.raw = io.BytesIO(content)
        if not stream:
            response.content  # noqa: B018  reading it now, as requests does without stream
        return response

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def _wait(self, headers: dict[str, str], timeout: Any, request: Any) -> None:
        seconds = float(headers.pop("X-Sandbox-Delay", 0))
        if not seconds:
            return
        limit = timeout[1] if isinstance(timeout, tuple) else timeout
        advance = getattr(self.world.clock, "advance", None)
        is_late = limit is not None and seconds > float(limit)
        if advance is not None:
            advance(float(limit) if is_late else seconds)
        if is_late:
            raise requests.ReadTimeout("the sandbox answers too late", request=request)


def _broken(lost: Lost, request: Any) -> requests.RequestException:
    if lost.kind == "timeout":
        return requests.ReadTimeout("the sandbox did not answer in time", request=request)
    if lost.kind == "chunk":
        return requests.exceptions.ChunkedEncodingError("the sandbox stopped amid", request=request)
    return requests.ConnectionError("the sandbox reset the connection", request=request)


def session_of(adapter: BaseAdapter, *schemes: str) -> requests.Session:
    """Return a session whose requests this adapter answers, by default those by HTTPS.

    It does not look for proxies: to read the environment costs more than an answer.
    """
    session = requests.Session()
    session.trust_env = False
    for scheme in schemes or ("https://",):
        session.mount(scheme, adapter)
    return session
