"""The kinds of records that a run writes. A kind of documents has the name of its stream.

A request replaces a whole document, and a document has a key of the user instead of an id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.custom_objects import PREFIX
from target_activecampaign.sinks.commerce import orders, products, subscriptions

if TYPE_CHECKING:
    from target_activecampaign.sinks.commerce.read_stored_records import StoredDocuments
    from target_activecampaign.sinks.commerce.upserts import Mutation

CONTACT, DEAL, ACCOUNT, NOTE, TASK = "contact", "deal", "account", "note", "task"
ORDERS = orders.MUTATION.stream
PRODUCTS = products.MUTATION.stream
SUBSCRIPTIONS = subscriptions.MUTATION.stream


@dataclass(frozen=True)
class Collection:
    """The collection and the stream of a kind of records.

    ``wrapper`` is the name of a single record in requests and responses. ``entity`` is the entity
    of the records' custom fields, empty without custom fields.
    """

    path: str
    wrapper: str
    stream: str
    entity: str = ""


@dataclass(frozen=True)
class StoreKind:
    """The read and the write of a kind of e-commerce records."""

    stored: StoredDocuments
    mutation: Mutation


#: The kinds of records other than documents whose values an undo restores.
RECORDS = {
    CONTACT: Collection("contacts", "contact", "crm_contacts", "contact"),
    DEAL: Collection("deals", "deal", "crm_opportunities", "opportunity"),
    ACCOUNT: Collection("accounts", "account", "crm_accounts", "account"),
    NOTE: Collection("notes", "note", "crm_notes"),
    TASK: Collection("dealTasks", "dealTask", "crm_tasks"),
}
#: The entity of the custom fields of each kind of record that has some.
ENTITIES = {kind: found.entity for kind, found in RECORDS.items() if found.entity}
#: Definitions, each with its path as kind. An undo does not delete those that a run created.
DEFINITIONS = {
    definition.path: definition
    for definition in (
        Collection("tags", "tag", "marketing_tags"),
        Collection("lists", "list", "marketing_segments"),
        Collection("fields", "field", "crm_fields"),
        Collection("accountCustomFieldMeta", "accountCustomFieldMetum", "crm_fields"),
        Collection("dealCustomFieldMeta", "dealCustomFieldMetum", "crm_fields"),
        Collection("dealGroups", "dealGroup", "crm_pipelines"),
        Collection("dealStages", "dealStage", "crm_stages"),
        Collection("groups", "group", "directory_groups"),
        Collection("users", "user", "directory_users"),
    )
}
STORE_KINDS = {
    ORDERS: StoreKind(orders.STORED, orders.MUTATION),
    PRODUCTS: StoreKind(products.STORED, products.MUTATION),
    SUBSCRIPTIONS: StoreKind(subscriptions.STORED, subscriptions.MUTATION),
}
#: Kinds of documents without a documented delete that reaches all copies of a record.
UNDELETABLE_KINDS = {ORDERS, SUBSCRIPTIONS}
#: The kind of the records of each family of sinks. Rows of a custom object have their own kind.
KINDS_BY_FAMILY = {
    **{kind: kind for kind in RECORDS},
    "contact_tag": CONTACT,
    "membership": CONTACT,
    "product": PRODUCTS,
    "order": ORDERS,
    "order_line": ORDERS,
    "subscription": SUBSCRIPTIONS,
}


def stream_of(kind: str) -> str:
    """Return the stream of a kind of record."""
    collection = RECORDS.get(kind) or DEFINITIONS.get(kind)
    return collection.stream if collection is not None else kind


def is_document(kind: str) -> bool:
    """Return whether a request replaces a whole record of a kind."""
    return kind in STORE_KINDS or kind.startswith(PREFIX)


def is_deletable(kind: str) -> bool:
    """Return whether an undo can delete a record of a kind that the run created."""
    return kind in RECORDS or (is_document(kind) and kind not in UNDELETABLE_KINDS)


def store_key(key: str) -> tuple[int, str]:
    """Return the store's id and the record's own id of a key of e-commerce."""
    store, _, own_id = key.partition(":")
    return int(store), own_id


def key_columns(kind: str, key: str) -> dict[str, Any]:
    """Return the columns of a row that name a document."""
    if kind in STORE_KINDS:
        store, own_id = store_key(key)
        return {"store_id": str(store), STORE_KINDS[kind].mutation.column: own_id}
    return {"external_id": key}
