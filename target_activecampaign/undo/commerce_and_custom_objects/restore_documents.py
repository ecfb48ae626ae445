"""Puts back columns of documents, and deletes documents that a run created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest
from tap_activecampaign_unified.client.graphql.request import run_graphql
from tap_activecampaign_unified.resources.custom_objects import RECORDS
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.write_client import DocumentChange
from target_activecampaign.outcome import RowSkipped
from target_activecampaign.records.list_status import SUBSCRIBED
from target_activecampaign.sinks.commerce.orders import HISTORICAL
from target_activecampaign.sinks.commerce.store_lookup import list_of_store
from target_activecampaign.sinks.commerce.upserts import ACCEPTED
from target_activecampaign.sinks.custom_objects import find_object, send_record
from target_activecampaign.undo.comparable_values import COLUMN, RecordValues
from target_activecampaign.undo.kinds import (
    ORDERS,
    PRODUCTS,
    STORE_KINDS,
    SUBSCRIPTIONS,
    store_key,
)

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    Document = dict[str, Any]

NO_PERSON = "the account has no contact with its address; writing it would create the contact"
PERSON_STAYS = "a contact that it created stays"
SUBSCRIPTION_STAYS = "a subscription to the store's list that it began stays"
NOT_SUBSCRIBED = "accepts_marketing: left out, the contact is not subscribed to the store's list"
_DELETE = "mutation($id: String) { deleteProduct(id: $id) { id } }"
_FIND = (
    "query($store: Int, $own: String) { searchProduct(filter: {"
    "legacyConnectionId: {value: $store, filterOperator: EQ}, "
    "storePrimaryId: {value: $own, filterOperator: EQ}}) { id } }"
)


def restore_document(
    context: WriteContext, kind: str, key: str, before: Document, present: RecordValues
) -> list[str]:
    """Write a record with the earlier columns ``before``; return remarks.

    A column without an earlier value becomes empty. Raises `RowSkipped` and `RequestError`.
    """
    columns = {name.removeprefix(COLUMN): value for name, value in present.parts.items()}
    if kind in STORE_KINDS:
        return _restore_row(context, kind, key, before, columns)
    resource = find_object(context, kind)
    if resource is not None:
        # ActiveCampaign may keep a relationship that is left out: send it without ids.
        empty: Document = {name: [] for name in before if name.startswith("relation:")}
        filled = {name: value for name, value in before.items() if value is not None}
        kept = {name: value for name, value in columns.items() if name not in before}
        change = DocumentChange(kind, key, columns, kept | empty | filled)
        send_record(context, resource, change)
    return []


def _restore_row(
    context: WriteContext, kind: str, key: str, before: Document, present: Document
) -> list[str]:
    """Upsert a row of a store. An order is sent as historical, so that it starts no automation."""
    (store, own_id), mutation = store_key(key), STORE_KINDS[kind].mutation
    document = dict(before) if mutation.is_patch else present | before
    document |= {"legacyConnectionId": store, mutation.key: own_id}
    remarks = [ACCEPTED] if mutation.is_async else []
    if kind in {ORDERS, SUBSCRIPTIONS}:
        remarks += _check_person(context, store, document)
        remarks += [PERSON_STAYS] if "email" in before else []
        remarks += [SUBSCRIPTION_STAYS] if "acceptsMarketing" in before else []
    if kind == ORDERS:
        document["creationSource"] = HISTORICAL
    STORE_KINDS[kind].stored.drop_unknown_columns(context, document)
    context.write_client.mutate(mutation.name, mutation.query, {"rows": [document]})
    return remarks


def _check_person(context: WriteContext, store: int, document: Document) -> list[str]:
    """Keep an undo from creating or subscribing a contact; return remarks.

    Raises `RowSkipped` if the upsert would create a contact.
    """
    email = str(document.get("email") or "")
    native_id = context.references.contacts_by_email([email]).get(fold(email)) if email else None
    if email and native_id is None:
        raise RowSkipped(NO_PERSON)
    list_id = list_of_store(context, store) if document.get("acceptsMarketing") is True else ""
    if list_id == "" or native_id is None:
        return []
    rows = context.references.nested_rows("contacts", native_id, "contactLists")
    if any(
        str(row.get("list")) == list_id and str(row.get("status")) == SUBSCRIBED for row in rows
    ):
        return []
    del document["acceptsMarketing"]
    return [NOT_SUBSCRIBED]


def delete_document(context: WriteContext, kind: str, key: str, present: RecordValues) -> None:
    """Delete a product or a record of a custom object. Raises `RequestError`."""
    if kind == PRODUCTS:
        _delete_product(context, key)
        return
    resource = find_object(context, kind)
    if resource is not None:
        path = f"{RECORDS}{resource.schema_id}"
        native_id = present.native.get("id")
        context.write_client.delete_if_exists(f"{path}/{native_id or f'external/{key}'}")


def _delete_product(context: WriteContext, key: str) -> None:
    store, own_id = store_key(key)

    def ids() -> list[str]:
        data = run_graphql(context.client, _FIND, {"store": store, "own": own_id})
        rows = data.get("searchProduct") or []
        return [str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id")]

    for native_id in ids():
        try:
            context.write_client.mutate("deleteProduct", _DELETE, {"id": native_id})
        except InvalidRequest:
            # The response to a first attempt may have been lost.
            if native_id in ids():
                raise
