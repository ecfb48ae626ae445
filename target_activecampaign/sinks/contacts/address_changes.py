"""Checks new addresses of contacts, and orders the rows that change addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.outcome import RowDeferred, RowError, RowRejected
from target_activecampaign.sinks.reject_existing import already_exists

from .bulk_import.choice import uses_importer
from .contact_change import ADDRESS, CONTACT_ITSELF, ContactChange
from .row_results import end_all_rows, fail_all

if TYPE_CHECKING:
    from target_activecampaign.lookups.lookup import NativeRow
    from target_activecampaign.sinks.write_context import WriteContext

OTHER_ADDRESS = (
    "id: this contact has another address; set allow_email_change to change it, or source_ids to "
    "foreign if the ids are another account's"
)
ADDRESS_TAKEN = (
    "email: another contact of the account has this address; change that contact's address first. "
    "Two contacts cannot swap their addresses in one run: give one of them a third address before"
)
ADDRESS_HELD_OUT = "email: not changed, because the new address is in the control group"
#: The family that a row waits for if another contact has its new address. No written record is of
#: this family, so the target retries the row only at the end of the input.
FREE_ADDRESS = "free address"


def check_identities(context: WriteContext, changes: list[ContactChange]) -> list[ContactChange]:
    """Return the changes whose id and address belong to the same contact; end the other changes.

    Reads the present address of an id. This also finds a contact of the control group whose row has
    another address.
    """
    # A row by id and one by address may mean one contact: the later one must win.
    is_mixed = any(change.id is None for change in changes)
    checked = [
        change
        for change in changes
        if change.id is not None
        and not is_planned(change.id)
        and (
            change.email is not None
            or is_mixed
            or CONTACT_ITSELF in change.row_requests[0].requested
            or (change.upserts and uses_importer(context.policy, len(changes)))
        )
    ]
    checked_ids = set(map(id, checked))
    valid = []
    try:
        rows = context.references.contacts_by_id([change.id for change in checked if change.id])
        for change in changes:
            try:
                _reject_existing_contact(context, change)
                if id(change) in checked_ids:
                    _check_address(context, change, rows.get(change.id or ""))
            except RowRejected as rejection:
                end_all_rows(context, change, rejection.outcome())
            else:
                valid.append(change)
    except RequestError as problem:
        fail_all(context, changes, problem)
        return []
    return valid


def _reject_existing_contact(context: WriteContext, change: ContactChange) -> None:
    """Raise `RowRejected` for a create-only contact whose address exists."""
    if any(row_request.row.creates for row_request in change.row_requests) and change.email:
        contact = context.references.read_contact(change.email, ignores_case=True)
        if contact is not None:
            raise already_exists("email", str(contact.get("id")))


def _check_address(context: WriteContext, change: ContactChange, row: NativeRow | None) -> None:
    """Set the present address of the contact that a change names by id.

    ``row`` is the contact in the account. If the change has another address, this requests the new
    address with `allow_email_change`, and raises `RowRejected` without it. An address of the
    control group is not written to a contact that is not in the group.
    """
    if row is None:
        raise RowRejected("id: the account has no contact with this id")
    present = str(row.get("email") or "").strip()
    if change.email is None or fold(change.email) == fold(present):
        change.email = present or None
        return
    if not context.policy.allow_email_change:
        raise RowRejected(OTHER_ADDRESS)
    row_request, holdout = change.row_requests[0], context.holdout
    new, change.email = change.email, present
    if holdout.is_active:
        row_request.row.is_held_out = row_request.row.is_held_out or holdout.is_held_out(present)
        if not row_request.row.is_held_out and holdout.is_held_out(new):
            row_request.postpone(ADDRESS, ADDRESS_HELD_OUT)
            return
    change.new_email = new
    row_request.requested.add(ADDRESS)


class AddressRounds:
    """Splits changes into rounds. No change names a contact whose address its round changes before.

    A row with only an address thus writes to the contact that has the address after earlier rows.
    """

    def __init__(self, changes: list[ContactChange]) -> None:
        """Store the addresses of the rows."""
        self._row_emails = {id(change): change.email for change in changes}

    def split(
        self, changes: list[ContactChange]
    ) -> tuple[list[ContactChange], list[ContactChange]]:
        """Return the changes of the first round, and the other changes."""
        moved: set[str] = set()
        for place, change in enumerate(changes):
            names = {fold(email) for email in (change.email, change.new_email) if email}
            names |= {f"id:{change.id}"} if change.id is not None else set()
            if not moved.isdisjoint(names):
                return changes[:place], changes[place:]
            if change.new_email is not None:
                moved |= names
        return changes, []

    def reset(self, changes: list[ContactChange]) -> None:
        """Restore the addresses of the rows, because addresses of contacts may have changed."""
        for change in changes:
            change.email, change.new_email = self._row_emails[id(change)], None
            change.row_requests[0].requested.discard(ADDRESS)


def address_taken(context: WriteContext) -> RowError:
    """Return the error of a row whose new address belongs to another contact.

    The row is deferred while a later row may change the other contact's address.
    """
    if context.references.is_final:
        return RowRejected(ADDRESS_TAKEN)
    return RowDeferred(ADDRESS_TAKEN, FREE_ADDRESS)
