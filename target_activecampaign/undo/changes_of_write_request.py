"""Derives the changes of a write request from its method, path and body: records and parts.

Every sink changes the account by requests. Therefore this module alone knows the values that these
requests replace. Requests that replace whole records are recorded by `UndoRecorder.note_documents`,
and requests of the stream `raw_requests` are not recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.records.list_status import SUBSCRIBED, UNSUBSCRIBED

from .comparable_values import (
    ACCOUNT_LINK,
    COLUMN,
    DEAL_CONTACT,
    DELETED,
    ENTERED,
    FIELD,
    LEFT,
    LIST,
    STAGE,
    TAG,
    TAG_NAME,
)
from .kinds import ACCOUNT, CONTACT, DEAL, DEFINITIONS, RECORDS, TASK

Body = dict[str, Any]

_KINDS_BY_PATH = {found.path: kind for kind, found in RECORDS.items()}
#: The owner types of a task: the word in requests, and the word in responses.
_OWNERS = {"contact": "Subscriber", "deal": "Deal"}
#: The importer's names of a contact's columns, and the API's names.
_IMPORTED = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}


@dataclass(frozen=True)
class RecordChange:
    """The change of a record by a request.

    ``id`` is None for a created record and for a contact that the request names by ``email``. Such
    a contact is created if the account does not have it. ``parts`` are the new values by part, None
    for a removed part. ``created`` are the values of a new record. ``link`` is the id of an
    association, if the request names the association instead of the record. ``is_import``: the
    change happens after the response.
    """

    kind: str
    id: str | None = None
    email: str | None = None
    parts: Body = field(default_factory=dict)
    created: Body | None = None
    link: str | None = None
    is_import: bool = False


def changes_of(method: str, path: str, body: Any, about: str | None = None) -> list[RecordChange]:
    """Return the changes of a request that an undo restores or names in its results.

    If the request names an association by its own id, ``about`` is the contact's id.
    """
    names = path.strip("/").split("/")
    collection, native_id = names[0], names[1] if len(names) > 1 else None
    sent = body if isinstance(body, dict) else {}
    if method == "POST" and path in {"contact/sync", "contacts"}:
        return [_contact_by_address(_wrapped(sent, "contact"))]
    if path == "import/bulk_import":
        contacts = sent.get("contacts")
        return [_imported(contact) for contact in contacts] if isinstance(contacts, list) else []
    if len(names) == 1 and method == "POST" and collection in _ASSOCIATIONS:
        return _ASSOCIATIONS[collection](sent)
    if len(names) == 2 and native_id is not None:
        if collection in _KINDS_BY_PATH:
            return _of_record(method, _KINDS_BY_PATH[collection], native_id, sent)
        return _of_link(method, collection, native_id, sent, about)
    if len(names) == 1 and method == "POST" and collection in _KINDS_BY_PATH:
        kind = _KINDS_BY_PATH[collection]
        created = _parts_of(kind, _wrapped(sent, RECORDS[kind].wrapper))
        return [RecordChange(kind, created=created)]
    if len(names) == 1 and method == "POST" and collection in DEFINITIONS:
        return [RecordChange(collection, created={})]
    return []


def _wrapped(body: Body, name: str) -> Body:
    record = body.get(name)
    return record if isinstance(record, dict) else {}


def _contact_by_address(contact: Body) -> RecordChange:
    columns = {name: value for name, value in contact.items() if name != "email"}
    parts = _parts_of(CONTACT, columns)
    email = str(contact.get("email") or "")
    return RecordChange(CONTACT, email=email, parts=parts, created={"email": email, **parts})


def _imported(contact: Body) -> RecordChange:
    parts: Body = {
        COLUMN + _IMPORTED[name]: value for name, value in contact.items() if name in _IMPORTED
    }
    parts |= {
        FIELD + str(field_value["id"]): field_value.get("value")
        for field_value in contact.get("fields") or ()
    }
    created = {"email": contact.get("email"), **parts}
    parts |= {TAG_NAME + fold(str(name)): True for name in contact.get("tags") or ()}
    for key, status in (("subscribe", SUBSCRIBED), ("unsubscribe", UNSUBSCRIBED)):
        parts |= {LIST + str(item["listid"]): status for item in contact.get(key) or ()}
    if contact.get("customer_acct_name"):
        parts[ACCOUNT_LINK] = {"name": str(contact["customer_acct_name"]).strip()}
    email = str(contact.get("email") or "")
    return RecordChange(CONTACT, email=email, parts=parts, created=created, is_import=True)


def _tag(body: Body) -> list[RecordChange]:
    association = _wrapped(body, "contactTag")
    return [
        RecordChange(
            CONTACT,
            str(association.get("contact")),
            parts={TAG + str(association.get("tag")): True},
        )
    ]


def _list(body: Body) -> list[RecordChange]:
    association = _wrapped(body, "contactList")
    parts = {LIST + str(association.get("list")): str(association.get("status"))}
    return [RecordChange(CONTACT, str(association.get("contact")), parts=parts)]


def _account_link(body: Body) -> list[RecordChange]:
    columns = _wrapped(body, "accountContact")
    link = {"account": str(columns.get("account")), "title": str(columns.get("jobTitle") or "")}
    return [RecordChange(CONTACT, str(columns.get("contact")), parts={ACCOUNT_LINK: link})]


def _enrolment(body: Body) -> list[RecordChange]:
    enrolment = _wrapped(body, "contactAutomation")
    parts = {ENTERED + str(enrolment.get("automation")): True}
    return [RecordChange(CONTACT, str(enrolment.get("contact")), parts=parts)]


def _secondary_contact(body: Body) -> list[RecordChange]:
    association = _wrapped(body, "contactDeal")
    parts = {DEAL_CONTACT + str(association.get("contact")): True}
    return [RecordChange(DEAL, str(association.get("deal")), parts=parts)]


_ASSOCIATIONS = {
    "contactTags": _tag,
    "contactLists": _list,
    "accountContacts": _account_link,
    "contactAutomations": _enrolment,
    "contactDeals": _secondary_contact,
}


def _of_record(method: str, kind: str, native_id: str, body: Body) -> list[RecordChange]:
    if method == "DELETE":
        return [RecordChange(kind, native_id, parts={DELETED: True})]
    parts = _parts_of(kind, _wrapped(body, RECORDS[kind].wrapper))
    return [RecordChange(kind, native_id, parts=parts)]


def _of_link(
    method: str, collection: str, link: str, body: Body, about: str | None
) -> list[RecordChange]:
    if collection == "contactTags" and method == "DELETE":
        return [RecordChange(CONTACT, about, link=link, parts={TAG: None})]
    if collection == "accountContacts":
        columns = _wrapped(body, "accountContact")
        names = {"account": "account", "jobTitle": "title"}
        link_values = {
            names[column]: str(value or "") for column, value in columns.items() if column in names
        }
        return [
            RecordChange(
                CONTACT,
                about,
                link=link,
                parts={ACCOUNT_LINK: None if method == "DELETE" else link_values},
            )
        ]
    if collection == "contactAutomations" and method == "DELETE":
        return [RecordChange(CONTACT, about, link=link, parts={LEFT + link: True})]
    return []


def _parts_of(kind: str, columns: Body) -> Body:
    """Return the new values of a body by part. A stage and its pipeline are the same part."""
    parts: Body = {}
    for name, value in columns.items():
        if name == "fieldValues":
            parts |= {
                FIELD + str(field_value.get("field")): field_value.get("value")
                for field_value in value
            }
        elif name == "fields" and kind in {DEAL, ACCOUNT}:
            for field_value in value:
                parts[FIELD + str(field_value.get("customFieldId"))] = {
                    "value": field_value.get("fieldValue"),
                    "currency": field_value.get("fieldCurrency"),
                }
        elif kind == DEAL and name in {"stage", "group"}:
            parts.setdefault(STAGE, {})[name] = str(value)
        elif kind == TASK and name == "ownerType":
            parts[COLUMN + "reltype"] = _OWNERS.get(str(value), value)
        else:
            parts[COLUMN + name] = value
    return parts
