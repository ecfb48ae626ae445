"""Sink of opportunities, matched by id, by external id, or by name and contact."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound
from tap_activecampaign_unified.resources.custom_field_rows import field_id_of, value_of
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.holdout import HELD_OUT
from target_activecampaign.lookups.row_contact import prefetch_row_contacts
from target_activecampaign.outcome import Action, RowRejected, RowSkipped
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.record_identity import identity_by
from target_activecampaign.records.row_references import id_text, parse_reference
from target_activecampaign.records.skip_marked_rows import skip_flagged
from target_activecampaign.sinks.fields.native_fields import native_fields_of
from target_activecampaign.sinks.fields.only_if_empty import drop_filled_fields, needs_read
from target_activecampaign.sinks.reject_existing import reject_created_earlier, reject_existing
from target_activecampaign.sinks.row_by_row import row_by_row

from .contacts import add_contacts, contacts_of
from .matching import STEP, encode_external_id, external_id_of, find_opportunity
from .stage import set_stage

if TYPE_CHECKING:
    from target_activecampaign.lookups.opportunities import OpportunityLookup
    from target_activecampaign.outcome import Outcome
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.records.record_identity import RecordIdentity
    from target_activecampaign.sinks.fields.native_fields import NativeFields
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

logger = logging.getLogger(__name__)


def write_opportunities(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Write the opportunities of a batch."""
    deals = context.opportunities(len(rows))
    prefetch_row_contacts(context.references, rows)

    def write(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
        return _write(context, sink, row, deals)

    row_by_row(write, _identity)(context, sink, rows)


def _identity(context: WriteContext, row: InputRow) -> RecordIdentity:
    """Return the identity of a deal. Without an external id, it may be any deal of its name."""
    policy = context.policy
    external = None
    with contextlib.suppress(RowRejected):  # the write of the row rejects it again
        external = external_id_of(context, row)
    name = row.record.get("name")
    is_by_name = "name+contact" in policy.match_opportunities_on
    columns = {"external_id": external, **({"name": name} if is_by_name else {})}
    is_vague = is_nothing(external) and not is_nothing(name)
    return identity_by(
        row, columns, ids_are_foreign=policy.is_foreign, also=[fold(str(name))] if is_vague else []
    )


def _write(context: WriteContext, sink: Sink, row: InputRow, deals: OpportunityLookup) -> Outcome:
    skip_flagged(row.record)
    native = native_fields_of(context, sink, row, entity="opportunity", owner=True)
    external = encode_external_id(context, row, native.custom)
    reject_created_earlier(context, row, "name", "deals")
    native_id = find_opportunity(context, sink, row, deals, external)
    reject_existing(row, "external_id" if external else "name", native_id)
    primary_ref, other_refs = contacts_of(row)
    primary = context.references.contact(primary_ref) if primary_ref else None
    others = [context.references.contact(ref) for ref in other_refs]
    _skip_held_out(context, deals, None if primary or others else native_id)
    account = parse_reference(row.record.get("account"), "account")
    if primary:
        native.columns["contact"] = primary
    if account:
        native.columns["account"] = context.references.account(account)
    set_stage(context, row, native, native_id, deals)
    if native_id is not None and needs_read(context, sink, native):
        current = deals.get(native_id)
        rows = context.references.custom_values_of("opportunity", native_id)
        custom_values = {field_id_of(row): value_of(row) for row in rows}
        drop_filled_fields(context, sink, native, current, custom_values)
    action = Action.UPDATED
    if native_id is None:
        native_id = _create(context, row, native, deals, external)
        action = Action.CREATED
    elif native.body():
        try:
            context.write_client.write("PUT", f"deals/{native_id}", {"deal": native.body()})
        except NotFound:
            context.ledger.forget(row.ledger_key)
            raise RowRejected(
                "id: the account has no opportunity with this id; if the row has no id, the "
                "target creates the opportunity when it reads the row again"
            ) from None
    elif not others:
        action = Action.UNCHANGED
    if external:
        deals.note_key(external[1], native_id)
    add_contacts(context, native_id, others, is_new=action is Action.CREATED)
    if native.columns.get("stage"):
        title = context.references.table("stage").get(str(native.columns["stage"]), {}).get("title")
        context.plan.put_into_stage(str(title), row.ledger_key)
    context.foreign_ids.record(sink.family, row, native_id)
    return native.outcome(action, native_id)


def _skip_held_out(context: WriteContext, deals: OpportunityLookup, native_id: str | None) -> None:
    """Skip a deal whose own contact is in the control group."""
    if native_id is not None and context.holdout.is_active:
        owner = id_text(deals.get(native_id).get("contact"))
        if owner and context.holdout.is_contact_held_out(owner):
            raise RowSkipped(HELD_OUT)


def _create(
    context: WriteContext,
    row: InputRow,
    native: NativeFields,
    deals: OpportunityLookup,
    external: tuple[str, str] | None,
) -> str:
    body = native.body()
    if not body.get("title"):
        raise RowRejected("name: a new opportunity needs a name")
    if not body.get("contact") and not body.get("account"):
        raise RowRejected("contact: a new opportunity needs a primary contact or an account")
    if not body.get("group") and not body.get("stage"):
        raise RowRejected("stage: a new opportunity needs a stage or a pipeline")
    body.setdefault("value", 0)
    if not body.get("currency"):
        group = context.references.table("pipeline").get(str(body.get("group")), {})
        body["currency"] = str(group.get("currency") or "usd").lower()

    if not body.get("owner"):
        names_owner = not is_nothing(row.record.get("owner"))
        _set_owner(context, native, body, names_owner=names_owner)

    def send() -> str:
        return str(context.write_client.write("POST", "deals", {"deal": body}).body["deal"]["id"])

    def look(since: float) -> list[str]:
        return deals.created_since(since, body, external)

    native_id = row.ledger_id = context.creates.create(row.ledger_key, STEP, send, look)
    return native_id


def _set_owner(
    context: WriteContext, native: NativeFields, body: dict[str, Any], *, names_owner: bool
) -> None:
    """Make the API key's user the owner if the pipeline rejects a deal without an owner.

    The result says so if the row names an owner. If it names none, the log says so once per run.
    """
    pipeline = body.get("group")
    if not pipeline:
        pipeline = context.references.table("stage").get(str(body["stage"]), {}).get("group")
    row = context.references.table("pipeline").get(str(pipeline), {})
    if str(row.get("autoassign") or "0") == "0":
        user = context.client.get("users/me").body.get("user")
        if isinstance(user, dict) and user.get("id"):
            body["owner"] = str(user["id"])
            if names_owner:
                native.remarks.append(
                    "owner: the row names no known user; the owner is the API key's user"
                )
            elif not context.owner_is_logged:
                context.owner_is_logged = True
                logger.info(
                    "crm_opportunities: the owner of a new deal without owner is the API key's "
                    "user, where its pipeline assigns none"
                )
