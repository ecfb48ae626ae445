"""Stores: read only. A row is written only into its own store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.outcome import Action, Outcome, RowDeferred, RowRejected, RowSkipped
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.records.reference import key_text, parse_own_id

if TYPE_CHECKING:
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink

FAMILY = "store"


def map_store(context: WriteContext, sink: Sink, row: InputRecord) -> Outcome:
    """Record which store is the copy of another account's, by service and external id."""
    if not context.policy.is_foreign:
        raise RowSkipped("read only: stores are connected in ActiveCampaign")
    found = _by_external_id(context, row.record)
    if found is None:
        raise RowSkipped("read only: the account has no store with this service and external_id")
    context.foreign_ids.record(sink.family, row, found)
    return Outcome(Action.UNCHANGED, found)


def store_of(context: WriteContext, row: InputRecord) -> int:
    """Return the connection's id of a row.

    With another account's ids, a store is found through its row of `commerce_stores`, or through
    ``store: {service, external_id}`` of the row itself. Raises `RowRejected`, and `RowDeferred`
    where the store's row may still come.
    """
    record = row.record
    given = record.get("store_id")
    if context.policy.is_foreign:
        beside = record.get("store")
        found = _by_external_id(context, beside) if isinstance(beside, dict) else None
        source = key_text(given, "store_id", is_id=True)
        if found is None:
            found = context.foreign_ids.resolve(FAMILY, source)
        if found is None or found not in context.references.table(FAMILY):
            reason = (
                "store_id: no store of this account is known for it; send commerce_stores too, or "
                "store with service and external_id"
            )
            if context.references.is_final:
                raise RowRejected(reason)
            raise RowDeferred(reason, FAMILY)
        return int(found)
    own = parse_own_id(given, "store_id")
    if own is None:
        raise RowRejected("store_id: missing; give the id of one of commerce_stores")
    if own not in context.references.table(FAMILY):
        raise RowRejected("store_id: the account has no store with this id")
    return int(own)


def list_of_store(context: WriteContext, store: int) -> str | None:
    """Return the list to which a store subscribes people who accept marketing.

    Empty where it has none, None where the account does not say.
    """
    row = context.references.table(FAMILY).get(str(store), {})
    for column in ("listId", "listid"):
        if column in row:
            found = str(row[column] or "0").strip()
            return "" if found in {"", "0"} else found
    return None


def _by_external_id(context: WriteContext, record: dict[str, Any]) -> str | None:
    service, external = record.get("service"), record.get("external_id")
    if is_nothing(service) or is_nothing(external):
        return None
    found = [
        native_id
        for native_id, store in context.references.table(FAMILY).items()
        if fold(str(store.get("service") or "")) == fold(str(service))
        and str(store.get("externalid") or "").strip() == str(external).strip()
    ]
    return found[0] if len(found) == 1 else None
