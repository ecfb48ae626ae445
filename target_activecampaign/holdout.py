"""The control group: a share of the contacts, chosen by a keyed hash, that a run does not write.

`processing/batch_processor.py` skips its rows. A row that unsubscribes a person is written with its
unsubscriptions alone: `strip_held_out` in `sinks/contacts/contact_change.py`. If only the account
shows whose row it is, its sink skips it: `sinks/opportunities/sink.py`, `sinks/custom_objects.py`,
`sinks/commerce/new_contacts.py`, `sinks/contacts/address_changes.py`.
"""

from __future__ import annotations

import hmac
import unicodedata
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.lookups.row_contact import (
    CONTACT_STREAMS,
    contact_of_row,
    deciding_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.records.input_row import InputRow

#: Queries that compare the two groups, such as those of docs/control-group.md, look for this text.
HELD_OUT = "held out"
_ORDERS, _LINES = "commerce_orders", "commerce_order_lines"
_HASHES = 2**64


def position_of(address: str, salt: str) -> float:
    """Return a number from 0 to 100 for an address.

    The numbers are evenly distributed. An address gets the same number in every run with the same
    salt. So an address that is held out at one percentage is held out at every higher percentage.
    """
    text = unicodedata.normalize("NFC", fold(unicodedata.normalize("NFC", address)))
    digest = hmac.digest(salt.encode(), text.encode(), "sha256")
    return 100 * int.from_bytes(digest[:8], "big") / _HASHES


class Holdout:
    """Finds the rows that write to contacts of the control group."""

    def __init__(self, percent: float, salt: str, references: ReferenceResolver) -> None:
        self._percent, self._salt, self._references = percent, salt, references
        self.is_active = percent > 0
        #: The orders of held-out contacts in this input, by the columns that identify them.
        self._orders: set[tuple[str, str]] = set()

    def is_held_out(self, address: str) -> bool:
        """Return whether the contact of an address is in the control group."""
        return position_of(address, self._salt) < self._percent

    def is_contact_held_out(self, native_id: str) -> bool:
        """Return whether a contact of the account is in the control group; looks it up."""
        return native_id in self._held_out_ids([native_id])

    def find(self, rows: list[InputRow]) -> list[InputRow]:
        """Return the rows of held-out contacts. Looks up contacts by id together.

        A row without a contact is not held out. If a contact's row has an id and an address, the
        address decides here. `sinks/contacts/address_changes.py` then checks the contact's present
        address. Raises `RequestError`.
        """
        if not self.is_active:
            return []
        found, by_id = [], []
        for row in rows:
            if row.stream == _LINES:
                found += [row] if _order_of(row) in self._orders else []
                continue
            email, native_id = self._name_of(row)
            if native_id:
                by_id.append((row, native_id))
            elif email:
                found += [row] if self.is_held_out(email) else []
        held_out = self._held_out_ids(native_id for _, native_id in by_id)
        self._orders |= {_order_of(row) for row in found if row.stream == _ORDERS}
        return found + [row for row, native_id in by_id if native_id in held_out]

    def _name_of(self, row: InputRow) -> tuple[str | None, str | None]:
        """Return the address that decides about a row, or the id of the contact to look up."""
        email, native_id = contact_of_row(self._references, row)
        if row.stream not in CONTACT_STREAMS or not email or not native_id:
            return deciding_name(self._references, row)
        policy = self._references.policy
        may_rename = policy.allow_email_change and not policy.is_foreign
        # Without the setting, a row with another address than the contact's is rejected.
        return (None, native_id) if may_rename and self.is_held_out(email) else (email, None)

    def _held_out_ids(self, ids: Iterable[str]) -> set[str]:
        contacts = self._references.contacts_by_id(ids)
        return {
            native_id
            for native_id, contact in contacts.items()
            if self.is_held_out(str(contact.get("email") or ""))
        }


def _order_of(row: InputRow) -> tuple[str, str]:
    """Return what an order and its lines have in common."""
    return str(row.record.get("store_id")), str(row.record.get("store_order_id"))
