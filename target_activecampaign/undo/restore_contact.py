"""Writes the earlier values of a contact: fields, tags, list statuses, account link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.records.list_status import SUBSCRIBED, UNSUBSCRIBED
from target_activecampaign.sinks.contacts.enrolment_ledger import EnrolmentRecord, enrolments_of
from target_activecampaign.sinks.contacts.list_memberships import RESUBSCRIBED

from .comparable_values import COLUMN, ENTERED, FIELD, LIST, TAG, TAG_NAME

if TYPE_CHECKING:
    from target_activecampaign.lookups.contact_values import ContactValues
    from target_activecampaign.sinks.write_context import WriteContext

    from .comparable_values import RecordValues
    from .decisions.value_decision import ValueDecision


def restore_contact(
    context: WriteContext,
    native_id: str,
    group: str,
    decisions: list[ValueDecision],
    present: RecordValues,
) -> None:
    """Put back the values of a group. Raises `RequestError`."""
    current = present.contact
    if current is None:
        return
    if group == "fields":
        _restore_fields(context, native_id, decisions)
    elif group == "tags":
        for decision in decisions:
            _restore_tag(context, native_id, decision, current)
    elif group == "segments":
        for decision in decisions:
            _restore_list(context, native_id, decision)
    elif group == "account":
        for decision in decisions:
            _restore_link(context, native_id, decision, current)


def _restore_fields(context: WriteContext, native_id: str, decisions: list[ValueDecision]) -> None:
    """Write columns and custom fields in one request. A missing earlier value becomes empty."""
    body: dict[str, Any] = {}
    values = []
    for decision in decisions:
        part, before = decision.entry.part.name, decision.entry.before
        text = "" if before is None else before
        if part.startswith(FIELD):
            values.append({"field": part.removeprefix(FIELD), "value": text})
        else:
            body[part.removeprefix(COLUMN)] = text
    if values:
        body["fieldValues"] = values
    if body:
        context.write_client.write("PUT", f"contacts/{native_id}", {"contact": body})


def tag_of(context: WriteContext, part: str) -> str | None:
    """Return the id of a part's tag, None for a name that the account does not have."""
    if part.startswith(TAG):
        return part.removeprefix(TAG)
    rows = context.references.find_by_name("tag", part.removeprefix(TAG_NAME))
    return str(rows[0]["id"]) if rows else None


def _restore_tag(
    context: WriteContext, native_id: str, decision: ValueDecision, current: ContactValues
) -> None:
    tag = tag_of(context, decision.entry.part.name)
    if tag is None:
        return
    if decision.entry.before:
        body = {"contactTag": {"contact": native_id, "tag": tag}}
        context.write_client.create_if_absent("contactTags", body)
    else:
        context.write_client.delete_if_exists(f"contactTags/{current.tags[tag]}")


def _restore_list(context: WriteContext, native_id: str, decision: ValueDecision) -> None:
    """Subscribe again, or unsubscribe: ActiveCampaign does not remove a contact from a list."""
    is_subscribed = decision.entry.before == SUBSCRIBED
    body: dict[str, Any] = {
        "list": decision.entry.part.name.removeprefix(LIST),
        "contact": native_id,
        "status": int(SUBSCRIBED if is_subscribed else UNSUBSCRIBED),
    }
    if is_subscribed:
        body["sourceid"] = RESUBSCRIBED
    context.write_client.write("POST", "contactLists", {"contactList": body}, repeatable=True)


def _restore_link(
    context: WriteContext, native_id: str, decision: ValueDecision, current: ContactValues
) -> None:
    before, link = decision.entry.before, next(iter(current.accounts.values()), None)
    if before is None and link is not None:
        context.write_client.delete_if_exists(f"accountContacts/{link.id}")
        return
    columns = {"account": before["account"], "jobTitle": before.get("title") or ""}
    if link is None:
        body = {"accountContact": {"contact": native_id, **columns}}
        context.write_client.write("POST", "accountContacts", body, repeatable=True)
    else:
        body = {"accountContact": columns}
        context.write_client.write("PUT", f"accountContacts/{link.id}", body)


def end_enrolment(context: WriteContext, native_id: str, decision: ValueDecision) -> bool:
    """End the enrolment of a contact in an automation that the run began.

    Returns whether the enrolment was still active. Raises `RequestError`.
    """
    automation = decision.entry.part.name.removeprefix(ENTERED)
    enrolment_id = str(decision.entry.mark.get("id") or "")
    if not enrolment_id:
        key = context.ledger.hash_key("enrolment", native_id, automation)
        confirmed = context.ledger.find(key)
        enrolment_id = (confirmed and confirmed.id) or ""
    enrolments = [
        enrolment
        for enrolment in enrolments_of(context, native_id, automation)
        if enrolment.is_active and str(enrolment.number) == enrolment_id
    ]
    for enrolment in enrolments:
        if not context.write_client.is_dry_run:
            context.write_client.write("DELETE", f"contactAutomations/{enrolment.number}")
            EnrolmentRecord(context, native_id, automation).note_left(enrolment.number)
    return bool(enrolments)


def resolved_link(context: WriteContext, link: Any) -> Any:
    """Return a link with its account's id in place of the name, if the account exists."""
    if not isinstance(link, dict) or "name" not in link:
        return link
    account = context.references.account_named(link["name"])
    rest = {name: value for name, value in link.items() if name != "name"}
    return {**rest, "account": account} if account else rest
