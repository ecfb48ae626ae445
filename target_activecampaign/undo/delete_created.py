"""Deletes records that a run created, unless another client has changed them since then."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import (
    FULL_PAGE,
    NotFound,
    PermissionDenied,
    named_rows,
    walk_offset,
)
from target_activecampaign.outcome import RowSkipped
from target_activecampaign.sinks.deletes import DELETE_LOSES_OPT_OUT
from target_activecampaign.sinks.tasks import OWNER_TYPES

from .commerce_and_custom_objects.columns import sameness_of
from .commerce_and_custom_objects.kinds import is_document
from .commerce_and_custom_objects.restore_documents import delete_document
from .comparable_values import (
    ACCOUNT,
    ACCOUNT_LINK,
    COLUMN,
    CONTACT,
    CREATED,
    DEAL,
    DEAL_CONTACT,
    FIELD,
    LIST,
    STAGE,
    TAG,
    TASK,
    RecordValues,
    is_empty,
)
from .decisions.list_status_decision import OPT_OUTS
from .decisions.value_decision import CHANGED_SINCE, UNKNOWN_ORIGIN, is_before
from .journal_tables import SENT, Entry
from .present_values import PATHS
from .restore_contact import resolved_link, tag_of
from .restore_record import secondary_contacts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from target_activecampaign.sinks.write_context import WriteContext

NO_CREATES = "created by the run; deleted only with --undo-creates"
HAS_NOTES = f"{CHANGED_SINCE}: it has notes"
IN_USE = f"{CHANGED_SINCE}: contacts or deals belong to the account"
HAS_DEALS = f"{CHANGED_SINCE}: the contact has deals"
HAS_TASKS = f"{CHANGED_SINCE}: it has tasks"
HAS_CONTACTS = f"{CHANGED_SINCE}: the deal has another contact"
#: Columns that people may have filled after the run.
_CONTACT_COLUMNS = ("email", "firstName", "lastName", "phone")
_OTHER_COLUMNS = {
    DEAL: ("title", "description", "value", "status"),
    ACCOUNT: ("accountUrl",),
    TASK: ("title", "note", "status", "outcomeId", "outcomeInfo"),
}


def delete_created(
    context: WriteContext, kind: str, native_id: str, entries: list[Entry], present: RecordValues
) -> None:
    """Delete a record of the run. Raises `RowSkipped` if it must stay, and `RequestError`.

    A record stays if the key may not read what other clients may have attached to it.
    """
    _check(context, kind, native_id, entries, present)
    context.limits.take_delete()
    if is_document(kind):
        delete_document(context, kind, native_id, present)
        return
    path = PATHS[kind][0] if kind != CONTACT else "contacts"
    context.write_client.delete_if_exists(f"{path}/{native_id}")


def _check(
    context: WriteContext, kind: str, native_id: str, entries: list[Entry], present: RecordValues
) -> None:
    """Raise `RowSkipped` if the record holds values that the run did not write."""
    created = next(entry for entry in entries if entry.part.name == CREATED)
    if created.state == SENT or created.mark.get("is_unsure"):
        raise RowSkipped(UNKNOWN_ORIGIN)
    created_at = present.native.get("cdate") or present.native.get("createdTimestamp")
    if is_before(created_at, created.mark.get("since")):
        raise RowSkipped(UNKNOWN_ORIGIN)
    written: dict[str, tuple[Any, ...]] = {
        name: (value,) for name, value in (created.after or {}).items()
    }
    for entry in entries:
        if entry.part.name != CREATED:
            written[entry.part.name] = entry.written
    if kind == CONTACT:
        # A create has the address in the part `email`, a later change in a column's part.
        email = f"{COLUMN}email"
        written[email] = (*written.pop("email", ()), *written.get(email, ()))
        _check_contact(context, native_id, written, present)
    else:
        _check_columns(context, kind, written, present)
        _check_use(context, kind, native_id, written, present)


def _check_contact(
    context: WriteContext,
    native_id: str,
    written: dict[str, tuple[Any, ...]],
    present: RecordValues,
) -> None:
    current = present.contact
    if current is None:
        return
    if any(status.status in OPT_OUTS for status in current.lists.values()):
        raise RowSkipped(DELETE_LOSES_OPT_OUT)
    tags = {tag_of(context, name) for name in written if name.startswith("tag")}
    parts = {COLUMN + name for name in _CONTACT_COLUMNS}
    parts |= {
        name for name in present.parts if name.startswith((FIELD, LIST)) or name == ACCOUNT_LINK
    }
    if ACCOUNT_LINK in written:
        written[ACCOUNT_LINK] = tuple(
            resolved_link(context, link) for link in written[ACCOUNT_LINK]
        )
    _check_parts(context, CONTACT, parts, written, present)
    if {name.removeprefix(TAG) for name in present.parts if name.startswith(TAG)} - tags:
        raise RowSkipped(CHANGED_SINCE)
    for name in ("deals", "contactDeals"):
        with _must_be_readable("deals"):
            if context.references.nested_rows("contacts", native_id, name):
                raise RowSkipped(HAS_DEALS)
    _check_notes(context, CONTACT, native_id)
    _check_tasks(context, CONTACT, native_id)


def _check_columns(
    context: WriteContext, kind: str, written: dict[str, tuple[Any, ...]], present: RecordValues
) -> None:
    parts = {name for name in written if name.startswith(COLUMN) or name == STAGE}
    parts |= {COLUMN + name for name in _OTHER_COLUMNS.get(kind, ())}
    # A document must have no column, and another record no custom field, that the run did not
    # write.
    prefix = COLUMN if is_document(kind) else FIELD
    parts |= {name for name in present.parts if name.startswith(prefix)}
    _check_parts(context, kind, parts, written, present)


def _check_parts(
    context: WriteContext,
    kind: str,
    parts: set[str],
    written: dict[str, tuple[Any, ...]],
    present: RecordValues,
) -> None:
    same = sameness_of(context, kind, parts)
    for name in parts:
        current = present.get(name)
        if name not in written and (is_empty(current) or str(current) == "0"):
            continue  # a new deal has the status 0 (open) and no value
        if not any(same(name, current, value) for value in written.get(name, ())):
            raise RowSkipped(CHANGED_SINCE)


def _check_use(
    context: WriteContext,
    kind: str,
    native_id: str,
    written: dict[str, tuple[Any, ...]],
    present: RecordValues,
) -> None:
    """Raise `RowSkipped` for a deal or an account that other records refer to by now."""
    if kind not in {DEAL, ACCOUNT}:
        return
    _check_notes(context, kind, native_id)
    if kind == DEAL:
        with _must_be_readable("contacts"):
            contacts = secondary_contacts(context, native_id)
        if not {DEAL_CONTACT + contact for contact in contacts} <= written.keys():
            raise RowSkipped(HAS_CONTACTS)
        _check_tasks(context, DEAL, native_id)
    if kind == ACCOUNT:
        with _must_be_readable("contacts and deals"):
            is_unused = _is_unused(context, native_id, str(present.native.get("name")))
        if not is_unused:
            raise RowSkipped(IN_USE)


@contextmanager
def _must_be_readable(what: str) -> Iterator[None]:
    """Raise `RowSkipped` if the key may not read rows: the record may have some."""
    try:
        yield
    except (NotFound, PermissionDenied) as problem:
        raise RowSkipped(
            f"not deleted: the target cannot read its {what} (HTTP {problem.status})"
        ) from problem


def _check_notes(context: WriteContext, kind: str, native_id: str) -> None:
    path = PATHS[kind][0] if kind != CONTACT else "contacts"
    with _must_be_readable("notes"):
        if context.references.nested_rows(path, native_id, "notes"):
            raise RowSkipped(HAS_NOTES)


def _check_tasks(context: WriteContext, kind: str, native_id: str) -> None:
    owner = OWNER_TYPES[kind]
    params: list[tuple[str, str | int]] = [
        ("filters[reltype]", owner),
        ("filters[relid]", native_id),
    ]
    with _must_be_readable("tasks"):
        for page in walk_offset(context.client, "dealTasks", "dealTasks", params):
            for row in page.rows:
                if (row.get("reltype"), str(row.get("relid"))) == (owner, native_id):
                    raise RowSkipped(HAS_TASKS)


def _is_unused(context: WriteContext, native_id: str, name: str) -> bool:
    """Return whether the collection of accounts shows no contact and no deal of an account."""
    params: list[tuple[str, str | int]] = [("search", name), ("count_deals", "true")]
    params.append(("limit", FULL_PAGE))
    body = context.client.get("accounts", params).body
    for row in named_rows(body, "accounts", "accounts"):
        if str(row.get("id")) == native_id:
            return all(str(row.get(count)) == "0" for count in ("contactCount", "dealCount"))
    return False
