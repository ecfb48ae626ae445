"""Sink of accounts, found by id or by name. Names are unique without regard to case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound
from tap_activecampaign_unified.resources.custom_field_rows import field_id_of, value_of
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import Action, RowRejected
from target_activecampaign.records.skip_marked_rows import skip_flagged
from target_activecampaign.sinks.fields.native_fields import native_fields_of
from target_activecampaign.sinks.fields.only_if_empty import drop_filled_fields, needs_read
from target_activecampaign.sinks.reject_existing import reject_existing

if TYPE_CHECKING:
    from target_activecampaign.outcome import Outcome
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.fields.native_fields import NativeFields
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


def ensure_account(context: WriteContext, ref: dict[str, str]) -> str:
    """Return the id of an account reference; create the account if only its name is given."""
    name = ref.get("name")
    copy = context.foreign_ids.read_reference("account", ref, "account")
    if copy or not name:
        return copy or context.references.account(ref)
    with context.pool.named_lock("account", fold(name)):
        return context.references.account_named(name) or create(context, {"name": name})[0]


def create(context: WriteContext, body: dict[str, Any]) -> tuple[str, bool]:
    """Create an account; return its id and whether it is new.

    The account is not new if another client has just created an account of this name.
    """
    name = str(body["name"])

    def send() -> str:
        return str(
            context.write_client.write("POST", "accounts", {"account": body}).body["account"]["id"]
        )

    with context.pool.named_lock("account", fold(name)):
        native_id, is_new = context.creates.create_named(
            send, lambda: context.references.account_named(name, is_fresh=True)
        )
        context.references.note_account(name, native_id)
    return native_id, is_new


def write_account(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Write an account."""
    skip_flagged(row.record)
    native = native_fields_of(context, sink, row, entity="account", owner=True)
    name = str(native.columns.get("name") or "").strip()
    native_id = context.foreign_ids.read(sink.family, row.record.get("id"))
    is_own = native_id is not None and not context.policy.is_foreign
    if native_id is None and name:
        native_id = context.references.account_named(name)
        if native_id is not None:
            native.columns.pop("name")
    reject_existing(row, "name", native_id)
    native_id = native_id or (None if row.creates else row.ledger_id)
    if native_id is None and not name:
        raise RowRejected("name: an account needs a name (or an id of this account)")
    if native_id is None:
        action, native_id = _create(context, row, native)
    else:
        _apply_only_if_empty(context, sink, native, native_id)
        name_to_create = None if is_own else name
        action, native_id = _update(context, row, native, native_id, name=name_to_create)
    if name:
        context.references.note_account(name, native_id)
    context.foreign_ids.record(sink.family, row, native_id)
    return native.outcome(action, native_id)


def _create(context: WriteContext, row: InputRow, native: NativeFields) -> tuple[Action, str]:
    body = native.body()
    native_id, is_new = create(context, body)
    if is_new:
        return Action.CREATED, native_id
    reject_existing(row, "name", native_id)
    del body["name"]  # another client has just created the account
    if body:
        context.write_client.write("PUT", f"accounts/{native_id}", {"account": body})
    return Action.UPDATED, native_id


def _update(
    context: WriteContext,
    row: InputRow,
    native: NativeFields,
    native_id: str,
    *,
    name: str | None,
) -> tuple[Action, str]:
    body = native.body()
    if not body:
        return Action.UNCHANGED, native_id
    try:
        context.write_client.write("PUT", f"accounts/{native_id}", {"account": body})
    except NotFound:
        if not name:
            context.ledger.forget(row.ledger_key)
            raise RowRejected("id: ActiveCampaign has no account with this id") from None
        # Another client deleted the account that the ledger names: create it again.
        return Action.CREATED, create(context, {**body, "name": name})[0]
    return Action.UPDATED, native_id


def _apply_only_if_empty(
    context: WriteContext, sink: Sink, native: NativeFields, native_id: str
) -> None:
    if needs_read(context, sink, native):
        present = context.client.get(f"accounts/{native_id}").body.get("account") or {}
        rows = context.references.custom_values_of("account", native_id)
        custom_values = {field_id_of(row): value_of(row) for row in rows}
        drop_filled_fields(context, sink, native, present, custom_values)
