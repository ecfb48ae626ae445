"""Judges a response by status and body: success, retry, wait, forbidden or final."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from .errors import InvalidRequest, NotFound, RequestError, error_details_of
from .redaction import redact_values
from .response_body import parse_json

ERROR_HEADER = "X-Ac-Error"
SERVER_ERROR_STATUSES = frozenset({408, 425, 500, 502, 503, 504, *range(520, 528)})


@dataclass(frozen=True)
class ApiResponse:
    """A successful response: status, JSON object, and the server's clock (None: no ``Date``)."""

    status: int
    body: dict[str, Any]
    date: dt.datetime | None


class ResponseKind(enum.Enum):
    """The kinds of responses and failures. The kind decides the client's next step."""

    GOOD = "good"
    THROTTLED = "throttled"
    SERVER_ERROR = "server error"
    TOO_LARGE = "too large"
    CONNECT = "connect"
    TLS = "tls"
    FORBIDDEN = "forbidden"
    LAPSED = "lapsed"
    FINAL = "final"


@dataclass(frozen=True)
class ResponseVerdict:
    """The judgement of one attempt.

    ``wait`` is the pause in seconds that the server asked for. A failure has no ``response``.
    """

    kind: ResponseKind
    problem: str = ""
    status: int | None = None
    wait: float | None = None
    response: ApiResponse | None = None
    body: Any = None

    def error(self, method: str, path: str) -> RequestError:
        """Return the error of a final response."""
        facts = {"method": method, "path": path}
        if self.status == 404:
            missing = NotFound(self.problem, **facts, status=404)
            missing.is_endpoint = not isinstance(self.body, dict)
            return missing
        reasons = error_details_of(self.body)
        details = redact_values("; ".join(map(str, reasons)))
        problem = f"{self.problem}: {details}" if reasons else self.problem
        return InvalidRequest(problem, **facts, status=self.status or 0, reasons=reasons)


# Exceptions of requests, subclasses first.
_FAILURES: tuple[tuple[type[Exception], ResponseKind, str], ...] = (
    (
        ValueError,
        ResponseKind.FINAL,
        "the request cannot be sent: a header or address is malformed",
    ),
    (requests.exceptions.SSLError, ResponseKind.TLS, "TLS failure"),
    (requests.exceptions.ConnectTimeout, ResponseKind.CONNECT, "no connection in time"),
    (requests.exceptions.ProxyError, ResponseKind.CONNECT, "the proxy does not connect"),
    (requests.exceptions.ConnectionError, ResponseKind.SERVER_ERROR, "the connection broke"),
    (requests.exceptions.Timeout, ResponseKind.SERVER_ERROR, "no response in time"),
    (requests.RequestException, ResponseKind.SERVER_ERROR, "the response is incomplete"),
)
# Words in connection errors that say that nothing was sent.
_UNSENT = {
    "NameResolution": "no such host",
    "getaddrinfo": "no such host",
    "Name or service": "no such host",
    "NewConnectionError": "connection refused",
    "Connection refused": "connection refused",
}


def judge_failure(problem: requests.RequestException | ValueError) -> ResponseVerdict:
    """Judge an attempt without a response."""
    kind, cause = next(
        (kind, cause) for type_, kind, cause in _FAILURES if isinstance(problem, type_)
    )
    if (
        isinstance(problem, requests.exceptions.ConnectionError)
        and kind is ResponseKind.SERVER_ERROR
    ):
        text = f"{type(problem).__name__} {problem}"
        for phrase, unsent in _UNSENT.items():
            if phrase in text:
                return ResponseVerdict(ResponseKind.CONNECT, unsent)
    return ResponseVerdict(kind, cause)


def judge_response(method: str, response: requests.Response, content: bytes) -> ResponseVerdict:
    """Judge a response by its status, and check that its body is a JSON object."""
    status = response.status_code
    wait = _retry_after(response)
    if status == 429 or (status == 503 and wait is not None):
        return ResponseVerdict(ResponseKind.THROTTLED, f"throttled ({status})", status, wait)
    if status in SERVER_ERROR_STATUSES or status >= 528:
        return ResponseVerdict(ResponseKind.SERVER_ERROR, f"server error ({status})", status)
    if status == 402:
        return ResponseVerdict(ResponseKind.LAPSED, "account lapsed", status)
    if status in {401, 403}:
        return ResponseVerdict(
            ResponseKind.FORBIDDEN, f"forbidden ({status})", status, body=parse_json(content)
        )
    if 200 <= status < 300:
        return _judge_good(method, response, content)
    return _judge_final(status, parse_json(content))


def judge_record(verdict: ResponseVerdict, name: str, *, needs_id: bool) -> ResponseVerdict:
    """Judge a good response to a write again: without the written record it is a failure.

    ``needs_id``: the request creates the record, and only an id in the response proves it.
    """
    body = verdict.response.body if verdict.response else {}
    row = body.get(name)
    has_record = isinstance(row, dict) and (not needs_id or row.get("id") not in {None, ""})
    if has_record or not (needs_id or _holds_only_errors(body)):
        return verdict
    problem = f"a response without the record ({verdict.status})"
    return ResponseVerdict(ResponseKind.SERVER_ERROR, problem, verdict.status)


def _judge_good(method: str, response: requests.Response, content: bytes) -> ResponseVerdict:
    status, body = response.status_code, parse_json(content)
    if status == 204 or (method == "DELETE" and not content.strip()):
        body = {}
    if isinstance(body, dict):
        if method == "GET" and _holds_only_errors(body):
            return ResponseVerdict(
                ResponseKind.SERVER_ERROR, f"an error in place of data ({status})", status
            )
        date = _date(response.headers.get("Date"))
        return ResponseVerdict(
            ResponseKind.GOOD, status=status, response=ApiResponse(status, body, date)
        )
    code = response.headers.get(ERROR_HEADER)
    if code and method != "GET" and not content.strip():
        # A refusal with status 200: the same write would fail again.
        errors = {"errors": [{"title": f"ActiveCampaign failed without a reason: {code}"}]}
        return ResponseVerdict(ResponseKind.FINAL, f"refused ({status})", status, body=errors)
    return ResponseVerdict(
        ResponseKind.SERVER_ERROR, f"{_no_object(body, content)} ({status})", status
    )


def _holds_only_errors(body: dict[str, Any]) -> bool:
    """Return whether a body holds errors and no data. Such a body is not an empty collection."""
    data = (part for name, part in body.items() if name != "errors")
    return bool(error_details_of(body)) and not any(isinstance(part, (dict, list)) for part in data)


def _no_object(body: Any, content: bytes) -> str:
    """Describe a body that is not a JSON object."""
    begin = content.lstrip()[:1]
    if not begin:
        return "an empty response"
    if begin == b"<":
        return "HTML in place of JSON"
    if begin in b"[{" and body is None:
        return "a response that is incomplete, not JSON, or nested too deep"
    return "a response without JSON"


def _judge_final(status: int, body: Any) -> ResponseVerdict:
    if status == 404:
        problem = "no such row" if isinstance(body, dict) else "no such endpoint on this account"
        return ResponseVerdict(ResponseKind.FINAL, f"{problem} (404)", status, body=body)
    return ResponseVerdict(ResponseKind.FINAL, f"refused ({status})", status, body=body)


def _date(text: str | None) -> dt.datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:  # outside the calendar
        return None


def _retry_after(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        until, now = _date(text), _date(response.headers.get("Date"))
        return max(0.0, (until - now).total_seconds()) if until and now else None


def rate_limit_of(response: requests.Response) -> tuple[int, int] | None:
    """Return the account's limit and its remainder, or None without these headers."""
    try:
        limit, remaining = (
            int(response.headers[f"RateLimit-{word}"]) for word in ("Limit", "Remaining")
        )
    except (KeyError, ValueError):
        return None
    return (limit, remaining) if 0 <= remaining <= limit and limit else None
