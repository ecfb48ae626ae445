"""What one row of each table holds: instants as whole seconds UTC, ids as ints, the rest as sent.

Columns that ActiveCampaign only derives or never changes are not stored; the shapes add them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
    """A tag; `updated` moves when it is applied or removed, not when it is renamed."""

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
    """Where a contact custom field is shown: `relid` is a list, 0 means all lists."""

    field: int
    relid: int
    cdate: int
    dorder: int = 0
    id: int = 0


@dataclass(slots=True)
class Account:
    """A company."""

    name: str
    created: int
    updated: int
    accountUrl: str | None = None
    owner: int = 1
    id: int = 0


@dataclass(slots=True)
class AccountContact:
    """The link between a contact and its one account."""

    account: int
    contact: int
    created: int
    updated: int
    jobTitle: str | None = None
    id: int = 0


@dataclass(slots=True)
class CustomField:
    """A custom field of accounts or deals."""

    fieldLabel: str
    fieldType: str
    created: int
    updated: int
    fieldOptions: list[str] | None = None
    fieldDefault: Any = None
    fieldDefaultCurrency: str | None = None
    isFormVisible: int = 1
    isRequired: int = 0
    displayOrder: int = 0
    personalization: str = ""
    knownFieldId: int | None = None
    hideFieldFlag: int = 0
    createdBy: int | None = 1
    updatedBy: int | None = 1
    id: int = 0


@dataclass(slots=True)
class Datum:
    """The value of one custom field for one account or deal (`owner`)."""

    owner: int
    customFieldId: int
    fieldValue: Any
    created: int
    updated: int
    fieldCurrency: str | None = None
    id: int = 0


@dataclass(slots=True)
class Note:
    """A note on a contact, deal, account, task or activity."""

    note: str
    reltype: str
    relid: int
    cdate: int
    mdate: int
    userid: int = 1
    id: int = 0


@dataclass(slots=True)
class Deal:
    """A deal; its value is in minor units."""

    title: str
    group: int
    stage: int
    cdate: int
    mdate: int
    value: int = 0
    currency: str = "usd"
    owner: int = 1
    contact: int | None = None
    account: int | None = None
    description: str = ""
    percent: int = 0
    status: int = 0
    hash: str = ""
    nextdate: int | None = None
    winProbability: int | None = None
    winProbabilityMdate: int | None = None
    activitycount: int = 0
    edate: int | None = None
    id: int = 0


@dataclass(slots=True)
class Pipeline:
    """A dealGroup; `hidden` means the key's user has no access, so its deals are stubs."""

    title: str
    cdate: int
    udate: int | None
    currency: str = "usd"
    autoassign: int = 0
    allusers: int = 0
    allgroups: int = 1
    hidden: bool = False
    id: int = 0


@dataclass(slots=True)
class Stage:
    """A dealStage."""

    title: str
    group: int
    order: int
    cdate: int | None = None
    udate: int | None = None
    color: str = "3f3f3f"
    width: int = 280
    dealOrder: str = "next-action DESC"
    cardRegion1: str = "title"
    cardRegion2: str = "next-action"
    cardRegion3: str = "show-avatar"
    cardRegion4: str = "contact-fullname-acctname"
    cardRegion5: str = "value"
    id: int = 0


@dataclass(slots=True)
class ContactDeal:
    """A secondary contact of a deal."""

    contact: int
    deal: int
    cdate: int
    updated: int
    role: int | None = None
    id: int = 0


@dataclass(slots=True)
class DealRole:
    """What a secondary contact is to a deal."""

    title: str
    created: int
    updated: int
    id: int = 0


@dataclass(slots=True)
class DealActivity:
    """One line of a deal's history."""

    deal: int
    dataType: str
    dataAction: str
    dataOldval: str
    dataId: int
    stage: int
    user: int
    cdate: int
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
    """The one membership of a user."""

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
    """What a contact or deal scored."""

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
    """One run of a contact through an automation; a contact may have several."""

    contact: int
    automation: int
    status: int
    adddate: int
    remdate: int | None
    lastdate: int
    id: int = 0


@dataclass(slots=True)
class Segment:
    """A legacy segment: contacts that carry `tag`."""

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
