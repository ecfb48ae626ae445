"""Errors of the client, grouped by what the caller does next.

    ActiveCampaignError
    ├── InvalidUrl            correct the setting ``api_url`` (only the settings check raises it)
    ├── FatalError            no request can succeed: end the run, keep the state
    │   ├── AuthenticationError   the key is wrong
    │   ├── PaymentRequired       the account is unpaid (402)
    │   └── ConnectionFailed      no such host, TLS failure, no response
    └── RequestError          one request failed
        ├── PermissionDenied      the plan or the key's user may not do this: skip or fail
        ├── NotFound              no such row, or no such endpoint
        ├── InvalidRequest        the request is wrong (400, 422): correct the row
        ├── ServerError           ActiveCampaign did not deliver, after all retries
        │   └── UnexpectedAnswer  the response has no rows under any of their names
        └── UnconfirmedWrite      the write may have happened: look before a retry

Every message names the request, the response and the fix. No message holds a key, a query string
or a body: those may hold secrets and personal data.
"""

from __future__ import annotations


class ActiveCampaignError(Exception):
    """Base class of all errors of the client."""


class InvalidUrl(ActiveCampaignError):
    """``api_url`` is not the URL of an ActiveCampaign account."""


class FatalError(ActiveCampaignError):
    """No request of this run can succeed."""


class AuthenticationError(FatalError):
    """ActiveCampaign does not accept the key."""


class PaymentRequired(FatalError):
    """ActiveCampaign answers 402: the account is unpaid or expired."""


class ConnectionFailed(FatalError):
    """No ActiveCampaign account answers at the URL."""


class RequestError(ActiveCampaignError):
    """One request failed; it has ``method``, ``path`` and ``status`` (None: no response)."""

    def __init__(self, problem: str, *, method: str, path: str, status: int | None = None) -> None:
        super().__init__(f"{method} {path}: {problem}")
        self.problem, self.method, self.path, self.status = problem, method, path, status


class PermissionDenied(RequestError):
    """The key's user or the account's plan may not do this (403, while the key is good).

    ``reasons`` holds ActiveCampaign's details, if any: some endpoints answer 403 for one row.
    """

    reasons: tuple[ErrorDetail, ...] = ()


class NotFound(RequestError):
    """No such row (404 with JSON), or no such endpoint (404 with HTML: `is_endpoint`)."""

    is_endpoint = False


class InvalidRequest(RequestError):
    """ActiveCampaign refuses the request; ``reasons`` holds its error details."""

    def __init__(
        self,
        problem: str,
        *,
        method: str,
        path: str,
        status: int,
        reasons: tuple[ErrorDetail, ...] = (),
    ) -> None:
        super().__init__(problem, method=method, path=path, status=status)
        self.reasons = reasons


class ServerError(RequestError):
    """The server failed, closed the connection or sent no usable JSON, after all retries."""


class UnexpectedAnswer(ServerError):
    """An answer without the array that it should hold: it does not prove that there are no rows."""


class UnconfirmedWrite(RequestError):
    """The response to a write was lost, and the write must not be repeated blindly."""


class ErrorDetail:
    """One error detail of ActiveCampaign: text, code and attribute; empty where absent."""

    __slots__ = ("attribute", "code", "text")

    def __init__(self, text: str, code: str = "", attribute: str = "") -> None:
        self.text, self.code, self.attribute = text, code, attribute

    def __str__(self) -> str:
        extra = ", ".join(part for part in (self.code, self.attribute) if part)
        return f"{self.text} ({extra})" if extra and self.text else self.text or extra


def error_details_of(body: object) -> tuple[ErrorDetail, ...]:
    """Return the error details of a 400 or 422 body, in any of ActiveCampaign's eight shapes."""
    if not isinstance(body, dict):
        return ()
    errors, failures = body.get("errors"), body.get("failureReasons")
    found = [ErrorDetail(errors)] if isinstance(errors, str) else []
    found += [_of_error(error) for error in (errors if isinstance(errors, list) else ())]
    found += [_of_failure(failure) for failure in (failures if isinstance(failures, list) else ())]
    found = [reason for reason in found if str(reason)]
    if not found:
        texts = [str(body[key]) for key in ("message", "error") if body.get(key)]
        if texts:
            found.append(ErrorDetail(": ".join(texts)))
    return tuple(found)


def _of_error(error: object) -> ErrorDetail:
    if not isinstance(error, dict):
        return ErrorDetail(str(error or ""))
    source = error.get("source")
    pointer = ""
    if isinstance(source, dict):
        found = (source.get(name) for name in ("pointer", "value", "parameter"))
        pointer = str(next(filter(None, found), ""))
    text = str(error.get("detail") or error.get("title") or error.get("message") or "")
    code = str(error.get("code") or error.get("error") or "")
    return ErrorDetail(text, code, pointer.removeprefix("/data/attributes/"))


def _of_failure(failure: object) -> ErrorDetail:
    if not isinstance(failure, dict):
        return ErrorDetail(str(failure or ""))
    # The importer names the contact by its position; whether it counts from 0 or 1 is not known.
    place = failure.get("contact")
    where = "" if place is None else f"contacts/{place}"
    return ErrorDetail(str(failure.get("failureReason") or ""), attribute=where)


def is_duplicate(problem: InvalidRequest) -> bool:
    """Return whether ActiveCampaign refused because the record already exists."""
    texts = " ".join(f"{reason.code} {reason.text}" for reason in problem.reasons).lower()
    return any(word in texts for word in ("duplicate", "already", "exists", "taken"))
