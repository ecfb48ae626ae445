"""Finds the store of each e-commerce row. The target does not write stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import Action, Outcome, RowDeferred, RowRejected, RowSkipped
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.row_references import key_text, parse_own_id

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

FAMILY = "store"


def map_store(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Record which store is the copy of another account's store, by service and external id."""
    if not context.policy.is_foreign:
        raise RowSkipped("read only: stores are connected in ActiveCampaign")
    store = _by_external_id(context, row.record)
    if store is None:
        raise RowSkipped("read only: the account has no store with this service and external_id")
    context.foreign_ids.record(sink.family, row, store)
    return Outcome(Action.UNCHANGED, store)


def store_of(context: WriteContext, row: InputRow) -> int:
    """Return the id of a row's store, which ActiveCampaign calls a connection.

    With another account's ids, a row of `commerce_stores` or the row's own ``store: {service,
    external_id}`` names the store. Raises `RowRejected`, and `RowDeferred` if the store's row may
    still follow.
    """
    record = row.record
    store_id = record.get("store_id")
    if context.policy.is_foreign:
        natural_key = record.get("store")
        native_id = _by_external_id(context, natural_key) if isinstance(natural_key, dict) else None
        source = key_text(store_id, "store_id", is_id=True)
        if native_id is None:
            native_id = context.foreign_ids.resolve(FAMILY, source)
        if native_id is None or native_id not in context.references.table(FAMILY):
            reason = (
                "store_id: no store of this account is known for it; send commerce_stores too, or "
                "store with service and external_id"
            )
            if context.references.is_final:
                raise RowRejected(reason)
            raise RowDeferred(reason, FAMILY)
        return int(native_id)
    own_id = parse_own_id(store_id, "store_id")
    if own_id is None:
        raise RowRejected("store_id: missing; give the id of one of commerce_stores")
    if own_id not in context.references.table(FAMILY):
        raise RowRejected("store_id: the account has no store with this id")
    return int(own_id)


def list_of_store(context: WriteContext, store: int) -> str | None:
    """Return the list to which a store subscribes people who accept marketing.

    Empty if the store has no list, None if the account does not show it.
    """
    row = context.references.table(FAMILY).get(str(store), {})
    for column in ("listId", "listid"):
        if column in row:
            list_id = str(row[column] or "0").strip()
            return "" if list_id in {"", "0"} else list_id
    return None


def _by_external_id(context: WriteContext, record: dict[str, Any]) -> str | None:
    service, external = record.get("service"), record.get("external_id")
    if is_nothing(service) or is_nothing(external):
        return None
    stores = [
        native_id
        for native_id, store in context.references.table(FAMILY).items()
        if fold(str(store.get("service") or "")) == fold(str(service))
        and str(store.get("externalid") or "").strip() == str(external).strip()
    ]
    return stores[0] if len(stores) == 1 else None
