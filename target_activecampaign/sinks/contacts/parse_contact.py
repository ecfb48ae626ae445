"""Parses a contact record into a change of the contact."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, PermissionDenied
from tap_activecampaign_unified.resources.input_values.arrays import FORMS as ARRAY_FORMS
from tap_activecampaign_unified.resources.input_values.arrays import delimiter_hint
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.input_values.ids import id_order
from tap_activecampaign_unified.resources.person_names import split_full_name
from target_activecampaign.outcome import RowError, RowRejected, at_item
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.convert_record import convert_record
from target_activecampaign.records.email import email_of
from target_activecampaign.records.list_status import FORMS as CONSENT_FORMS
from target_activecampaign.records.list_status import (
    UNWRITABLE,
    Consent,
    consent_of,
    parse_consent,
)
from target_activecampaign.records.null_policy import written_values
from target_activecampaign.records.row_parts import reference_part, value_part
from target_activecampaign.records.row_references import (
    item_reference,
    named_references,
    parse_own_id,
    parse_reference,
)
from target_activecampaign.records.skip_marked_rows import flag_of, skip_flagged
from target_activecampaign.sinks.run_automations import MAY_START_AUTOMATION

from .contact_change import (
    CONTACT_ITSELF,
    MAX_TAG_LENGTH,
    SUBSCRIBE,
    UNSUBSCRIBE,
    ContactChange,
    RowRequest,
)
from .enrolment_ledger import COLUMNS, NOT_ALLOWED, NOT_READABLE, NOT_RUNNING, RUNNING

OUTSIDE_NAMESPACE = "a tag outside tag_namespace is not changed"
STATUS_IS_NO_SUBSCRIPTION = (
    "segments: the list is not changed, because the row's status or dates are no subscription; "
    "give each list its own status, {name, status}, or send marketing_segment_memberships"
)
STATUS_WITHOUT_LIST = "status: not written; a status belongs to a list, so give it in segments"

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


def _automation_references(value: Any, column: str) -> list[dict[str, str]]:
    """Return the automations of a column. A bare number is no id: an entry may send e-mails."""
    if isinstance(value, list) and not all(isinstance(item, (str, dict)) for item in value):
        raise RowRejected(f"{column}: must hold names or objects with an id or a name")
    return named_references(value, column)


def read_automations(context: WriteContext, record: Record, change: ContactChange) -> None:
    """Read ``automations`` and ``leave_automations``: names, or objects with id or name.

    Raises `RowRejected` for an unknown automation, and for a name of several automations.
    """
    row_request, entries = change.row_requests[0], []
    for column, enters in COLUMNS.items():
        refs = _automation_references(record.get(column), column)
        entries += [(column, ref, enters) for ref in refs]
    if not entries:
        return
    if not (context.policy.run_automations and context.policy.allow_automations):
        row_request.denied.append(
            NOT_ALLOWED if context.policy.run_automations else MAY_START_AUTOMATION
        )
        return
    try:
        context.references.table("automation")
    except (PermissionDenied, NotFound):
        row_request.postpone("automations", NOT_READABLE)
        return
    for column, ref, enters in entries:
        automation = _find_automation(context, ref, column)
        row_request.note_origin(f"automation:{automation}", reference_part(column, ref))
        if change.automations.setdefault(automation, enters) is not enters:
            raise RowRejected(
                "automations: the row enters and leaves the same one; to enter again, leave in "
                "one run and enter in a later one"
            )
    for automation, enters in list(change.automations.items()):
        status = context.references.table("automation")[automation].get("status")
        if enters and status is not None and str(status) != RUNNING:
            del change.automations[automation]
            for origin in row_request.parts_of(f"automation:{automation}"):
                row_request.postpone(origin, NOT_RUNNING)


def _find_automation(context: WriteContext, ref: dict[str, str], column: str) -> str:
    ref_id, name = ref.get("id"), ref.get("name")
    if ref_id and not context.policy.is_foreign:
        if ref_id in context.references.table("automation"):
            return ref_id
        raise RowRejected(f"{column}: the account has no automation with this id; correct the row")
    if not name:
        raise RowRejected(f"{column}: give a name: an id of another account does not exist here")
    rows = context.references.find_by_name("automation", name)
    if len(rows) == 1:
        return str(rows[0]["id"])
    if rows:
        ids = ", ".join(sorted((str(row["id"]) for row in rows), key=id_order))
        raise RowRejected(
            f"{column}: several automations have this name; give the id, one of {ids}"
        )
    raise RowRejected(
        f"{column}: the account has no automation with this name; the API cannot create "
        "one: create it in ActiveCampaign, or correct the row"
    )


def parse_contact_change(
    context: WriteContext, sink: Sink, names: dict[str, str], row: InputRow
) -> ContactChange:
    """Return the change of a contact stream's row; raise `RowError` for a row without change.

    ``names`` are the stream's `contact_columns`.
    """
    record = row.record
    skip_flagged(record)
    row_request = RowRequest(row)
    change = ContactChange([row_request])
    _identify(context, record, change)
    clears = context.policy.clears
    converted = convert_record(sink.resource, written_values(record, clears=clears))
    columns = {name: value for name, value in converted.native.items() if name in names}
    if clears:
        columns |= {name: "" for name, unified in names.items() if unified in converted.nulls}
    elif not is_nothing(record.get("name")) and not columns.keys() & {"firstName", "lastName"}:
        first, last = split_full_name(str(record["name"]))
        columns |= {"firstName": first} | ({"lastName": last} if last else {})
    stripped = {
        name: value.strip() if isinstance(value, str) else value for name, value in columns.items()
    }
    change.columns = {name: value for name, value in stripped.items() if clears or value != ""}
    custom = context.custom_fields.encode("contact", converted.custom_fields)
    change.values = custom.values
    for name, reason in custom.left_out:
        row_request.leave_out(value_part(name), reason)
    read_tags(context, record, change)
    read_lists(context, record, change)
    change.account = parse_reference(record.get("account"), "account")
    if not context.policy.is_foreign:
        # Reject the row before its contact is written.
        parse_own_id(change.account.get("id"), "account.id")
    if not is_nothing(record.get("title")):
        change.title = str(record["title"]).strip()
    read_automations(context, record, change)
    note_requested(change)
    return change


def note_requested(change: ContactChange) -> None:
    """Record the requests of a row. A row without other requests requests the contact itself."""
    row_request = change.row_requests[0]
    requested = [f"column:{name}" for name in change.columns]
    requested += [f"value:{name}" for name in change.values]
    requested += [f"tag:{name}" for name in change.tags] + (["mirror"] if change.is_mirror else [])
    requested += [f"list:{name}" for name in change.lists]
    requested += ["account"] if change.account else []
    requested += ["title"] if change.title is not None else []
    requested += [f"automation:{automation}" for automation in change.automations]
    # The ten thousand rows of a batch share few distinct requests.
    row_request.requested |= set(map(sys.intern, requested))
    if not row_request.requested and row_request.left_out and not row_request.row.is_remainder:
        raise RowRejected("; ".join(row_request.reasons))
    is_open = not (row_request.denied or row_request.postponed or row_request.row.is_remainder)
    if not row_request.requested and is_open and row_request.requests_contact_if_empty:
        row_request.requested.add(CONTACT_ITSELF)


def _identify(context: WriteContext, record: Record, change: ContactChange) -> None:
    if not context.policy.is_foreign:
        change.id = parse_own_id(record.get("id"))
    email = record.get("email")
    if is_nothing(email):
        addresses = record.get("email_addresses")
        if not is_nothing(addresses):
            email = _primary(addresses)
    if not is_nothing(email):
        change.email = email_of(email)
    if change.id is None and change.email is None:
        raise RowRejected("email: a contact needs an address (or an id of this account)")


def _primary(addresses: Any) -> Any:
    if not isinstance(addresses, list):
        raise RowRejected("email_addresses: must be an array of objects")
    first = next(
        (
            item
            for item in addresses
            if isinstance(item, dict)
            and flag_of(item, "is_primary", "email_addresses[].is_primary")
        ),
        addresses[0],
    )
    return first.get("email") if isinstance(first, dict) else first


def read_tags(context: WriteContext, record: Record, change: ContactChange) -> None:
    """Read ``tags`` and ``remove_tags``. Mirror mode removes other tags of the namespace."""
    tags = record.get("tags")
    is_whole = not change.row_requests[0].row.is_remainder
    change.is_mirror = context.policy.mirrors and isinstance(tags, list) and is_whole
    for column, is_added in (("tags", True), ("remove_tags", False)):
        refs = named_references(record.get(column), column)
        for number, ref in enumerate(refs, 1):
            with at_item(number, refs):
                put_tag(context, change, ref, is_added=is_added)


def put_tag(
    context: WriteContext, change: ContactChange, ref: dict[str, str], *, is_added: bool
) -> None:
    """Note a tag to add or to remove, by its name in the account."""
    row_request, name, origin = change.row_requests[0], ref.get("name"), reference_part("tags", ref)
    ref_id = ref.get("id")
    if ref_id:
        native_id = context.foreign_ids.resolve("tag", ref_id)
        row = context.references.table("tag").get(native_id or "")
        if row is not None:
            name = str(row.get("tag"))
        elif not context.policy.is_foreign:
            row_request.leave_out(origin, "tags: the account has no tag with this id")
            return
        elif not name:
            raise context.references.not_found("tag", "tag", "id")
    if not name:
        row_request.leave_out(origin, "tags: a tag has no id and no name; give one of them")
        return
    if len(name) > MAX_TAG_LENGTH:
        raise RowRejected(f"tags: a name is longer than {MAX_TAG_LENGTH} characters; shorten it")
    rows = context.references.find_by_name("tag", name)
    if rows:
        name = str(rows[0]["tag"])
    elif is_added and not context.policy.create_missing_tags:
        row_request.leave_out(
            origin, "tags: the account lacks a tag; create it or set create_missing_tags"
        )
        return
    folded = fold(name)
    if change.is_mirror and not folded.startswith(fold(context.policy.tag_namespace)):
        row_request.denied.append(OUTSIDE_NAMESPACE)
        return
    change.tags[folded] = (name, is_added)
    row_request.note_origin(f"tag:{folded}", origin)


def read_lists(context: WriteContext, record: Record, change: ContactChange) -> None:
    """Read ``segments``: a name or an id alone subscribes, an object may have a status.

    If the row's own ``status`` is null or no subscription, a bare name or id does not subscribe.
    If the status is unknown, a bare name or id rejects the row.
    """
    row_request, value = change.row_requests[0], record.get("segments")
    of_row = parse_consent(record["status"]) if "status" in record else Consent.SUBSCRIBE
    if is_nothing(value):
        if not is_nothing(record.get("status")) and "segments" not in record:
            row_request.withhold("status", STATUS_WITHOUT_LIST)
        return
    if not isinstance(value, list):
        raise RowRejected(f"segments: must be {ARRAY_FORMS}")
    for number, item in enumerate(value, 1):
        membership = item if isinstance(item, dict) else {}
        list_key = {name: membership.get(name) for name in ("id", "name")}
        ref = item_reference(list_key if membership else item, "segments")
        if not ref:
            continue
        is_bare = not membership.keys() - {"id", "name"}
        if is_bare and of_row is Consent.UNKNOWN:
            raise _unknown_status("status")
        if is_bare and of_row is not Consent.SUBSCRIBE:
            row_request.withhold(reference_part("segments", ref), STATUS_IS_NO_SUBSCRIPTION)
            continue
        consent = consent_of(membership, membership.keys() - {"id", "name", "status"})
        with at_item(number, value):
            put_list(context, change, ref, consent, "segments[].status")


def put_list(
    context: WriteContext, change: ContactChange, ref: dict[str, str], consent: Consent, column: str
) -> None:
    """Note a list to subscribe to or unsubscribe from; ``column`` is the column of the status."""
    row_request, origin = change.row_requests[0], reference_part("segments", ref)
    if consent is Consent.UNKNOWN:
        raise _unknown_status(column)
    if consent is Consent.LEAVE_ALONE:
        row_request.withhold(origin, f"{column}: missing, the list is not changed; {CONSENT_FORMS}")
        return
    if consent is Consent.CANNOT_BE_WRITTEN:
        row_request.requests_contact_if_empty = False
        row_request.withhold(origin, f"{column}: {UNWRITABLE}")
        return
    list_id = _list_of(context, ref)
    row = context.references.table("list").get(list_id, {})
    is_subscription = consent is Consent.SUBSCRIBE
    if is_subscription and str(row.get("channel") or "email") == "sms" and "id" not in ref:
        row_request.requests_contact_if_empty = False
        row_request.withhold(origin, "segments: a text-message list is subscribed only by its id")
        return
    change.lists[list_id] = SUBSCRIBE if is_subscription else UNSUBSCRIBE
    row_request.note_origin(f"list:{list_id}", origin)


def _unknown_status(column: str) -> RowRejected:
    return RowRejected(f"{column}: unknown status; {CONSENT_FORMS}")


def _list_of(context: WriteContext, ref: dict[str, str]) -> str:
    """Return a list's id. Digits are an id if no list has them as its name."""
    name = ref.get("name", "")
    is_number = "id" not in ref and name.isdecimal() and not context.policy.is_foreign
    if is_number and not context.references.find_by_name("list", name):
        ref = {"id": name}
    try:
        return context.references.resolve_id("list", ref)
    except RowError as problem:
        problem.reason += delimiter_hint(name, context.policy.list_delimiter)
        raise
