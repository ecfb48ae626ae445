"""Sends GraphQL requests. Their responses have errors in the body, with the status 200."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import (
    ErrorDetail,
    InvalidRequest,
    PermissionDenied,
    RequestError,
    ServerError,
)
from tap_activecampaign_unified.client.redaction import redact_values
from tap_activecampaign_unified.client.response_check import ResponseKind
from tap_activecampaign_unified.client.retry_waits import RetryWaits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_activecampaign_unified.client.client import Client

logger = logging.getLogger(__name__)

PATH = "ecom/graphql"
VALIDATION = "Validation errors"
_TOO_LARGE = re.compile(r"grammar.? tokens|too (many|large|big|complex)|complexity", re.IGNORECASE)
_TRANSIENT = re.compile(
    r"internal|time.?out|timed out|unavailable|try again|overload|aborted", re.IGNORECASE
)
_FORBIDDEN = re.compile(r"forbidden|unauthori[sz]ed|not authori[sz]ed|permission", re.IGNORECASE)
_FAULTS = {"DataFetchingException", "ExecutionAborted", "INTERNAL_ERROR", "INTERNAL_SERVER_ERROR"}
_REFUSALS = {"ValidationError", "InvalidSyntax", "BAD_REQUEST", "OperationNotSupported"}


class TooLarge(InvalidRequest):
    """The server rejects the size of the document or of its variables: send fewer rows."""


def run_graphql(
    client: Client, document: str, variables: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Send a GraphQL request and return its `data`. The caller must allow repeated sending.

    Retries server errors, as for REST requests. Raises the other errors of the response:
    `TooLarge`, `PermissionDenied`, or `InvalidRequest` with a detail per entry. A detail of a
    validation error has the entry's key as its attribute.
    """
    body = {"query": document, "variables": dict(variables or {})}
    retry = RetryWaits(client.clock, client.max_retry_seconds, None)
    while True:
        retry.note_sent()
        response = client.send("POST", PATH, json=body, repeatable=True)
        data, errors = response.body.get("data"), response.body.get("errors")
        if not errors and isinstance(data, dict):
            return data
        problem = problem_of(errors, response.status)
        if not isinstance(problem, ServerError) or not retry.wait(ResponseKind.SERVER_ERROR, None):
            raise problem
        logger.info("%s: the client retries the request", problem)


def problem_of(errors: Any, status: int = 200) -> RequestError:
    """Return the error of a response without data. Without ``errors`` it is a `ServerError`."""
    facts: dict[str, Any] = {"method": "POST", "path": PATH, "status": status}
    details = (
        [detail for detail in errors if isinstance(detail, dict)]
        if isinstance(errors, list)
        else []
    )
    if not details:
        return ServerError("the response has no data", **facts)
    texts = [str(detail.get("message") or "") for detail in details]
    message = redact_values("; ".join(texts))
    kinds = {kind for detail in details if (kind := _kind_of(detail))}
    if any(map(_TOO_LARGE.search, texts)):
        return TooLarge(f"too large: {message}", **facts)
    if any(_FORBIDDEN.search(text) for text in (*texts, *kinds)):
        return PermissionDenied(f"refused: {message}", **facts)
    reasons = tuple(reason for detail in details for reason in _reasons_of(detail))
    is_fault = bool(kinds & _FAULTS) or any(map(_TRANSIENT.search, texts))
    if is_fault and not kinds & _REFUSALS and VALIDATION not in texts:
        return ServerError(f"errors of the server: {message}", **facts)
    return InvalidRequest(f"refused: {message}", **facts, reasons=reasons)


def _kind_of(error: dict[str, Any]) -> str | None:
    extensions = error.get("extensions")
    kind = extensions.get("classification") if isinstance(extensions, dict) else None
    return kind if isinstance(kind, str) else None


def _reasons_of(error: dict[str, Any]) -> list[ErrorDetail]:
    """Return a detail per entry of a validation error, or the message of another error."""
    extensions, message = error.get("extensions"), str(error.get("message") or "")
    if message != VALIDATION or not isinstance(extensions, dict):
        return [ErrorDetail(message)]
    reasons: list[ErrorDetail] = []
    for key, texts in extensions.items():
        several = texts if isinstance(texts, list) else [texts]
        reasons += [ErrorDetail(str(text), attribute=str(key)) for text in several]
    return reasons or [ErrorDetail(message)]
