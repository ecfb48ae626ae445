"""Decides for each value of a record whether to restore it, by the rule of its part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .deletion import NO_CREATES
from .entries import SENT, UNDONE, Entry, ValuePart
from .record_values import (
    ACCOUNT_LINK,
    CREATED,
    DEAL_CONTACT,
    DELETED,
    ENTERED,
    ENTITIES,
    FIELD,
    LEFT,
    LIST,
    TAG,
    TAG_NAME,
    RecordValues,
)
from .request_changes import UNSUBSCRIBED
from .restore_contact import resolved_link, tag_of
from .restore_record import secondary_contacts
from .run_records import STREAMS, RunRecord
from .value_decision import (
    UNKNOWN_ORIGIN,
    Decision,
    ValueDecision,
    decide,
    decide_list,
    decide_secondary_contact,
)

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import WriteContext

NO_RECORD = "the account has the record no more"
NO_CONTACT = "the account has no contact with this address"
NOT_DELETED = "created by the run; an undo does not delete it"
WAS_DELETED = "deleted by the run; its history is lost, so an undo does not create it again"
WAS_ENTERED = "automations: entered, and not active any more; what the automation did stays"
WAS_LEFT = "automations: left; entering again would send the e-mails again"


def decide_record(
    context: WriteContext,
    record: RunRecord,
    later: dict[str, list[Entry]],
    *,
    undoes_unsubscribes: bool,
) -> dict[ValuePart, ValueDecision]:
    """Return the decision on each entry of a record. Raises `RequestError`.

    ``later`` are the entries of later runs, by part.
    """
    names = [one.part.name for one in record.entries]
    entity = ENTITIES.get(record.kind)
    has_fields = any(name.startswith(FIELD) for name in names)
    fields = context.references.fields(entity) if entity and has_fields else None
    has_contacts = record.present is not None and any(
        name.startswith(DEAL_CONTACT) for name in names
    )
    contacts = secondary_contacts(context, record.id) if has_contacts else {}
    marks = {one.part.name: one.mark for one in record.entries if one.after == UNSUBSCRIBED}
    found: dict[ValuePart, ValueDecision] = {}
    for entry in record.entries:
        name, current = entry.part.name, record.present
        if entry.state == UNDONE:
            decision = ValueDecision(entry, Decision.ALREADY_UNDONE)
        elif current is None:
            decision = _decide_absent(entry)
        elif name == CREATED and entry.state == SENT:
            decision = ValueDecision(entry, Decision.KEEP, UNKNOWN_ORIGIN)
        elif reason := _kept_reason(entry.part.kind, name):
            decision = ValueDecision(entry, Decision.KEEP, reason)
        elif name.startswith(LIST):
            decision = decide_list(
                entry,
                current,
                later.get(name, []),
                marks,
                undoes_unsubscribes=undoes_unsubscribes,
            )
        elif name.startswith(DEAL_CONTACT):
            is_present = name.removeprefix(DEAL_CONTACT) in contacts
            decision = decide_secondary_contact(entry, is_present=is_present)
        elif name.startswith(TAG_NAME):
            decision = _decide_tag_name(context, entry, current, later)
        elif name == ACCOUNT_LINK:
            others = [_with_account(context, one) for one in later.get(name, ())]
            decision = decide(_with_account(context, entry), current, others, None)
        else:
            decision = decide(entry, current, later.get(name, []), fields)
        found[entry.part] = decision
    return found


def _decide_absent(entry: Entry) -> ValueDecision:
    """Decide on an entry of a record that the account does not have."""
    part = entry.part
    if part.id.startswith("?"):
        return ValueDecision(entry, Decision.KEEP, UNKNOWN_ORIGIN)
    if part.name == CREATED and part.id.startswith("@"):
        # Only the address is known: the contact may have another one by now.
        return ValueDecision(entry, Decision.KEEP, NO_CONTACT)
    if part.name == CREATED and part.kind in STREAMS:
        return ValueDecision(entry, Decision.UNCHANGED)
    return ValueDecision(entry, Decision.KEEP, _kept_reason(part.kind, part.name) or NO_RECORD)


def _kept_reason(kind: str, part: str) -> str:
    """Return why a part is not put back in any case; empty where it may be."""
    if part == CREATED:
        return NO_CREATES if kind in STREAMS else NOT_DELETED
    if part == DELETED:
        return WAS_DELETED
    if part.startswith(LEFT):
        return WAS_LEFT
    return WAS_ENTERED if part.startswith(ENTERED) else ""


def _decide_tag_name(
    context: WriteContext, entry: Entry, present: RecordValues, later: dict[str, list[Entry]]
) -> ValueDecision:
    """Decide on a tag that the importer got by name."""
    name = entry.part.name
    tag = f"{TAG}{tag_of(context, name) or ''}"
    current = RecordValues({name: present.get(tag)})
    return decide(entry, current, [*later.get(name, ()), *later.get(tag, ())], None)


def _with_account(context: WriteContext, entry: Entry) -> Entry:
    """Return an entry whose links have the id of the account that they name."""
    after: Any = resolved_link(context, entry.after)
    former = tuple(resolved_link(context, one) for one in entry.former)
    return replace(entry, after=after, former=former)
