"""The dictionary: what a unified record is, and how it is read and written.

Nothing in here does I/O. ``RESOURCES`` stands in the order in which records have to be written, so
that whatever a record refers to exists before it.
"""

from . import arrays, codecs, custom_fields, mapping, people
from .crm import accounts, contacts, fields, notes, opportunities, stages, users
from .directory import groups
from .directory import users as directory_users
from .marketing import contacts as marketing_contacts
from .marketing import segments, tags

RESOURCES: tuple[mapping.Resource, ...] = (
    groups.GROUPS,
    directory_users.USERS,
    users.USERS,
    fields.FIELDS,
    tags.TAGS,
    segments.SEGMENTS,
    stages.PIPELINES,
    stages.STAGES,
    accounts.ACCOUNTS,
    marketing_contacts.CONTACTS,
    contacts.CONTACTS,
    tags.CONTACT_TAGS,
    segments.MEMBERSHIPS,
    opportunities.OPPORTUNITIES,
    notes.NOTES,
)

by_name: dict[str, mapping.Resource] = {resource.name: resource for resource in RESOURCES}

__all__ = ["RESOURCES", "arrays", "by_name", "codecs", "custom_fields", "mapping", "people"]
