"""What a write request changes: the records and their parts, read from its method, path and body.

Every change of the account is a request, whatever sink sends it. So this is the one place that
knows what a run replaces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tap_activecampaign_unified.resources.parsing.names import fold

from .record_values import (
    ACCOUNT,
    ACCOUNT_LINK,
    COLUMN,
    CONTACT,
    DEAL,
    DEAL_CONTACT,
    DELETED,
    ENTERED,
    FIELD,
    LEFT,
    LIST,
    NOTE,
    STAGE,
    TAG,
    TAG_NAME,
    TASK,
)

Body = dict[str, Any]

SUBSCRIBED, UNSUBSCRIBED = "1", "2"
#: Kinds of records, and what wraps one in a request, by the path of their collection.
KINDS = {
    "contacts": (CONTACT, "contact"),
    "deals": (DEAL, "deal"),
    "accounts": (ACCOUNT, "account"),
    "notes": (NOTE, "note"),
    "dealTasks": (TASK, "dealTask"),
}
#: Collections whose records stay where a run creates them, and what wraps one in an answer.
DEFINITIONS = {
    "tags": "tag",
    "lists": "list",
    "fields": "field",
    "accountCustomFieldMeta": "accountCustomFieldMetum",
    "dealCustomFieldMeta": "dealCustomFieldMetum",
    "dealGroups": "dealGroup",
    "dealStages": "dealStage",
    "groups": "group",
    "users": "user",
}
#: What a task of a request belongs to, as answers say it.
_OWNERS = {"contact": "Subscriber", "deal": "Deal"}
#: The importer's names of a contact's columns.
_IMPORTED = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}


@dataclass(frozen=True)
class RecordChange:
    """What a request changes of one record.

    ``id`` is None for a record that it creates, and for a contact that it names by ``email``: then
    the account decides whether it creates one. ``parts`` are the new values by part, None where a
    part is taken away; ``created`` are those of a new record. ``link`` is the row of an association
    that the request names instead. ``is_import``: the change happens after the answer.
    """

    kind: str
    id: str | None = None
    email: str | None = None
    parts: Body = field(default_factory=dict)
    created: Body | None = None
    link: str | None = None
    is_import: bool = False


def changes_of(method: str, path: str, body: Any, about: str | None = None) -> list[RecordChange]:
    """Return what a request changes, as far as an undo can put it back or names it.

    ``about`` is the id of the contact whose association the request names by its own id.
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
        if collection in KINDS:
            return _of_record(method, collection, native_id, sent)
        return _of_link(method, collection, native_id, sent, about)
    if len(names) == 1 and method == "POST" and collection in KINDS:
        kind, wrapper = KINDS[collection]
        return [RecordChange(kind, created=_parts_of(kind, _wrapped(sent, wrapper)))]
    if len(names) == 1 and method == "POST" and collection in DEFINITIONS:
        return [RecordChange(collection, created={})]
    return []


def _wrapped(body: Body, name: str) -> Body:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _contact_by_address(contact: Body) -> RecordChange:
    parts = _parts_of(CONTACT, {k: v for k, v in contact.items() if k != "email"})
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
    marks: Body = {TAG_NAME + fold(str(name)): True for name in contact.get("tags") or ()}
    marks |= {LIST + str(o["listid"]): SUBSCRIBED for o in contact.get("subscribe") or ()}
    marks |= {LIST + str(o["listid"]): UNSUBSCRIBED for o in contact.get("unsubscribe") or ()}
    if contact.get("customer_acct_name"):
        marks[ACCOUNT_LINK] = {"name": str(contact["customer_acct_name"]).strip()}
    email = str(contact.get("email") or "")
    return RecordChange(CONTACT, email=email, parts=parts | marks, created=created, is_import=True)


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


def _of_record(method: str, collection: str, native_id: str, body: Body) -> list[RecordChange]:
    kind, wrapper = KINDS[collection]
    if method == "DELETE":
        return [RecordChange(kind, native_id, parts={DELETED: True})]
    return [RecordChange(kind, native_id, parts=_parts_of(kind, _wrapped(body, wrapper)))]


def _of_link(
    method: str, collection: str, link: str, body: Body, about: str | None
) -> list[RecordChange]:
    if collection == "contactTags" and method == "DELETE":
        return [RecordChange(CONTACT, about, link=link, parts={TAG: None})]
    if collection == "accountContacts":
        columns = _wrapped(body, "accountContact")
        names = {"account": "account", "jobTitle": "title"}
        given = {names[k]: str(v or "") for k, v in columns.items() if k in names}
        return [
            RecordChange(
                CONTACT,
                about,
                link=link,
                parts={ACCOUNT_LINK: None if method == "DELETE" else given},
            )
        ]
    if collection == "contactAutomations" and method == "DELETE":
        return [RecordChange(CONTACT, about, link=link, parts={LEFT + link: True})]
    return []


def _parts_of(kind: str, columns: Body) -> Body:
    """Return the new values of a body by part; a stage and its pipeline are one part."""
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
