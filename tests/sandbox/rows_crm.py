"""Rows of the CRM tables: accounts, custom fields, notes, deals and pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
    """The link of a contact to its only account."""

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
    """A dealGroup; `hidden` means that the key's user has no access, so its deals are stubs."""

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
    """The role of a secondary contact in a deal."""

    title: str
    created: int
    updated: int
    id: int = 0


@dataclass(slots=True)
class DealActivity:
    """One row of a deal's history."""

    deal: int
    dataType: str
    dataAction: str
    dataOldval: str
    dataId: int
    stage: int
    user: int
    cdate: int
    id: int = 0
