"""Rows of the tables: instants as whole seconds UTC, ids as ints, the rest as sent.

Columns that ActiveCampaign only derives or never changes are not stored; the shapes add them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.rows_crm import (
    Account,
    AccountContact,
    ContactDeal,
    CustomField,
    Datum,
    Deal,
    DealActivity,
    DealRole,
    Note,
    Pipeline,
    Stage,
)

__all__ = [
    "Account",
    "AccountContact",
    "Automation",
    "Contact",
    "ContactAutomation",
    "ContactDeal",
    "ContactList",
    "ContactTag",
    "CustomField",
    "Datum",
    "Deal",
    "DealActivity",
    "DealRole",
    "Field",
    "FieldOption",
    "FieldRel",
    "FieldValue",
    "Group",
    "ListGroup",
    "MailList",
    "Note",
    "Pipeline",
    "Score",
    "ScoreValue",
    "Segment",
    "Stage",
    "Tag",
    "User",
    "UserGroup",
]


@dataclass(slots=True)
class Contact:
    """A contact; `edited` says whether its first update has turned nulls into zero values."""

    email: str
    cdate: int
    udate: int | None
    created: int
    updated: int
    phone: str = ""
    firstName: str = ""
    lastName: str = ""
    orgid: int = 0
    orgname: str = ""
    hash: str = ""
    edited: bool = False
    bounced_hard: int = 0
    bounced_soft: int = 0
    sentcnt: int = 0
    adate: int | None = None
    edate: int | None = None
    last_click: int | None = None
    last_open: int | None = None
    anonymized: int = 0
    created_by: int | None = None
    updated_by: int | None = None
    id: int = 0


@dataclass(slots=True)
class FieldValue:
    """The value of one contact custom field for one contact."""

    contact: int
    field: int
    value: str | None
    cdate: int
    udate: int
    created_by: int | None = None
    updated_by: int | None = None
    id: int = 0


@dataclass(slots=True)
class Tag:
    """A tag; `updated` changes when it is applied or removed, not when it is renamed."""

    tag: str
    cdate: int
    updated: int
    tagType: str = "contact"
    description: str | None = ""
    created_by: int | None = None
    id: int = 0


@dataclass(slots=True)
class ContactTag:
    """A tag on a contact."""

    contact: int
    tag: int
    cdate: int
    updated: int
    id: int = 0


@dataclass(slots=True)
class MailList:
    """A list; `columns` holds the attributes that differ from the defaults of its 50 keys."""

    name: str
    stringid: str
    cdate: int
    udate: int | None
    updated: int
    userid: int = 1
    columns: dict[str, Any] = field(default_factory=dict)
    id: int = 0


@dataclass(slots=True)
class ContactList:
    """A membership: status 0 unconfirmed, 1 active, 2 unsubscribed, 3 bounced."""

    contact: int
    list: int
    status: int
    sdate: int | None
    udate: int | None
    created: int
    updated: int
    sourceid: int = 0
    first_name: str = ""
    last_name: str = ""
    unsubreason: str | None = ""
    form: int | None = None
    by_self: bool = False  # the person unsubscribed, not a user on their behalf
    id: int = 0


@dataclass(slots=True)
class Field:
    """A contact custom field."""

    title: str
    type: str
    perstag: str
    cdate: int
    udate: int
    descript: str | None = None
    isrequired: int = 0
    defval: str | None = None
    show_in_list: int = 0
    visible: int = 1
    ordernum: int = 0
    created_by: int | None = 1
    updated_by: int | None = 1
    id: int = 0


@dataclass(slots=True)
class FieldOption:
    """An option of a contact custom field."""

    field: int
    orderid: int
    value: str
    label: str
    isdefault: int = 0
    cdate: int | None = None
    udate: int | None = None
    id: int = 0


@dataclass(slots=True)
class FieldRel:
    """The list on which a contact field is shown; `relid` 0 means all lists."""

    field: int
    relid: int
    cdate: int
    dorder: int = 0
    id: int = 0


@dataclass(slots=True)
class User:
    """A user of the account."""

    username: str
    firstName: str
    lastName: str
    email: str
    cdate: int
    udate: int
    phone: str = ""
    signature: str | None = None
    lang: str = "english"
    id: int = 0


@dataclass(slots=True)
class UserGroup:
    """The only membership of a user."""

    user: int
    group: int
    id: int = 0


@dataclass(slots=True)
class Group:
    """A group of users; `flags` are its `pg…` permissions."""

    title: str
    descript: str | None
    sdate: int | None
    admin: int = 0
    flags: dict[str, str] = field(default_factory=dict)
    id: int = 0


@dataclass(slots=True)
class Score:
    """A scoring rule set for contacts or deals."""

    name: str
    reltype: str
    cdate: int
    mdate: int
    descript: str = ""
    status: int = 1
    id: int = 0


@dataclass(slots=True)
class ScoreValue:
    """The score of a contact or deal."""

    score: int
    scoreValue: int
    cdate: int
    mdate: int
    contact: int | None = None
    deal: int | None = None
    id: int = 0


@dataclass(slots=True)
class Automation:
    """An automation; status 1 active, 2 inactive."""

    name: str
    cdate: int
    mdate: int
    status: int = 1
    entered: int = 0
    exited: int = 0
    id: int = 0


@dataclass(slots=True)
class ContactAutomation:
    """One enrolment of a contact; a contact may have several."""

    contact: int
    automation: int
    status: int
    adddate: int
    remdate: int | None
    lastdate: int
    id: int = 0


@dataclass(slots=True)
class Segment:
    """A legacy segment: contacts that have `tag`."""

    name: str
    created: int
    updated: int
    tag: int = 0
    id: int = 0


@dataclass(slots=True)
class ListGroup:
    """A group's permission on a list."""

    list: int
    group: int
    id: int = 0
