"""Opportunities: found by id, by your own key or by name and contact; created once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import CallError, Missing, Refused
from tap_activecampaign_unified.client.errors import is_duplicate
from tap_activecampaign_unified.resources.custom_fields import value_field, value_of
from target_activecampaign.client.create_once import create_once, settled
from target_activecampaign.lookups.deals import Deals
from target_activecampaign.outcome import Action, Rejection
from target_activecampaign.records.identity import known_by
from target_activecampaign.records.reference import reference, references
from target_activecampaign.records.values import fold, is_nothing

from .context import text_of
from .create_only import refuse_known, refuse_made
from .record_sink import each, keep_only_blanks, may_fill, native_of, own_id_of, refuse_marked

if TYPE_CHECKING:
    from target_activecampaign.outcome import Outcome
    from target_activecampaign.records.identity import Sign
    from target_activecampaign.records.record import Row

    from .context import Desk
    from .custom_fields import Encoded
    from .record_sink import Native
    from .sink import Kind

STEP = "deal"


def write_opportunities(desk: Desk, kind: Kind, rows: list[Row]) -> None:
    """Write the opportunities of a batch."""
    deals = Deals(desk, rows)
    prefetch(desk, rows)

    def write(desk: Desk, kind: Kind, row: Row) -> Outcome:
        return _write(desk, kind, row, deals)

    each(write, _sign)(desk, kind, rows)


def _sign(desk: Desk, row: Row) -> Sign:
    """Return by what a deal is known; without a key of its own it might be any of its name."""
    policy = desk.policy
    external = _external_of(desk, row)
    name = row.record.get("name")
    is_by_name = "name+contact" in policy.match_opportunities_on
    columns = {"external_id": external, **({"name": name} if is_by_name else {})}
    is_vague = is_nothing(external) and not is_nothing(name)
    return known_by(desk, row, columns, also=[fold(str(name))] if is_vague else [])


def _external_of(desk: Desk, row: Row) -> Any:
    """Return a row's value of your own key, from whichever column gives it."""
    given = row.record.get("external_id")
    custom = row.record.get("custom_fields")
    name = desk.policy.opportunity_external_id_field
    if not is_nothing(given) or name is None or not isinstance(custom, dict):
        return given
    fields = desk.references.fields("opportunity")
    key = fields.find(name)
    for column, value in custom.items():
        if key is not None and fields.find(column) == key and not is_nothing(value):
            return str(value).strip()
    return None


def _write(desk: Desk, kind: Kind, row: Row, deals: Deals) -> Outcome:
    refuse_marked(row)
    native = native_of(desk, kind, row, entity="opportunity", owner=True)
    external = _external(desk, row, native.custom)
    refuse_made(desk, row, "name", "deals")
    native_id = _match(desk, kind, row, deals, external)
    refuse_known(row, "external_id" if external else "name", native_id)
    contacts = [
        desk.references.contact(ref) for ref in references(row.record.get("contact"), "contact")
    ]
    account = reference(row.record.get("account"), "account")
    if contacts:
        native.columns["contact"] = contacts[0]
    if account:
        native.columns["account"] = desk.references.account(account)
    _place(desk, row, native, native_id, deals)
    if native_id is not None and may_fill(desk, kind, native):
        there = deals.get(native_id)
        stored = desk.references.below("deals", native_id, "dealCustomFieldData")
        keep_only_blanks(desk, kind, native, there, {value_field(r): value_of(r) for r in stored})
    action = Action.UPDATED
    if native_id is None:
        native_id = _create(desk, row, native, deals, external)
        action = Action.CREATED
    elif native.body():
        try:
            desk.pen.write("PUT", f"deals/{native_id}", {"deal": native.body()})
        except Missing:
            desk.ledger.forget(row.ledger_key)
            raise Rejection(
                "id: the account has no opportunity with this id (any more); a row without an id "
                "is made anew when it is delivered again"
            ) from None
    elif len(contacts) < 2:
        action = Action.UNCHANGED
    if external:
        deals.note_key(external[1], native_id)
    _join(desk, native_id, contacts[1:], is_new=action is Action.CREATED)
    if native.columns.get("stage"):
        title = desk.references.table("stage").get(str(native.columns["stage"]), {}).get("title")
        desk.forecast.gain(f"the stage {title}", row.ledger_key)
    desk.note_copy(kind, row, native_id)
    return native.outcome(action, native_id)


def prefetch(desk: Desk, rows: list[Row]) -> None:
    """Look up the contacts of many rows at once; what cannot be read is each row's own affair."""
    refs = []
    for row in rows:
        with contextlib.suppress(Rejection):
            refs += references(row.record.get("contact"), "contact")
    with contextlib.suppress(CallError):
        desk.references.prefetch_contacts(refs)


# --- which deal -------------------------------------------------------------------------------


def _external(desk: Desk, row: Row, custom: Encoded) -> tuple[str, str] | None:
    """Return the field of your own key and the row's value of it; puts it among the values."""
    name = desk.policy.opportunity_external_id_field
    given = row.record.get("external_id")
    if name is None:
        if not is_nothing(given):
            raise Rejection(
                "external_id: set opportunity_external_id_field to the custom field that holds it"
            )
        return None
    one = desk.references.fields("opportunity").find(name)
    if one is None and not is_nothing(given):
        found = desk.custom.encode("opportunity", {name: str(given)})
        one = desk.references.fields("opportunity").find(name)
        custom.values |= found.values
    if one is None:
        if is_nothing(given):
            return None
        raise Rejection(
            "opportunity_external_id_field: the account has no such deal field; create it"
        )
    if is_nothing(given):
        value = custom.values.get(one.id, (one, None, None))[1]
        return None if is_nothing(value) else (one.id, str(value).strip())
    if isinstance(given, (dict, list, bool)):
        raise Rejection("external_id: must be text")
    custom.values |= desk.custom.encode("opportunity", {name: str(given).strip()}).values
    return one.id, str(given).strip()


def _match(
    desk: Desk, kind: Kind, row: Row, deals: Deals, external: tuple[str, str] | None
) -> str | None:
    native_id = own_id_of(desk, kind, row)
    ways = {
        "id": lambda: [native_id] if native_id else [],
        "external_id": lambda: _by_key(desk, row, deals, external),
        "name+contact": lambda: _by_name(desk, row, deals),
    }
    for way in desk.policy.match_opportunities_on:
        found = ways[way]()
        if len(found) > 1:
            raise Rejection(f"{way}: it fits several opportunities; give the id")
        if found:
            return found[0]
    if native_id is not None and not desk.policy.is_foreign:
        raise Rejection("id: given, but match_opportunities_on does not name it")
    return native_id or row.known_id


def _by_key(desk: Desk, row: Row, deals: Deals, external: tuple[str, str] | None) -> list[str]:
    if external is None:
        return []
    if row.known_id:
        return [row.known_id]
    if desk.ledger.pending(row.ledger_key, STEP) is not None:
        return []  # it is looked for among the new ones
    return sorted(set(deals.keyed(external[1], external[0])))


def _by_name(desk: Desk, row: Row, deals: Deals) -> list[str]:
    refs = references(row.record.get("contact"), "contact")
    name = row.record.get("name")
    if not refs or is_nothing(name) or row.known_id:
        return [row.known_id] if row.known_id else []
    if desk.ledger.pending(row.ledger_key, STEP) is not None:
        return []  # it is looked for among the new ones
    return sorted(set(deals.named(str(name).strip(), desk.references.contact(refs[0]))))


# --- where it stands --------------------------------------------------------------------------


def _place(desk: Desk, row: Row, native: Native, native_id: str | None, deals: Deals) -> None:
    """Find stage and pipeline: the stage within its pipeline, both where the deal changes over."""
    stage_ref = reference(row.record.get("stage"), "stage")
    pipeline_ref = reference(row.record.get("pipeline"), "pipeline")
    if not stage_ref and not pipeline_ref:
        return
    pipeline = desk.references.find("pipeline", pipeline_ref) if pipeline_ref else None
    if not stage_ref:
        native.columns["group"] = pipeline
        return
    there = None
    if pipeline is None and native_id is not None:
        if stage_ref.get("id"):
            stage = desk.references.stage(stage_ref, None)
            native.columns |= {"stage": str(stage["id"]), "group": str(stage.get("group"))}
            return
        there = deals.get(native_id)
        if there.get("isDisabled") in {True, "1"}:
            raise Rejection("id: the key's user may not see this opportunity's pipeline")
        pipeline = text_of(there.get("group"))
    stage = desk.references.stage(stage_ref, pipeline)
    native.columns["stage"] = str(stage["id"])
    if pipeline_ref or native_id is None:
        native.columns["group"] = str(stage.get("group") or pipeline)


def _create(
    desk: Desk, row: Row, native: Native, deals: Deals, external: tuple[str, str] | None
) -> str:
    body = native.body()
    if not body.get("title"):
        raise Rejection("name: a new opportunity needs a name")
    if not body.get("contact") and not body.get("account"):
        raise Rejection("contact: a new opportunity needs a contact or an account")
    if not body.get("group") and not body.get("stage"):
        raise Rejection("stage: a new opportunity needs a stage or a pipeline")
    body.setdefault("value", 0)
    if not body.get("currency"):
        group = desk.references.table("pipeline").get(str(body.get("group")), {})
        body["currency"] = str(group.get("currency") or "usd").lower()

    if not body.get("owner"):
        _own(desk, native, body)

    def send() -> str:
        return str(desk.pen.write("POST", "deals", {"deal": body}).body["deal"]["id"])

    def look(since: float) -> list[str]:
        return deals.created_since(since, body, external)

    native_id = create_once(desk, row.ledger_key, STEP, send, look)
    settled(desk, row.ledger_key, STEP, native_id)
    row.known_id = native_id
    return native_id


def _own(desk: Desk, native: Native, body: dict[str, Any]) -> None:
    """Give a deal to the key's own user where the pipeline would refuse one without an owner."""
    pipeline = body.get("group")
    if not pipeline:
        pipeline = desk.references.table("stage").get(str(body["stage"]), {}).get("group")
    row = desk.references.table("pipeline").get(str(pipeline), {})
    if str(row.get("autoassign") or "0") == "0":
        me = desk.client.get("users/me").body.get("user")
        if isinstance(me, dict) and me.get("id"):
            body["owner"] = str(me["id"])
            native.remarks.append("owner: none that is known; given to the key's user")


def _join(desk: Desk, native_id: str, others: list[str], *, is_new: bool) -> None:
    """Add secondary contacts that are not on the deal yet."""
    if not others:
        return
    rows = [] if is_new else desk.references.below("deals", native_id, "contactDeals")
    known = {text_of(row.get("contact")) for row in rows}
    for contact in dict.fromkeys(others):
        if contact not in known:
            body = {"contactDeal": {"contact": contact, "deal": native_id}}
            try:
                # A second one is refused, so it may be repeated.
                desk.pen.write("POST", "contactDeals", body, repeatable=True)
            except Refused as problem:
                if not is_duplicate(problem):
                    raise
