"""Sends events of existing contacts. An event is sent only once, even without a response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ServerError,
    UnconfirmedWrite,
)
from tap_activecampaign_unified.client.event_client import MAX_NAME_LENGTH
from tap_activecampaign_unified.resources.input_values.numbers import plain_text
from tap_activecampaign_unified.resources.resource import Resource
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.outcome import Action, Outcome, RowFailed, RowRejected
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.email import email_of
from target_activecampaign.records.row_references import parse_references

from .row_by_row import row_by_row

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow

    from .sink_definition import Sink
    from .write_context import WriteContext

STEP = "event"
RESOURCE = Resource(
    name="marketing_events", title="Events", endpoint_name="", endpoint="event", entries=(), keys=()
)
COLUMNS = frozenset({"name", "contact", "value", "external_id"})
NAMES = "eventTrackingEvents"
UNANSWERED = "this event was sent earlier and never answered: it is never sent again"


def write_event(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Send an event, unless it was sent before."""
    del sink
    client = context.events
    if client is None:
        raise RowRejected(
            "event_key: events need event_account_id and event_key, from Settings › Tracking"
        )
    if context.ledger.find(row.ledger_key) is not None:
        return Outcome(Action.UNCHANGED, reason="sent before; an event cannot be changed")
    if context.ledger.pending_since(row.ledger_key, STEP) is not None:
        raise RowFailed(UNANSWERED, blocks_state=True)
    name, value, email = _event_of(context, row)
    _register(context, name)
    if context.policy.dry_run:
        context.plan.gain(f"the event {name}", email)
        context.write_client.count_planned("POST event")
        return Outcome(Action.CREATED)
    context.ledger.record_pending(row.ledger_key, STEP, context.creates.server_time())
    try:
        client.send(name, email, value)
    except UnconfirmedWrite as problem:
        raise RowFailed(f"{problem.problem}; it is never sent again", blocks_state=True) from None
    except (InvalidRequest, ServerError):
        context.ledger.resolve_pending(row.ledger_key, STEP)
        raise
    with context.ledger.transaction():
        context.ledger.confirm(row.ledger_key, None, row.fields)
        context.ledger.resolve_pending(row.ledger_key, STEP)
    return Outcome(Action.CREATED)


write_events = row_by_row(write_event)


def _event_of(context: WriteContext, row: InputRow) -> tuple[str, str, str]:
    """Return name, value and e-mail address of an event. The account must have the contact."""
    name = row.record.get("name")
    if is_nothing(name) or not isinstance(name, str):
        raise RowRejected("name: an event needs a name")
    name = name.strip()
    if len(name) > MAX_NAME_LENGTH:
        raise RowRejected(f"name: longer than {MAX_NAME_LENGTH} characters; shorten it")
    value: Any = row.record.get("value")
    if isinstance(value, (dict, list, bool)):
        raise RowRejected("value: must be text")
    refs = parse_references(row.record.get("contact"), "contact")
    if not refs:
        raise RowRejected("contact: an event needs a contact, by email or id")
    contact = context.references.contact(refs[0])
    email = refs[0].get("email")
    address = email_of(email, "contact.email") if email else _address_of(context, contact)
    return name, "" if is_nothing(value) else plain_text(value), address


def _address_of(context: WriteContext, contact: str) -> str:
    try:
        row: dict[str, Any] = context.client.get(f"contacts/{contact}").body.get("contact") or {}
    except NotFound:
        raise RowRejected("contact.id: the account has no contact with this id") from None
    return email_of(row.get("email"), "contact.id: its address")


def _register(context: WriteContext, name: str) -> None:
    """Register the event's name in the account: ActiveCampaign refuses unknown names."""
    names = context.event_names
    if not names:
        rows = context.client.get(NAMES).body.get(NAMES)
        names.update(
            str(row.get("name")) for row in (rows if isinstance(rows, list) else ()) if row
        )
        names.add("")  # marks the names as read, even if the account has none
    if name in names:
        return
    body = {"eventTrackingEvent": {"name": name}}
    try:
        context.write_client.write("POST", NAMES, body, repeatable=True)
    except InvalidRequest as problem:
        if not is_duplicate(problem):
            raise
    except PermissionDenied:
        raise RowRejected(
            "name: the account does not know this event, and event tracking is off; turn it on "
            "in Settings › Tracking"
        ) from None
    names.add(name)
