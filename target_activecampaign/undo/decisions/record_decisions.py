"""Decides for each value of a record whether to restore it. Each kind of part has a rule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from target_activecampaign.records.list_status import UNSUBSCRIBED
from target_activecampaign.undo.column_values import TASK_COLUMNS, comparison_of
from target_activecampaign.undo.comparable_values import (
    ACCOUNT_LINK,
    COLUMN,
    CREATED,
    DEAL_CONTACT,
    DELETED,
    ENTERED,
    LEFT,
    LIST,
    TAG,
    TAG_NAME,
    RecordValues,
    is_empty,
)
from target_activecampaign.undo.delete_created import NO_CREATES
from target_activecampaign.undo.journal_tables import (
    BY_ADDRESS,
    SENT,
    UNCONFIRMED_ID,
    UNDONE,
    Entry,
    ValuePart,
)
from target_activecampaign.undo.kinds import ORDERS, TASK, UNDELETABLE_KINDS, is_deletable
from target_activecampaign.undo.restore_contact import resolved_link, tag_of
from target_activecampaign.undo.restore_record import secondary_contacts

from .list_status_decision import decide_list
from .value_decision import (
    UNKNOWN_ORIGIN,
    Decision,
    ValueDecision,
    decide,
    decide_secondary_contact,
)

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext
    from target_activecampaign.undo.comparable_values import Same
    from target_activecampaign.undo.records_of_run import RunRecord

NO_RECORD = "the account has the record no more"
NO_CONTACT = "the account has no contact with this address"
NO_DELETE = "created by the run; cannot be deleted, and a contact that it created stays"
NOT_EMPTIED = "ActiveCampaign has no way to empty it"
STARTS_AGAIN = "completing the task again would start its automation"
SUBSCRIBES = "sending it again would subscribe the contact"
NOT_DELETED = "created by the run; an undo does not delete it"
WAS_DELETED = "deleted by the run; its history is lost, so an undo does not create it again"
#: Columns of a task that name another record.
_TASK_REFERENCES = {"outcomeId", "assignee", "dealTasktype"}
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
    names = [entry.part.name for entry in record.entries]
    same = comparison_of(context, record.kind, names)
    has_contacts = record.present is not None and any(
        name.startswith(DEAL_CONTACT) for name in names
    )
    contacts = secondary_contacts(context, record.id) if has_contacts else {}
    marks = {entry.part.name: entry.mark for entry in record.entries if entry.after == UNSUBSCRIBED}
    decisions: dict[ValuePart, ValueDecision] = {}
    for entry in record.entries:
        name, current = entry.part.name, record.present
        if entry.state == UNDONE:
            decision = ValueDecision(entry, Decision.ALREADY_UNDONE)
        elif current is None:
            decision = _decide_absent(entry)
        elif name == CREATED and entry.state == SENT:
            decision = ValueDecision(entry, Decision.KEEP, UNKNOWN_ORIGIN)
        elif reason := _kept_reason(entry.part.kind, name):
            is_entered = name.startswith(ENTERED)
            kept = Decision.END_IF_ACTIVE if is_entered else Decision.KEEP
            decision = ValueDecision(entry, kept, reason)
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
            others = [_with_account(context, link) for link in later.get(name, ())]
            decision = decide(_with_account(context, entry), current, others)
        else:
            decision = _decide_value(entry, current, later.get(name, []), same)
        decisions[entry.part] = decision
    return decisions


def _decide_absent(entry: Entry) -> ValueDecision:
    """Decide on an entry of a record that the account does not have."""
    part = entry.part
    if part.id.startswith(UNCONFIRMED_ID):
        return ValueDecision(entry, Decision.KEEP, UNKNOWN_ORIGIN)
    if part.name == CREATED and part.id.startswith(BY_ADDRESS):
        # Only the address is known, and the contact may have another address now.
        return ValueDecision(entry, Decision.KEEP, NO_CONTACT)
    if part.name == CREATED and is_deletable(part.kind):
        return ValueDecision(entry, Decision.UNCHANGED)
    return ValueDecision(entry, Decision.KEEP, _kept_reason(part.kind, part.name) or NO_RECORD)


def _kept_reason(kind: str, part: str) -> str:
    """Return why an undo never puts back a part; empty if it may."""
    if part == CREATED:
        if kind in UNDELETABLE_KINDS:
            return NO_DELETE
        return NO_CREATES if is_deletable(kind) else NOT_DELETED
    if part == DELETED:
        return WAS_DELETED
    if part.startswith(LEFT):
        return WAS_LEFT
    return WAS_ENTERED if part.startswith(ENTERED) else ""


def _decide_value(
    entry: Entry, present: RecordValues, later: list[Entry], same: Same
) -> ValueDecision:
    """Decide on a column or a custom field."""
    decision = decide(entry, present, later, same)
    reason = _unsafe(entry, present) if decision.decision is Decision.RESTORE else ""
    return ValueDecision(entry, Decision.KEEP, reason) if reason else decision


def _unsafe(entry: Entry, present: RecordValues) -> str:
    """Return why an undo must not write the earlier value of a part; empty if it may."""
    kind, name = entry.part.kind, entry.part.name.removeprefix(COLUMN)
    if kind == ORDERS and name == "acceptsMarketing" and entry.before is True:
        return f"accepts_marketing: {SUBSCRIBES}"
    if kind == TASK and name in _TASK_REFERENCES and is_empty(entry.before):
        return f"{TASK_COLUMNS[name]}: {NOT_EMPTIED}"
    if kind == TASK and name == "status" and str(entry.before) == "1":
        starts = str(present.native.get("doneAutomation") or "0") != "0"
        return f"status: {STARTS_AGAIN}" if starts else ""
    return ""


def _decide_tag_name(
    context: WriteContext, entry: Entry, present: RecordValues, later: dict[str, list[Entry]]
) -> ValueDecision:
    """Decide on a tag that the importer received by name."""
    name = entry.part.name
    tag = f"{TAG}{tag_of(context, name) or ''}"
    current = RecordValues({name: present.get(tag)})
    return decide(entry, current, [*later.get(name, ()), *later.get(tag, ())])


def _with_account(context: WriteContext, entry: Entry) -> Entry:
    """Return an entry whose links have an account id in place of the account's name."""
    after: Any = resolved_link(context, entry.after)
    former = tuple(resolved_link(context, link) for link in entry.former)
    return replace(entry, after=after, former=former)
