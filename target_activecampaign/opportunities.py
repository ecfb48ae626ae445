"""Opportunities: found by id, by your own key or by name and contact; created once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.api import CallError, Missing, Refused, total_of, walk_offset
from tap_activecampaign_unified.unified.codecs import parse_instant
from tap_activecampaign_unified.unified.custom_fields import value_field, value_of, value_owner

from .chains import known_by
from .creates import create_once, settled
from .desk import text_of
from .native import each, keep_only_blanks, may_fill, native_of, own_id_of, refuse_marked
from .novelty import refuse_known, refuse_made
from .pen import is_planned
from .references import is_duplicate
from .results import Action, Rejection
from .rows import fold, is_nothing, reference, references

if TYPE_CHECKING:
    from .chains import Sign
    from .custom_values import Encoded
    from .desk import Desk, Kind
    from .native import Native
    from .results import Outcome
    from .rows import Row

STEP = "deal"
FULL_PAGE = 100


class Deals:
    """The account's deals as far as the rows of a batch need them."""

    def __init__(self, desk: Desk, rows: list[Row]) -> None:
        """Read nothing before somebody asks."""
        self._desk, self._count = desk, len(rows)
        self._all: dict[str, dict[str, Any]] | None = None
        self._is_few: bool | None = None
        self._noted: list[tuple[str, str]] = []

    def get(self, native_id: str) -> dict[str, Any]:
        """Return a deal; all are read at once where that is fewer requests than one by one."""
        if is_planned(native_id):
            return {}
        with self._desk.turns.alone("deals"):
            self._read_all()
        if self._all is not None and native_id in self._all:
            return self._all[native_id]
        try:
            row = self._desk.client.get(f"deals/{native_id}").body.get("deal")
        except Missing:
            raise Rejection("id: the account has no opportunity with this id") from None
        return row if isinstance(row, dict) else {}

    def _read_all(self) -> None:
        if self._all is None and self._is_few is None:
            answer = self._desk.client.get("deals", [("limit", 1)])
            total = total_of(answer.body)
            self._is_few = total is None or total / FULL_PAGE + 2 > self._count
            if not self._is_few:
                self._all = {
                    str(row.get("id")): row
                    for page in walk_offset(self._desk.client, "deals", "deals")
                    for row in page.rows
                }

    def keyed(self, external_id: str, field_id: str) -> list[str]:
        """Return the deals that hold your own key in the custom field for it."""
        references = self._desk.references
        with self._desk.turns.alone("deal keys"):
            if references.deal_keys is None:
                references.deal_keys = self._read_keys(field_id)
        return references.deal_keys.get(fold(external_id), [])

    def _read_keys(self, field_id: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        path = "dealCustomFieldData"
        for page in walk_offset(self._desk.client, path, path):
            for row in page.rows:
                if value_field(row) == field_id:
                    key = fold(str(value_of(row) or ""))
                    found.setdefault(key, []).append(value_owner(row, "opportunity"))
        for key, native_id in self._noted:  # written while the keys were read
            if native_id not in found.setdefault(key, []):
                found[key].append(native_id)
        return found

    def note_key(self, external_id: str, native_id: str) -> None:
        """Remember the key of a deal that was just written."""
        keys = self._desk.references.deal_keys
        if keys is None:
            self._noted.append((fold(external_id), native_id))
            return
        known = keys.setdefault(fold(external_id), [])
        if native_id not in known:
            known.append(native_id)

    def named(self, name: str, contact: str) -> list[str]:
        """Return the deals of a contact that carry a name."""
        return [
            str(row.get("id"))
            for row in self._titled(name)
            if text_of(row.get("contact")) == contact
        ]

    def _titled(self, name: str, *more: tuple[str, Any]) -> list[dict[str, Any]]:
        params = [("filters[title]", name), *more]
        return [
            row
            for page in walk_offset(self._desk.client, "deals", "deals", params)
            for row in page.rows
            if fold(str(row.get("title") or "")) == fold(name)
        ]

    def created_since(
        self, since: float, body: dict[str, Any], external: tuple[str, str] | None
    ) -> list[str]:
        """Return the deals like ``body`` that were created since a moment."""
        found = []
        for row in self._titled(str(body["title"])):
            made = parse_instant(row.get("cdate"))
            if made is None or made.timestamp() < since:
                continue
            if text_of(row.get("contact")) != text_of(body.get("contact")):
                continue
            if str(row.get("value")) != str(body.get("value")):
                continue
            native_id = str(row.get("id"))
            if external is None or self._has_key(native_id, *external):
                found.append(native_id)
        return found

    def _has_key(self, native_id: str, field_id: str, external_id: str) -> bool:
        rows = self._desk.references.values_below("opportunity", native_id)
        return any(
            value_field(row) == field_id and fold(str(value_of(row) or "")) == fold(external_id)
            for row in rows
        )


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
        stored = desk.references.values_below("opportunity", native_id)
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
