"""The kinds of documents. Each kind is a stream, and its records have keys of the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.custom_objects import PREFIX
from target_activecampaign.sinks.commerce import orders, products, subscriptions

if TYPE_CHECKING:
    from target_activecampaign.sinks.commerce.read_stored_records import StoredDocuments
    from target_activecampaign.sinks.commerce.upserts import Mutation

ORDERS = orders.MUTATION.stream
PRODUCTS = products.PRODUCTS.stream
SUBSCRIPTIONS = subscriptions.PAYMENTS.stream


@dataclass(frozen=True)
class StoreKind:
    """The read and the write of a kind of e-commerce records."""

    stored: StoredDocuments
    mutation: Mutation


STORE_KINDS = {
    ORDERS: StoreKind(orders.STORED, orders.MUTATION),
    PRODUCTS: StoreKind(products.STORED_PRODUCTS, products.PRODUCTS),
    SUBSCRIPTIONS: StoreKind(subscriptions.STORED_PAYMENTS, subscriptions.PAYMENTS),
}
#: Kinds without a documented delete that reaches all copies of a record.
UNDELETABLE_KINDS = {ORDERS, SUBSCRIPTIONS}


def is_document(kind: str) -> bool:
    """Return whether a request replaces a whole record of a kind."""
    return kind in STORE_KINDS or kind.startswith(PREFIX)


def store_key(key: str) -> tuple[int, str]:
    """Return the store's id and the record's own id of a key of e-commerce."""
    store, _, own_id = key.partition(":")
    return int(store), own_id


def key_columns(kind: str, key: str) -> dict[str, Any]:
    """Return the columns of a row that name a record."""
    if kind in STORE_KINDS:
        store, own_id = store_key(key)
        return {"store_id": str(store), STORE_KINDS[kind].mutation.column: own_id}
    return {"external_id": key}
