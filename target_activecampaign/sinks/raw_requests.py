"""Sink of raw requests: sends the request that a row describes, unless its path is forbidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from tap_activecampaign_unified.client import (
    REFUSALS,
    UnconfirmedWrite,
)
from tap_activecampaign_unified.resources.resource import Resource
from target_activecampaign.outcome import Action, Outcome, RowFailed, RowRejected
from target_activecampaign.records.clean_values import is_nothing

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow

    from .sink_definition import Sink
    from .write_context import WriteContext

STEP = "raw"
METHODS = ("POST", "PUT", "PATCH", "DELETE")
# Beginnings of paths that send messages. Raw requests never send messages.
REFUSED_PATHS = ("campaign", "message", "sms")

RESOURCE = Resource(
    name="raw_requests", title="Raw requests", endpoint_name="", endpoint="", entries=(), keys=()
)


def write_raw(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Send the request of a row. A POST is never sent twice."""
    del sink
    method, path, params, body = _request_of(context, row)
    if context.ledger.pending_since(row.ledger_key, STEP) is not None:
        raise RowFailed(
            "an earlier run sent this POST, and ActiveCampaign never answered; it is not repeated",
            blocks_state=True,
        )
    if method == "DELETE":
        for _ in range(max(1, sum(name.strip("[]") == "ids" for name, _ in params))):
            context.limits.take_delete()
    if method == "POST":
        context.ledger.record_pending(row.ledger_key, STEP, context.creates.server_time())
    try:
        answer = context.write_client.write(
            method, path, body, params=params, repeatable=method != "POST", is_raw=True
        )
    except UnconfirmedWrite as problem:
        raise RowFailed(f"{problem.problem}; it is never repeated", blocks_state=True) from None
    except REFUSALS:
        context.ledger.resolve_pending(row.ledger_key, STEP)
        raise
    context.ledger.resolve_pending(row.ledger_key, STEP)
    action = Action.CREATED if method == "POST" else Action.UPDATED
    return Outcome(action, _id_of(answer.body), "deleted" if method == "DELETE" else None)


def _request_of(
    context: WriteContext, row: InputRow
) -> tuple[str, str, list[tuple[str, str | int]], Any]:
    """Return method, path, parameters and body; raise `RowError` for a request that is not sent."""
    if not context.policy.allow_raw_requests:
        raise RowRejected("raw_requests: sent only with allow_raw_requests")
    method = str(row.record.get("method") or "").strip().upper()
    if method not in METHODS:
        raise RowRejected(f"method: must be one of {', '.join(METHODS)}")
    path, params = parse_path(row.record.get("path"))
    body = row.record.get("body")
    if is_nothing(body):
        body = None
    elif not isinstance(body, (dict, list)):
        raise RowRejected("body: must be an object or an array")
    return method, path, params, body


def parse_path(url: Any, *, writes: bool = True) -> tuple[str, list[tuple[str, str | int]]]:
    """Return path and parameters of a request; raise `RowRejected` for a forbidden path."""
    if not isinstance(url, str) or not url.strip():
        raise RowRejected("path: missing; give it relative to /api/3/")
    path, _, query = url.strip().partition("?")
    parts = [part for part in unquote(path).split("/") if part]
    if parts[:2] == ["api", "3"]:
        parts = parts[2:]
    has_dots = bool({".", ".."} & set(parts))
    is_odd = has_dots or any(mark in path for mark in ":\\#;") or "%" in "".join(parts)
    if not parts or is_odd or not all(part.isascii() and part.isprintable() for part in parts):
        raise RowRejected("path: must be plain and relative to /api/3/")
    lower = [part.lower() for part in parts]
    moves_stage = lower[0] == "dealstages" and lower[-1] == "deals"
    if writes and (lower[0].startswith(REFUSED_PATHS) or moves_stage):
        raise RowRejected("path: raw_requests never send e-mails or move records in bulk")
    return "/".join(parts), list(parse_qsl(query, keep_blank_values=True))


def _id_of(body: dict[str, Any]) -> str | None:
    for value in body.values():
        if isinstance(value, dict) and value.get("id"):
            return str(value["id"])
    return None
