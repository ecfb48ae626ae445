"""Errors of the client, grouped by what the caller does next.

    ActiveCampaignError
    ├── InvalidSetting        correct ``api_url`` or ``rate_limit_store``, before any request
    ├── FatalError            no request can succeed: end the run and keep the state
    │   ├── AuthenticationError   the key is wrong
    │   ├── PaymentRequired       the account is unpaid (402)
    │   └── ConnectionFailed      no such host, TLS failure, no response
    └── RequestError          one request failed
        ├── PermissionDenied      the plan or the key's user does not allow it: skip or fail
        ├── NotFound              no such row, or no such endpoint
        ├── InvalidRequest        the request is wrong (400, 422): correct the row
        │   └── TooLarge            of `graphql/request.py`: send fewer rows
        ├── ServerError           ActiveCampaign did not deliver, after all retries
        │   └── UnexpectedResponse  the response has no rows under any of their names
        └── UnconfirmedWrite      the write may have happened: look before a retry

Every message names the request, the response and the fix. No message holds a key, a query string
or a body, because these may hold secrets and personal data.
"""

from __future__ import annotations


class ActiveCampaignError(Exception):
    """Base class of all errors of the client."""


class InvalidSetting(ActiveCampaignError):
    """``api_url`` or ``rate_limit_store`` cannot be used. The message names the setting."""


class FatalError(ActiveCampaignError):
    """No request of this run can succeed."""


class AuthenticationError(FatalError):
    """ActiveCampaign does not accept the key."""


class PaymentRequired(FatalError):
    """ActiveCampaign answers 402: the account is unpaid or expired."""


class ConnectionFailed(FatalError):
    """No ActiveCampaign account answers at the URL."""


class RequestError(ActiveCampaignError):
    """One request failed. ``status`` is None without a response."""

    def __init__(self, problem: str, *, method: str, path: str, status: int | None = None) -> None:
        super().__init__(f"{method} {path}: {problem}")
        self.problem, self.method, self.path, self.status = problem, method, path, status


class PermissionDenied(RequestError):
    """The key's user or the account's plan does not allow the request (403 with a valid key).

    ``reasons`` holds ActiveCampaign's error details, if any: some endpoints send 403 for one row.
    """

    reasons: tuple[ErrorDetail, ...] = ()


class NotFound(RequestError):
    """No such row (404 with JSON), or no such endpoint (404 with HTML: `is_endpoint`)."""

    is_endpoint = False


class InvalidRequest(RequestError):
    """ActiveCampaign refuses the request. ``reasons`` holds its error details."""

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


class UnexpectedResponse(ServerError):
    """The response lacks the array of rows, which does not prove that there are no rows."""


class UnconfirmedWrite(RequestError):
    """The client lost the response to a write. It does not repeat the write."""


#: ActiveCampaign refused the request, and did not carry it out.
REFUSALS = (InvalidRequest, NotFound, PermissionDenied)


class ErrorDetail:
    """One error detail of ActiveCampaign: text, code and attribute. Missing parts are empty."""

    __slots__ = ("attribute", "code", "text")

    def __init__(self, text: str, code: str = "", attribute: str = "") -> None:
        self.text, self.code, self.attribute = text, code, attribute

    def __str__(self) -> str:
        extra = ", ".join(part for part in (self.code, self.attribute) if part)
        return f"{self.text} ({extra})" if extra and self.text else self.text or extra


def error_details_of(body: object) -> tuple[ErrorDetail, ...]:
    """Return the error details of a 400 or 422 body, which has any of eight shapes."""
    if not isinstance(body, dict):
        return ()
    errors, failures = body.get("errors"), body.get("failureReasons")
    details = [ErrorDetail(errors)] if isinstance(errors, str) else []
    details += [_of_error(error) for error in (errors if isinstance(errors, list) else ())]
    details += [
        _of_failure(failure) for failure in (failures if isinstance(failures, list) else ())
    ]
    details = [reason for reason in details if str(reason)]
    if not details:
        texts = [str(body[key]) for key in ("message", "error") if body.get(key)]
        if texts:
            details.append(ErrorDetail(": ".join(texts)))
    return tuple(details)


def _of_error(error: object) -> ErrorDetail:
    if not isinstance(error, dict):
        return ErrorDetail(str(error or ""))
    source = error.get("source")
    pointer = ""
    if isinstance(source, dict):
        pointers = (source.get(name) for name in ("pointer", "value", "parameter"))
        pointer = str(next(filter(None, pointers), ""))
    text = str(error.get("detail") or error.get("title") or error.get("message") or "")
    code = str(error.get("code") or error.get("error") or "")
    return ErrorDetail(text, code, pointer.removeprefix("/data/attributes/"))


def _of_failure(failure: object) -> ErrorDetail:
    if not isinstance(failure, dict):
        return ErrorDetail(str(failure or ""))
    # The importer names the contact by its position. It is unknown whether that starts at 0 or 1.
    position = failure.get("contact")
    attribute = "" if position is None else f"contacts/{position}"
    return ErrorDetail(str(failure.get("failureReason") or ""), attribute=attribute)
