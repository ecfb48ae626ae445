"""Sink of opportunities, matched by id, by external id, or by name and contact."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, NotFound, RequestError
from tap_activecampaign_unified.client.errors import is_duplicate
from tap_activecampaign_unified.resources.custom_fields import value_field, value_of
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.holdout import HELD_OUT
from target_activecampaign.lookups.opportunities import OpportunityLookup
from target_activecampaign.lookups.stages import find_stage
from target_activecampaign.outcome import Action, RowRejected, RowSkipped
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.records.identity import identity_by
from target_activecampaign.records.reference import id_text, key_text, reference, references
from target_activecampaign.records.values import flag_of

from .create_only import reject_created_earlier, reject_existing
from .only_if_empty import drop_filled_fields, needs_read
from .record_sink import native_fields_of, own_id_of, row_by_row, skip_flagged

if TYPE_CHECKING:
    from target_activecampaign.outcome import Outcome
    from target_activecampaign.records.identity import RecordIdentity
    from target_activecampaign.records.record import InputRecord

    from .context import WriteContext
    from .custom_fields import EncodedFields
    from .record_sink import NativeFields
    from .sink import Sink

STEP = "deal"


def write_opportunities(context: WriteContext, sink: Sink, rows: list[InputRecord]) -> None:
    """Write the opportunities of a batch."""
    deals = OpportunityLookup(context.client, context.pool, context.references, len(rows))
    prefetch(context, rows)

    def write(context: WriteContext, sink: Sink, row: InputRecord) -> Outcome:
        return _write(context, sink, row, deals)

    row_by_row(write, _identity)(context, sink, rows)


def _identity(context: WriteContext, row: InputRecord) -> RecordIdentity:
    """Return the identity of a deal. Without an external id, it may be any deal of its name."""
    policy = context.policy
    external = None
    with contextlib.suppress(RowRejected):  # the row is rejected when it is written
        external = _external_of(context, row)
    name = row.record.get("name")
    is_by_name = "name+contact" in policy.match_opportunities_on
    columns = {"external_id": external, **({"name": name} if is_by_name else {})}
    is_vague = is_nothing(external) and not is_nothing(name)
    return identity_by(
        row, columns, ids_are_foreign=policy.is_foreign, also=[fold(str(name))] if is_vague else []
    )


def _external_of(context: WriteContext, row: InputRecord) -> Any:
    """Return a row's external id, from ``external_id`` or from its custom field."""
    given = row.record.get("external_id")
    custom = row.record.get("custom_fields")
    name = context.policy.opportunity_external_id_field
    if not is_nothing(given) or name is None or not isinstance(custom, dict):
        return key_text(given, "external_id")
    fields = context.references.fields("opportunity")
    key = fields.find(name)
    for column, value in custom.items():
        if key is not None and fields.find(column) == key and not is_nothing(value):
            return key_text(value, column)
    return None


def _write(
    context: WriteContext, sink: Sink, row: InputRecord, deals: OpportunityLookup
) -> Outcome:
    skip_flagged(row.record)
    native = native_fields_of(context, sink, row, entity="opportunity", owner=True)
    external = _external(context, row, native.custom)
    reject_created_earlier(context, row, "name", "deals")
    native_id = _match(context, sink, row, deals, external)
    reject_existing(row, "external_id" if external else "name", native_id)
    primary_ref, other_refs = _contacts_of(row)
    primary = context.references.contact(primary_ref) if primary_ref else None
    others = [context.references.contact(ref) for ref in other_refs]
    _skip_held_out(context, deals, None if primary or others else native_id)
    account = reference(row.record.get("account"), "account")
    if primary:
        native.columns["contact"] = primary
    if account:
        native.columns["account"] = context.references.account(account)
    _set_stage(context, row, native, native_id, deals)
    if native_id is not None and needs_read(context, sink, native):
        there = deals.get(native_id)
        rows = context.references.values_below("opportunity", native_id)
        stored = {value_field(row): value_of(row) for row in rows}
        drop_filled_fields(context, sink, native, there, stored)
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
    _add_contacts(context, native_id, others, is_new=action is Action.CREATED)
    if native.columns.get("stage"):
        title = context.references.table("stage").get(str(native.columns["stage"]), {}).get("title")
        context.plan.gain(f"the stage {title}", row.ledger_key)
    context.note_copy(sink.family, row, native_id)
    return native.outcome(action, native_id)


def _skip_held_out(context: WriteContext, deals: OpportunityLookup, native_id: str | None) -> None:
    """Skip a deal whose own contact is in the control group."""
    if native_id is not None and context.holdout.is_active:
        owner = id_text(deals.get(native_id).get("contact"))
        if owner and context.holdout.is_contact_held_out(owner):
            raise RowSkipped(HELD_OUT)


def _contacts_of(row: InputRecord) -> tuple[dict[str, str] | None, list[dict[str, str]]]:
    """Return a deal's primary contact, None where no contact is primary, and the other contacts.

    Where no ``is_primary`` is given, the first contact is the primary one.
    """
    given = row.record.get("contact")
    items = given if isinstance(given, list) else [] if is_nothing(given) else [given]
    found: list[tuple[dict[str, str], bool | None]] = []
    for item in items:
        ref = reference(item, "contact")
        flag = None
        if isinstance(item, dict) and not is_nothing(item.get("is_primary")):
            flag = flag_of(item, "is_primary", "contact[].is_primary")
        if ref:
            found.append((ref, flag))
    primaries = [ref for ref, flag in found if flag]
    if len(primaries) > 1:
        raise RowRejected("contact[].is_primary: several contacts are primary; keep one")
    primary = next(iter(primaries or [ref for ref, flag in found if flag is None]), None)
    return primary, [ref for ref, _ in found if ref is not primary]


def prefetch(context: WriteContext, rows: list[InputRecord]) -> None:
    """Look up the contacts of many rows at once; an error surfaces when its row is written."""
    refs = []
    for row in rows:
        with contextlib.suppress(RowRejected):
            refs += references(row.record.get("contact"), "contact")
    with contextlib.suppress(RequestError):
        context.references.prefetch_contacts(refs)


# --- match ------------------------------------------------------------------------------------


def _external(
    context: WriteContext, row: InputRecord, custom: EncodedFields
) -> tuple[str, str] | None:
    """Return the external id's field and the row's value; add the value to ``custom``."""
    name = context.policy.opportunity_external_id_field
    given = key_text(row.record.get("external_id"), "external_id")
    if name is None:
        if not is_nothing(given):
            raise RowRejected(
                "external_id: set opportunity_external_id_field to the custom field that holds it"
            )
        return None
    one = context.references.fields("opportunity").find(name)
    if one is None and not is_nothing(given):
        found = context.custom.encode("opportunity", {name: given})
        one = context.references.fields("opportunity").find(name)
        custom.values |= found.values
    if one is None:
        if is_nothing(given):
            return None
        raise RowRejected(
            "opportunity_external_id_field: the account has no such deal field; create it"
        )
    if is_nothing(given):
        value = custom.values.get(one.id, (one, None, None))[1]
        return None if is_nothing(value) else (one.id, str(value).strip())
    custom.values |= context.custom.encode("opportunity", {name: given}).values
    return one.id, str(given)


def _match(
    context: WriteContext,
    sink: Sink,
    row: InputRecord,
    deals: OpportunityLookup,
    external: tuple[str, str] | None,
) -> str | None:
    native_id = own_id_of(context, sink, row)
    finders = {
        "id": lambda: [native_id] if native_id else [],
        "external_id": lambda: _by_key(context, row, deals, external),
        "name+contact": lambda: _by_name(context, row, deals),
    }
    for column in context.policy.match_opportunities_on:
        found = finders[column]()
        if len(found) > 1:
            raise RowRejected(f"{column}: it matches several opportunities; give the id")
        if found:
            return found[0]
    if native_id is not None and not context.policy.is_foreign:
        raise RowRejected("id: given, but match_opportunities_on does not name it")
    return native_id or row.known_id


def _by_key(
    context: WriteContext,
    row: InputRecord,
    deals: OpportunityLookup,
    external: tuple[str, str] | None,
) -> list[str]:
    if external is None:
        return []
    if row.known_id:
        return [row.known_id]
    if context.ledger.pending_since(row.ledger_key, STEP) is not None:
        return []  # the create step looks for it among the new deals
    return sorted(set(deals.keyed(external[1], external[0])))


def _by_name(context: WriteContext, row: InputRecord, deals: OpportunityLookup) -> list[str]:
    primary, _ = _contacts_of(row)
    name = row.record.get("name")
    if not primary or is_nothing(name) or row.known_id:
        return [row.known_id] if row.known_id else []
    if context.ledger.pending_since(row.ledger_key, STEP) is not None:
        return []  # the create step looks for it among the new deals
    return sorted(set(deals.named(str(name).strip(), context.references.contact(primary))))


# --- stage and pipeline -----------------------------------------------------------------------


def _set_stage(
    context: WriteContext,
    row: InputRecord,
    native: NativeFields,
    native_id: str | None,
    deals: OpportunityLookup,
) -> None:
    """Set the native columns of stage and pipeline.

    A stage name is looked up in the row's pipeline, else in the deal's present one.
    """
    stage_ref = reference(row.record.get("stage"), "stage")
    pipeline_ref = reference(row.record.get("pipeline"), "pipeline")
    if not stage_ref and not pipeline_ref:
        return
    pipeline = context.references.resolve_id("pipeline", pipeline_ref) if pipeline_ref else None
    if not stage_ref:
        native.columns["group"] = pipeline
        return
    there = None
    if pipeline is None and native_id is not None:
        if stage_ref.get("id"):
            stage = find_stage(context.references, stage_ref, None)
            native.columns |= {"stage": str(stage["id"]), "group": str(stage.get("group"))}
            return
        there = deals.get(native_id)
        if there.get("isDisabled") in {True, "1"}:
            raise RowRejected("id: the key's user may not see this opportunity's pipeline")
        pipeline = id_text(there.get("group"))
    stage = find_stage(context.references, stage_ref, pipeline)
    native.columns["stage"] = str(stage["id"])
    if pipeline_ref or native_id is None:
        native.columns["group"] = str(stage.get("group") or pipeline)


def _create(
    context: WriteContext,
    row: InputRecord,
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
        _set_owner(context, native, body)

    def send() -> str:
        return str(context.write_client.write("POST", "deals", {"deal": body}).body["deal"]["id"])

    def look(since: float) -> list[str]:
        return deals.created_since(since, body, external)

    native_id = context.creates.create(row.ledger_key, STEP, send, look)
    context.creates.confirm(row.ledger_key, STEP, native_id)
    row.known_id = native_id
    return native_id


def _set_owner(context: WriteContext, native: NativeFields, body: dict[str, Any]) -> None:
    """Make the API key's user the owner, if the pipeline rejects a deal without one."""
    pipeline = body.get("group")
    if not pipeline:
        pipeline = context.references.table("stage").get(str(body["stage"]), {}).get("group")
    row = context.references.table("pipeline").get(str(pipeline), {})
    if str(row.get("autoassign") or "0") == "0":
        me = context.client.get("users/me").body.get("user")
        if isinstance(me, dict) and me.get("id"):
            body["owner"] = str(me["id"])
            native.remarks.append(
                "owner: the row names no known user; the owner is the API key's user"
            )


def _add_contacts(
    context: WriteContext, native_id: str, others: list[str], *, is_new: bool
) -> None:
    """Add the secondary contacts that the deal does not have yet."""
    if not others:
        return
    rows = [] if is_new else context.references.nested_rows("deals", native_id, "contactDeals")
    known = {id_text(row.get("contact")) for row in rows}
    for contact in dict.fromkeys(others):
        if contact not in known:
            body = {"contactDeal": {"contact": contact, "deal": native_id}}
            try:
                # ActiveCampaign rejects a duplicate, so a retry is safe.
                context.write_client.write("POST", "contactDeals", body, repeatable=True)
            except InvalidRequest as problem:
                if not is_duplicate(problem):
                    raise
