"""Every stream that can be written, in the order of writing: what others lean on comes first."""

from __future__ import annotations

from tap_activecampaign_unified.unified import by_name

from .accounts import write_account
from .contacts import write_contacts
from .desk import Kind
from .native import each
from .pairs import write_contact_tags, write_memberships

_CONTACT = frozenset(
    {"email", "email_addresses", "name", "tags", "remove_tags", "segments", "account", "title"}
)
_BY_ADDRESS = (("id",), ("email",), ("email_addresses",))
_BY_NAME = (("id",), ("name",))
_PAIR = frozenset({"contact", "contact_email", "email", "status"})

KINDS: dict[str, Kind] = {
    kind.resource.name: kind
    for kind in (
        Kind(
            by_name["crm_accounts"],
            "account",
            _BY_NAME,
            each(write_account),
            can_delete=True,
            starts_automations=True,
        ),
        Kind(
            by_name["marketing_contacts"],
            "contact",
            _BY_ADDRESS,
            write_contacts,
            _CONTACT,
            can_delete=True,
        ),
        Kind(
            by_name["crm_contacts"], "contact", _BY_ADDRESS, write_contacts, _CONTACT, can_delete=True
        ),
        Kind(
            by_name["marketing_contact_tags"],
            "contact_tag",
            (("contact_id", "tag_id"), ("contact", "tag"), ("email", "tag_name")),
            write_contact_tags,
            _PAIR | {"tag", "tag_name"},
        ),
        Kind(
            by_name["marketing_segment_memberships"],
            "membership",
            (("contact_id", "segment_id"), ("contact", "segment"), ("email", "segment_name")),
            write_memberships,
            _PAIR | {"segment", "segment_name"},
        ),
    )
}
# What the tap reads and nobody can write: ActiveCampaign makes these itself.
READ_ONLY = {"crm_users": "users are written as directory_users"}
