"""What an answer means: good, repeat, wait, forbidden or final, by status and by body."""

from __future__ import annotations

import datetime as dt
import enum
import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import requests

from .errors import InvalidRequest, NotFound, RequestError, error_details_of, redact_values

TROUBLE = frozenset({408, 425, 500, 502, 503, 504, *range(520, 528)})
MOST_DIGITS = 4000
MOST_LEVELS = 100
_NUL = b"\\u0000"
_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class ApiResponse:
    """A good answer: its status, its JSON object and the server's clock (None: no ``Date``)."""

    status: int
    body: dict[str, Any]
    date: dt.datetime | None


class ResponseKind(enum.Enum):
    """What to do next."""

    GOOD = "good"
    THROTTLED = "throttled"
    TROUBLE = "trouble"
    TOO_LARGE = "too large"
    CONNECT = "connect"
    TLS = "tls"
    FORBIDDEN = "forbidden"
    LAPSED = "lapsed"
    FINAL = "final"


@dataclass(frozen=True)
class ResponseVerdict:
    """The meaning of one attempt: ``wait`` is the pause the server asked for, in seconds."""

    kind: ResponseKind
    problem: str = ""
    status: int | None = None
    wait: float | None = None
    answer: ApiResponse | None = None
    body: Any = None

    def error(self, method: str, path: str) -> RequestError:
        """Return the error of a final answer."""
        facts = {"method": method, "path": path}
        if self.status == 404:
            missing = NotFound(self.problem, **facts, status=404)
            missing.is_endpoint = not isinstance(self.body, dict)
            return missing
        reasons = error_details_of(self.body)
        words = redact_values("; ".join(map(str, reasons)))
        told = f"{self.problem}: {words}" if reasons else self.problem
        return InvalidRequest(told, **facts, status=self.status or 0, reasons=reasons)


# What requests raises, the more special first.
_FAILURES: tuple[tuple[type[Exception], ResponseKind, str], ...] = (
    (
        ValueError,
        ResponseKind.FINAL,
        "the request cannot be sent: a header or address is malformed",
    ),
    (requests.exceptions.SSLError, ResponseKind.TLS, "TLS failure"),
    (requests.exceptions.ConnectTimeout, ResponseKind.CONNECT, "no connection in time"),
    (requests.exceptions.ProxyError, ResponseKind.CONNECT, "the proxy does not connect"),
    (requests.exceptions.ConnectionError, ResponseKind.TROUBLE, "the connection broke"),
    (requests.exceptions.Timeout, ResponseKind.TROUBLE, "no answer in time"),
    (requests.RequestException, ResponseKind.TROUBLE, "the answer broke off"),
)
# Connection errors that say in their text alone that nothing was sent.
_UNSENT = {
    "NameResolution": "no such host",
    "getaddrinfo": "no such host",
    "Name or service": "no such host",
    "NewConnectionError": "connection refused",
    "Connection refused": "connection refused",
}


def judge_failure(problem: requests.RequestException | ValueError) -> ResponseVerdict:
    """Judge an attempt that brought no answer."""
    kind, told = next((kind, told) for type_, kind, told in _FAILURES if isinstance(problem, type_))
    if isinstance(problem, requests.exceptions.ConnectionError) and kind is ResponseKind.TROUBLE:
        text = f"{type(problem).__name__} {problem}"
        for words, unsent in _UNSENT.items():
            if words in text:
                return ResponseVerdict(ResponseKind.CONNECT, unsent)
    return ResponseVerdict(kind, told)


def judge_response(method: str, response: requests.Response, content: bytes) -> ResponseVerdict:
    """Judge an answer by its status and by whether its body is the JSON object it should be."""
    status = response.status_code
    wait = _retry_after(response)
    if status == 429 or (status == 503 and wait is not None):
        return ResponseVerdict(ResponseKind.THROTTLED, f"throttled ({status})", status, wait)
    if status in TROUBLE or status >= 528:
        return ResponseVerdict(ResponseKind.TROUBLE, f"server trouble ({status})", status)
    if status == 402:
        return ResponseVerdict(ResponseKind.LAPSED, "account lapsed", status)
    if status in {401, 403}:
        return ResponseVerdict(
            ResponseKind.FORBIDDEN, f"forbidden ({status})", status, body=_json(content)
        )
    if 200 <= status < 300:
        return _of_good(method, response, content)
    return _of_final(status, _json(content))


def _of_good(method: str, response: requests.Response, content: bytes) -> ResponseVerdict:
    status, body = response.status_code, _json(content)
    if status == 204 or (method == "DELETE" and not content.strip()):
        body = {}
    if isinstance(body, dict):
        if method == "GET" and _only_complains(body):
            return ResponseVerdict(
                ResponseKind.TROUBLE, f"a complaint in place of data ({status})", status
            )
        date = _date(response.headers.get("Date"))
        return ResponseVerdict(
            ResponseKind.GOOD, status=status, answer=ApiResponse(status, body, date)
        )
    return ResponseVerdict(ResponseKind.TROUBLE, f"{_no_object(body, content)} ({status})", status)


def _only_complains(body: dict[str, Any]) -> bool:
    """Say whether there are words and nothing to read, which is not a collection without rows."""
    data = (part for name, part in body.items() if name != "errors")
    return bool(error_details_of(body)) and not any(isinstance(part, (dict, list)) for part in data)


def _no_object(body: Any, content: bytes) -> str:
    """Say what came in place of a JSON object."""
    begin = content.lstrip()[:1]
    if not begin:
        return "an empty answer"
    if begin == b"<":
        return "HTML in place of JSON"
    if begin in b"[{" and body is None:
        return "an answer cut short, or without JSON"
    return "an answer without JSON"


def _of_final(status: int, body: Any) -> ResponseVerdict:
    if status == 404:
        problem = "no such row" if isinstance(body, dict) else "no such endpoint on this account"
        return ResponseVerdict(ResponseKind.FINAL, f"{problem} (404)", status, body=body)
    return ResponseVerdict(ResponseKind.FINAL, f"refused ({status})", status, body=body)


def _json(content: bytes) -> Any:
    try:
        found = msgspec.json.decode(content)
    except (ValueError, RecursionError):
        return _lenient_json(content)
    return _whole_text(found) if _NUL in content else found


def _lenient_json(content: bytes) -> Any:
    """Read what a strict reader refuses: other encodings, NaN, 1e400, halves of characters."""
    try:
        found = json.loads(content, parse_int=_integer)
    except RecursionError:
        return _shallow_json(content)
    except ValueError:
        return None
    may_hold_halves = b"\\ud" in content.lower() or b"\xed" in content
    return _whole_text(found) if may_hold_halves or _NUL in content else found


def _integer(text: str) -> int | float:
    """Read a whole number; one of thousands of digits, which Python refuses, is infinite."""
    return int(text) if len(text) <= MOST_DIGITS else float(text)


def _shallow_json(content: bytes) -> Any:
    """Read what is nested beyond all measure, null in place of what is too deep: a row's fault."""
    kept, depth, done, begin = [], 0, 0, 0
    for token in _TOKENS.finditer(content):
        mark = token.group()
        if mark in b"[{":
            depth += 1
            if depth == MOST_LEVELS + 1:
                begin = token.start()
        elif mark in b"]}":
            depth -= 1
            if depth == MOST_LEVELS:
                kept += [content[done:begin], b"null"]
                done = token.end()
    kept.append(content[done:])
    return _lenient_json(b"".join(kept)) if done else None


def _whole_text(value: Any) -> Any:
    """Put U+FFFD for what no loader's text can hold, and for which it would refuse all rows.

    That is half a surrogate pair, and NUL, which PostgreSQL has in no text and in no JSON.
    """
    if isinstance(value, str):
        text = value.replace("\0", "\ufffd")
        if text.isascii():
            return text
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole_text(key): _whole_text(part) for key, part in value.items()}
    return [_whole_text(part) for part in value] if isinstance(value, list) else value


def _date(text: str | None) -> dt.datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    try:
        return found.astimezone(dt.UTC)
    except OverflowError:  # an hour before the calendar begins, or behind its end
        return None


def _retry_after(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        until, now = _date(text), _date(response.headers.get("Date"))
        return max(0.0, (until - now).total_seconds()) if until and now else None


def rate_limit_of(response: requests.Response) -> tuple[int, int] | None:
    """Return the account's limit and what was left of it, None where the server does not say."""
    try:
        limit, left = (
            int(response.headers[f"RateLimit-{word}"]) for word in ("Limit", "Remaining")
        )
    except (KeyError, ValueError):
        return None
    return (limit, left) if 0 <= left <= limit and limit else None
