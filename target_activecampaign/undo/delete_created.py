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
from target_activecampaign.records.list_status import is_opt_out
from target_activecampaign.sinks.deletes import DELETE_LOSES_OPT_OUT
from target_activecampaign.sinks.tasks import OWNER_TYPES

from .column_values import comparison_of
from .commerce_and_custom_objects.restore_documents import delete_document
from .comparable_values import (
    ACCOUNT_LINK,
    COLUMN,
    CREATED,
    DEAL_CONTACT,
    FIELD,
    LIST,
    STAGE,
    TAG,
    is_empty,
)
from .decisions.value_decision import CHANGED_SINCE, UNKNOWN_ORIGIN, is_before
from .journal_tables import SENT
from .kinds import ACCOUNT, CONTACT, DEAL, RECORDS, TASK, is_document
from .restore_contact import resolved_link, tag_of
from .restore_record import secondary_contacts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from target_activecampaign.sinks.write_context import WriteContext

    from .comparable_values import RecordValues
    from .records_of_run import RunRecord

NO_CREATES = "created by the run; deleted only with --undo-creates"
HAS_NOTES = f"{CHANGED_SINCE}: it has notes"
IN_USE = f"{CHANGED_SINCE}: contacts or deals belong to the account"
HAS_DEALS = f"{CHANGED_SINCE}: the contact has deals"
HAS_TASKS = f"{CHANGED_SINCE}: it has tasks"
HAS_CONTACTS = f"{CHANGED_SINCE}: the deal has another contact"
#: Columns that people may have filled after the run.
_COLUMNS = {
    CONTACT: ("email", "firstName", "lastName", "phone"),
    DEAL: ("title", "description", "value", "status"),
    ACCOUNT: ("accountUrl",),
    TASK: ("title", "note", "status", "outcomeId", "outcomeInfo"),
}


def delete_created(context: WriteContext, record: RunRecord, present: RecordValues) -> None:
    """Delete a record of the run. Raises `RowSkipped` if it must stay, and `RequestError`.

    A record stays if the key may not read what other clients may have attached to it.
    """
    _CreatedRecord(context, record, present).check()
    context.limits.take_delete()
    if is_document(record.kind):
        delete_document(context, record.kind, record.id, present)
        return
    context.write_client.delete_if_exists(f"{RECORDS[record.kind].path}/{record.id}")


class _CreatedRecord:
    """A record that the run created, with all values that the run wrote, and the present values."""

    def __init__(self, context: WriteContext, record: RunRecord, present: RecordValues) -> None:
        self._context, self._references = context, context.references
        self._kind, self._id, self._present = record.kind, record.id, present
        self._created = next(entry for entry in record.entries if entry.part.name == CREATED)
        self._written: dict[str, tuple[Any, ...]] = {
            name: (value,) for name, value in (self._created.after or {}).items()
        }
        for entry in record.entries:
            if entry is not self._created:
                self._written[entry.part.name] = entry.written

    def check(self) -> None:
        """Raise `RowSkipped` if the record holds values that the run did not write."""
        created, native = self._created, self._present.native
        if created.state == SENT or created.mark.get("is_unsure"):
            raise RowSkipped(UNKNOWN_ORIGIN)
        created_at = native.get("cdate") or native.get("createdTimestamp")
        if is_before(created_at, created.mark.get("since")):
            raise RowSkipped(UNKNOWN_ORIGIN)
        if self._kind == CONTACT:
            self._check_contact()
            return
        # A document must have no column, and another record no custom field, that the run did not
        # write.
        prefix = COLUMN if is_document(self._kind) else FIELD
        parts = {name for name in self._written if name.startswith(COLUMN) or name == STAGE}
        self._check_parts(parts | {name for name in self._present.parts if name.startswith(prefix)})
        if self._kind == DEAL:
            self._check_deal()
        elif self._kind == ACCOUNT:
            self._check_notes()
            with _must_be_readable("contacts and deals"):
                is_unused = self._is_unused_account()
            if not is_unused:
                raise RowSkipped(IN_USE)

    def _check_contact(self) -> None:
        current, written = self._present.contact, self._written
        if current is None:
            return
        if any(is_opt_out(status.status) for status in current.lists.values()):
            raise RowSkipped(DELETE_LOSES_OPT_OUT)
        tags = {tag_of(self._context, name) for name in written if name.startswith("tag")}
        # A create has the address in the part `email`, a later change in a column's part.
        email = f"{COLUMN}email"
        written[email] = (*written.pop("email", ()), *written.get(email, ()))
        if ACCOUNT_LINK in written:
            written[ACCOUNT_LINK] = tuple(
                resolved_link(self._context, link) for link in written[ACCOUNT_LINK]
            )
        present = self._present.parts
        self._check_parts(
            {name for name in present if name.startswith((FIELD, LIST)) or name == ACCOUNT_LINK}
        )
        if {name.removeprefix(TAG) for name in present if name.startswith(TAG)} - tags:
            raise RowSkipped(CHANGED_SINCE)
        for name in ("deals", "contactDeals"):
            with _must_be_readable("deals"):
                if self._references.nested_rows("contacts", self._id, name):
                    raise RowSkipped(HAS_DEALS)
        self._check_notes()
        self._check_tasks()

    def _check_deal(self) -> None:
        self._check_notes()
        with _must_be_readable("contacts"):
            contacts = secondary_contacts(self._context, self._id)
        if not {DEAL_CONTACT + contact for contact in contacts} <= self._written.keys():
            raise RowSkipped(HAS_CONTACTS)
        self._check_tasks()

    def _check_parts(self, parts: set[str]) -> None:
        """Raise `RowSkipped` if one of these parts, or of `_COLUMNS`, has a value of others."""
        parts = parts | {COLUMN + name for name in _COLUMNS.get(self._kind, ())}
        same = comparison_of(self._context, self._kind, parts)
        for name in parts:
            current = self._present.get(name)
            if name not in self._written and (is_empty(current) or str(current) == "0"):
                continue  # a new deal has the status 0 (open) and no value
            if not any(same(name, current, value) for value in self._written.get(name, ())):
                raise RowSkipped(CHANGED_SINCE)

    def _check_notes(self) -> None:
        with _must_be_readable("notes"):
            if self._references.nested_rows(RECORDS[self._kind].path, self._id, "notes"):
                raise RowSkipped(HAS_NOTES)

    def _check_tasks(self) -> None:
        owner = OWNER_TYPES[self._kind]
        params: list[tuple[str, str | int]] = [
            ("filters[reltype]", owner),
            ("filters[relid]", self._id),
        ]
        with _must_be_readable("tasks"):
            for page in walk_offset(self._context.client, "dealTasks", "dealTasks", params):
                for row in page.rows:
                    if (row.get("reltype"), str(row.get("relid"))) == (owner, self._id):
                        raise RowSkipped(HAS_TASKS)

    def _is_unused_account(self) -> bool:
        """Return whether the collection of accounts shows no contact and no deal of the account."""
        name = str(self._present.native.get("name"))
        params: list[tuple[str, str | int]] = [("search", name), ("count_deals", "true")]
        params.append(("limit", FULL_PAGE))
        body = self._context.client.get("accounts", params).body
        for row in named_rows(body, "accounts", "accounts"):
            if str(row.get("id")) == self._id:
                return all(str(row.get(count)) == "0" for count in ("contactCount", "dealCount"))
        return False


@contextmanager
def _must_be_readable(what: str) -> Iterator[None]:
    """Raise `RowSkipped` if the key may not read rows: the record may have some."""
    try:
        yield
    except (NotFound, PermissionDenied) as problem:
        raise RowSkipped(
            f"not deleted: the target cannot read its {what} (HTTP {problem.status})"
        ) from problem
