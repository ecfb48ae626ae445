"""The contacts of an opportunity: the primary contact and the secondary contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.row_references import id_text, parse_reference
from target_activecampaign.records.skip_marked_rows import flag_of

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.write_context import WriteContext


def contacts_of(row: InputRow) -> tuple[dict[str, str] | None, list[dict[str, str]]]:
    """Return a deal's primary contact, None if no contact is primary, and the other contacts.

    The first contact without ``is_primary`` is the primary contact if no contact is flagged.
    """
    contact = row.record.get("contact")
    items = contact if isinstance(contact, list) else [] if is_nothing(contact) else [contact]
    flagged: list[tuple[dict[str, str], bool | None]] = []
    for item in items:
        ref = parse_reference(item, "contact")
        flag = None
        if isinstance(item, dict) and not is_nothing(item.get("is_primary")):
            flag = flag_of(item, "is_primary", "contact[].is_primary")
        if ref:
            flagged.append((ref, flag))
    primaries = [ref for ref, flag in flagged if flag]
    if len(primaries) > 1:
        raise RowRejected("contact[].is_primary: several contacts are primary; keep one")
    primary = next(iter(primaries or [ref for ref, flag in flagged if flag is None]), None)
    return primary, [ref for ref, _ in flagged if ref is not primary]


def add_contacts(context: WriteContext, native_id: str, others: list[str], *, is_new: bool) -> None:
    """Add the secondary contacts that the deal does not have yet."""
    if not others:
        return
    rows = [] if is_new else context.references.nested_rows("deals", native_id, "contactDeals")
    present = {id_text(row.get("contact")) for row in rows}
    for contact in dict.fromkeys(others):
        if contact not in present:
            body = {"contactDeal": {"contact": contact, "deal": native_id}}
            context.write_client.create_if_absent("contactDeals", body)
