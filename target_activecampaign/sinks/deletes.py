"""Deletes the records of tombstones (rows with ``_sdc_deleted_at``), if the settings allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import NotFound, PermissionDenied
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import Action, Outcome, RowRejected, RowSkipped
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.input_row import emails_of, is_delete
from target_activecampaign.records.ledger_key import ledger_key_columns
from target_activecampaign.records.list_status import UNSUBSCRIBED
from target_activecampaign.records.record_identity import identity_by
from target_activecampaign.records.row_references import parse_reference

from .change_limits import MAX_CHANGES_REACHED
from .contacts.address_changes import OTHER_ADDRESS
from .opportunities.matching import find_by_external_id
from .row_by_row import row_by_row
from .run_automations import MAY_START_AUTOMATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.records.record_identity import RecordIdentity

    from .sink_definition import Sink
    from .write_context import WriteContext

GONE = "deleted already"
NOT_WRITTEN_HERE = "the ledger does not know the record; give its id to delete it"
DELETE_LOSES_OPT_OUT = "the contact opted out; a delete would lose the opt-out"


def in_rounds(rows: list[InputRow]) -> Iterator[tuple[list[InputRow], list[InputRow]]]:
    """Split a batch into rounds of deletes and the rows to write after these deletes.

    A delete that follows a write of the same record begins a new round, so that the record ends
    deleted.
    """
    if not any(map(is_delete, rows)):  # the usual case
        yield [], rows
        return
    deleted: list[InputRow] = []
    others: list[InputRow] = []
    written: dict[frozenset[str], dict[str, set[str]]] = {}
    for row in rows:
        columns = _columns(row)
        if not is_delete(row):
            others.append(row)
            values = written.setdefault(frozenset(columns), {name: set() for name in columns})
            for name, value in columns.items():
                values[name].add(value)
            continue
        if any(_may_match(columns, values) for values in written.values()):
            yield deleted, others
            deleted, others, written = [], [], {}
        deleted.append(row)
    yield deleted, others


def _columns(row: InputRow) -> dict[str, str]:
    """Return the columns that identify a row, the most reliable column first."""
    record = row.record
    columns = {"id": record.get("id"), "email": next(iter(sorted(emails_of(row))), None)}
    # Keys are comparable only if they have the same columns.
    columns[f"key {sorted(row.key)}"] = repr(sorted(ledger_key_columns(row).items()))
    return {name: fold(str(value)) for name, value in columns.items() if not is_nothing(value)}


def _may_match(columns: dict[str, str], written: dict[str, set[str]]) -> bool:
    """Return whether a row with these columns may be a row with the ``written`` values."""
    for name, value in columns.items():
        if name in written:
            return value in written[name]
    return True


def write_deletes(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Delete the records of the rows, or give each row a reason.

    Deletes are concurrent only if no limit can be reached. Otherwise the order of the rows decides
    which row exceeds a limit.
    """
    limits = context.limits
    changes, deletes = limits.changes_left, limits.deletes_left
    is_free = deletes >= len(rows) and (changes is None or changes >= len(rows))
    row_by_row(_delete, _identity if is_free else None)(context, sink, rows)


def _identity(context: WriteContext, row: InputRow) -> RecordIdentity:
    record = row.record
    columns = {"email": record.get("email"), "name": record.get("name")}
    return identity_by(row, columns, ids_are_foreign=context.policy.is_foreign)


def _delete(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    mark = context.ledger.hash_key("deleted", row.stream, row.record)
    deleted = context.ledger.find(mark)
    key = context.ledger.hash_key(row.stream, ledger_key_columns(row))
    # If a later write created the record again, the row requests a new delete.
    if deleted is not None and not context.policy.force and context.ledger.find(key) is None:
        row.ledger_key = b""
        return Outcome(
            Action.UNCHANGED, deleted.id, "deleted by an earlier row", confirms_row=False
        )
    _check_settings(context, sink)
    native_id = _find(context, sink, row)
    if native_id is None:
        raise RowSkipped(GONE)
    if sink.family == "contact":
        _check_email(context, row, native_id)
        _check_consent(context, native_id)
    context.limits.take_delete()
    path = f"{sink.resource.endpoint}/{native_id}"
    # For a note that does not exist, ActiveCampaign answers DELETE with 403, which also has other
    # causes, and GET with 404.
    not_found = (NotFound, PermissionDenied) if sink.family == "note" else (NotFound,)
    try:
        if sink.family == "note":
            context.client.get(path)
        context.write_client.write("DELETE", path)
    except not_found as problem:
        context.limits.deletes -= 1
        if isinstance(problem, NotFound):
            context.ledger.record_id(mark, native_id)
        raise RowSkipped(GONE) from None
    context.ledger.record_id(mark, native_id)
    context.ledger.forget(key)
    source = row.record.get("id")
    if context.policy.is_foreign and not is_nothing(source):
        context.foreign_ids.forget(sink.family, str(source))
    row.ledger_key = b""
    return Outcome(Action.UPDATED, native_id, "deleted", confirms_row=False)


def _check_settings(context: WriteContext, sink: Sink) -> None:
    """Raise `RowSkipped` or `RowRejected` if the settings or the resource forbid the delete."""
    if context.policy.delete_mode == "ignore":
        raise RowSkipped("a deleted row; set delete_mode to delete here too")
    if not sink.can_delete:
        raise RowRejected(
            f"{sink.resource.name}: never deleted, because other records would be deleted with it; "
            "delete it in ActiveCampaign"
        )
    if not context.policy.run_automations:
        raise RowSkipped(MAY_START_AUTOMATION)
    if context.limits.changes_left == 0:
        raise RowSkipped(MAX_CHANGES_REACHED, blocks_state=True)


def _check_email(context: WriteContext, row: InputRow, native_id: str) -> None:
    """Raise `RowRejected` if the id's contact has another address, because deletes are final."""
    emails = emails_of(row)
    if context.policy.is_foreign or context.policy.allow_email_change or not emails:
        return
    contact = context.references.contacts_by_id([native_id]).get(native_id)
    if contact is None:
        raise RowSkipped(GONE)
    if fold(str(contact.get("email") or "")) not in emails:
        raise RowRejected(OTHER_ADDRESS)


def _check_consent(context: WriteContext, native_id: str) -> None:
    try:
        memberships = context.references.nested_rows("contacts", native_id, "contactLists")
    except NotFound:
        raise RowSkipped(GONE) from None
    if any(str(membership.get("status")) == UNSUBSCRIBED for membership in memberships):
        raise RowSkipped(DELETE_LOSES_OPT_OUT)


def _find(context: WriteContext, sink: Sink, row: InputRow) -> str | None:
    id_value = row.record.get("id")
    if not is_nothing(id_value) and not context.policy.is_foreign:
        return str(id_value)
    if not is_nothing(id_value):
        copy = context.foreign_ids.resolve(sink.family, str(id_value))
        if copy:
            return copy
    if sink.family == "contact" and not is_nothing(row.record.get("email")):
        email = str(row.record["email"])
        return next(iter(context.references.contacts_by_email([email]).values()), None)
    if sink.family == "account":
        name = parse_reference({"name": row.record.get("name")}, "account").get("name")
        return context.references.account_named(name) if name else None
    confirmed = context.ledger.find(context.ledger.hash_key(row.stream, ledger_key_columns(row)))
    if confirmed is not None:
        return confirmed.id
    ids = find_by_external_id(context, row) if sink.family == "deal" else None
    if ids is None and sink.family in {"deal", "note"} and is_nothing(id_value):
        raise RowSkipped(NOT_WRITTEN_HERE)
    return next(iter(ids or ()), None)
