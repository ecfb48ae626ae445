"""Judges all entries of a record, each by the rule of its part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .deletion import NO_CREATES
from .entries import SENT, UNDONE, Entry, ValuePart
from .judge_value import NOT_SURE, Judgement, Verdict, judge, judge_list, judge_secondary_contact
from .record_values import (
    CREATED,
    DELETED,
    ENTERED,
    ENTITIES,
    FIELD,
    LEFT,
    LINK,
    LIST,
    PERSON,
    TAG,
    TAG_NAME,
    RecordValues,
)
from .request_changes import UNSUBSCRIBED
from .restore_contact import resolved_link, tag_of
from .restore_record import secondary_contacts
from .run_records import STREAMS, RunRecord

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import WriteContext

GONE = "the account has the record no more"
NO_CONTACT = "the account has no contact with this address"
STAYS = "created by the run; an undo does not delete it"
WAS_DELETED = "deleted by the run; its history is lost, so an undo does not create it again"
WAS_ENTERED = "automations: entered, and not active any more; what the automation did stays"
WAS_LEFT = "automations: left; entering again would send the e-mails again"


def judge_record(
    context: WriteContext,
    record: RunRecord,
    later: dict[str, list[Entry]],
    *,
    undoes_unsubscribes: bool,
) -> dict[ValuePart, Judgement]:
    """Return the verdict on each entry of a record. Raises `RequestError`.

    ``later`` are the entries of later runs, by part.
    """
    names = [one.part.name for one in record.entries]
    entity = ENTITIES.get(record.kind)
    has_fields = any(name.startswith(FIELD) for name in names)
    fields = context.references.fields(entity) if entity and has_fields else None
    has_people = record.present is not None and any(name.startswith(PERSON) for name in names)
    people = secondary_contacts(context, record.id) if has_people else {}
    marks = {one.part.name: one.mark for one in record.entries if one.after == UNSUBSCRIBED}
    found: dict[ValuePart, Judgement] = {}
    for entry in record.entries:
        name, there = entry.part.name, record.present
        if entry.state == UNDONE:
            judged = Judgement(entry, Verdict.UNDONE)
        elif there is None:
            judged = _of_absent(entry)
        elif name == CREATED and entry.state == SENT:
            judged = Judgement(entry, Verdict.LEFT, NOT_SURE)
        elif why := _why_left(entry.part.kind, name):
            judged = Judgement(entry, Verdict.LEFT, why)
        elif name.startswith(LIST):
            judged = judge_list(
                entry,
                there,
                later.get(name, []),
                marks,
                undoes_unsubscribes=undoes_unsubscribes,
            )
        elif name.startswith(PERSON):
            is_there = name.removeprefix(PERSON) in people
            judged = judge_secondary_contact(entry, is_there=is_there)
        elif name.startswith(TAG_NAME):
            judged = _of_tag_name(context, entry, there, later)
        elif name == LINK:
            others = [_with_account(context, one) for one in later.get(name, ())]
            judged = judge(_with_account(context, entry), there, others, None)
        else:
            judged = judge(entry, there, later.get(name, []), fields)
        found[entry.part] = judged
    return found


def _of_absent(entry: Entry) -> Judgement:
    """Judge an entry of a record that the account does not have."""
    part = entry.part
    if part.id.startswith("?"):
        return Judgement(entry, Verdict.LEFT, NOT_SURE)
    if part.name == CREATED and part.id.startswith("@"):
        # Only the address is known: the contact may have another one by now.
        return Judgement(entry, Verdict.LEFT, NO_CONTACT)
    if part.name == CREATED and part.kind in STREAMS:
        return Judgement(entry, Verdict.AS_BEFORE)
    return Judgement(entry, Verdict.LEFT, _why_left(part.kind, part.name) or GONE)


def _why_left(kind: str, part: str) -> str:
    """Return why a part is not put back in any case; empty where it may be."""
    if part == CREATED:
        return NO_CREATES if kind in STREAMS else STAYS
    if part == DELETED:
        return WAS_DELETED
    if part.startswith(LEFT):
        return WAS_LEFT
    return WAS_ENTERED if part.startswith(ENTERED) else ""


def _of_tag_name(
    context: WriteContext, entry: Entry, present: RecordValues, later: dict[str, list[Entry]]
) -> Judgement:
    """Judge a tag that the importer was given by name."""
    name = entry.part.name
    tag = f"{TAG}{tag_of(context, name) or ''}"
    there = RecordValues({name: present.get(tag)})
    return judge(entry, there, [*later.get(name, ()), *later.get(tag, ())], None)


def _with_account(context: WriteContext, entry: Entry) -> Entry:
    """Return an entry whose links have the id of the account that they name."""
    after: Any = resolved_link(context, entry.after)
    former = tuple(resolved_link(context, one) for one in entry.former)
    return replace(entry, after=after, former=former)
