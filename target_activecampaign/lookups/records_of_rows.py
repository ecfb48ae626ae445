"""The records that rows name: by the id in the row or in the ledger, contacts else by address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.input_row import is_delete

from .row_contact import contact_of_row

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow

    from .reference_resolver import ReferenceResolver


@dataclass
class KnownContacts:
    """The contacts that rows name: by id if the row or the ledger has it, else by address."""

    ids: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)


def known_contacts(references: ReferenceResolver, rows: list[InputRow]) -> KnownContacts:
    """Return the distinct contacts of rows that write contacts or their associations."""
    ids: dict[str, None] = {}
    emails: dict[str, str] = {}
    for row in rows:
        email, native_id = contact_of_row(references, row)
        native_id = native_id or row.ledger_id
        if native_id and native_id.isdigit():
            ids[native_id] = None
        elif email:
            emails.setdefault(fold(email), email)
    return KnownContacts(list(ids), list(emails.values()))


def known_records(references: ReferenceResolver, family: str, rows: list[InputRow]) -> list[str]:
    """Return the distinct ids of records that rows name or that the ledger has for the rows."""
    ids: dict[str, None] = {}
    for row in rows:
        id_value = row.record.get("id")
        native_id = row.ledger_id
        if not is_nothing(id_value):
            native_id = references.foreign_ids.resolve(family, str(id_value).strip())
        if native_id and not is_planned(native_id) and not is_delete(row):
            ids[native_id] = None
    return list(ids)
