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
from target_activecampaign.undo.comparable_values import (
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
from target_activecampaign.undo.kinds import ACCOUNT, CONTACT, DEAL, DEFINITIONS, RECORDS, TASK

Body = dict[str, Any]

_KINDS_BY_PATH = {found.path: kind for kind, found in RECORDS.items()}
#: The wrapper of an association in a request is the name of its collection without the `s`.
_ASSOCIATIONS = {
    *("contactTags", "contactLists", "contactAutomations"),
    *("accountContacts", "contactDeals"),
}
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
    collection, *ids = path.strip("/").split("/")
    sent = body if isinstance(body, dict) else {}
    if method == "POST" and path in {"contact/sync", "contacts"}:
        return [_contact_by_address(_wrapped(sent, "contact"))]
    if path == "import/bulk_import":
        contacts = sent.get("contacts")
        return [_imported(contact) for contact in contacts] if isinstance(contacts, list) else []
    if len(ids) == 1 and collection in _KINDS_BY_PATH:
        return [_of_record(method, _KINDS_BY_PATH[collection], ids[0], sent)]
    if len(ids) == 1:
        return _of_link(method, collection, ids[0], sent, about)
    if ids or method != "POST":
        return []
    if collection in _ASSOCIATIONS:
        return [_association(collection, sent)]
    if collection in _KINDS_BY_PATH:
        kind = _KINDS_BY_PATH[collection]
        created = _parts_of(kind, _wrapped(sent, RECORDS[kind].wrapper))
        return [RecordChange(kind, created=created)]
    return [RecordChange(collection, created={})] if collection in DEFINITIONS else []


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


def _association(collection: str, body: Body) -> RecordChange:
    """Return the change by a request that creates an association."""
    columns = _wrapped(body, collection.removesuffix("s"))
    contact = str(columns.get("contact"))
    if collection == "contactDeals":
        deal = str(columns.get("deal"))
        return RecordChange(DEAL, deal, parts={DEAL_CONTACT + contact: True})
    if collection == "contactTags":
        parts: Body = {TAG + str(columns.get("tag")): True}
    elif collection == "contactLists":
        parts = {LIST + str(columns.get("list")): str(columns.get("status"))}
    elif collection == "contactAutomations":
        parts = {ENTERED + str(columns.get("automation")): True}
    else:
        title = str(columns.get("jobTitle") or "")
        parts = {ACCOUNT_LINK: {"account": str(columns.get("account")), "title": title}}
    return RecordChange(CONTACT, contact, parts=parts)


def _of_record(method: str, kind: str, native_id: str, body: Body) -> RecordChange:
    if method == "DELETE":
        return RecordChange(kind, native_id, parts={DELETED: True})
    parts = _parts_of(kind, _wrapped(body, RECORDS[kind].wrapper))
    return RecordChange(kind, native_id, parts=parts)


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
        parts = {ACCOUNT_LINK: None if method == "DELETE" else link_values}
        return [RecordChange(CONTACT, about, link=link, parts=parts)]
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
