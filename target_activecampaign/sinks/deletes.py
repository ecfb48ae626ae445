"""Rows that say that something is gone: deleted here too, if the settings allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import Forbidden, Missing
from target_activecampaign.outcome import Action, Outcome, Rejection, Skip
from target_activecampaign.records.identity import known_by
from target_activecampaign.records.record import emails_of, identity_of, is_delete
from target_activecampaign.records.reference import reference
from target_activecampaign.records.values import fold, is_nothing
from target_activecampaign.reporting.results import OTHER_ADDRESS

from .limits import AUTOMATIONS
from .record_sink import each

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_activecampaign.records.identity import Sign
    from target_activecampaign.records.record import Row

    from .context import Desk
    from .sink import Kind

GONE = "gone already"
UNSUBSCRIBED = "2"


def in_rounds(rows: list[Row]) -> Iterator[tuple[list[Row], list[Row]]]:
    """Cut a batch into rounds: deletes, and the rows to be written after them.

    A row deleted after it was written must stay deleted, so such a delete begins a new round.
    """
    if not any(map(is_delete, rows)):  # as nearly always: nobody need be told apart
        yield [], rows
        return
    deleted: list[Row] = []
    others: list[Row] = []
    written: dict[frozenset[str], dict[str, set[str]]] = {}
    for row in rows:
        names = _names(row)
        if not is_delete(row):
            others.append(row)
            known = written.setdefault(frozenset(names), {name: set() for name in names})
            for name, value in names.items():
                known[name].add(value)
            continue
        if any(_may_mean(names, known) for known in written.values()):
            yield deleted, others
            deleted, others, written = [], [], {}
        deleted.append(row)
    yield deleted, others


def _names(row: Row) -> dict[str, str]:
    """Return by what a row is told, the surest first."""
    record = row.record
    found = {"id": record.get("id"), "email": next(iter(sorted(emails_of(row))), None)}
    # Two keys can only be compared where they are of the same columns.
    found[f"key {sorted(row.key)}"] = repr(sorted(identity_of(row).items()))
    return {name: fold(str(value)) for name, value in found.items() if not is_nothing(value)}


def _may_mean(names: dict[str, str], known: dict[str, set[str]]) -> bool:
    """Say whether one of the rows known by these columns may be the one with these names."""
    for name, value in names.items():
        if name in known:
            return value in known[name]
    return True


def write_deletes(desk: Desk, kind: Kind, rows: list[Row]) -> None:
    """Delete the rows' counterparts, or say why not.

    Side by side only where no limit can be met: which row is one too many depends on those before.
    """
    guards = desk.guards
    changes, deletes = guards.changes_left, guards.deletes_left
    is_free = deletes >= len(rows) and (changes is None or changes >= len(rows))
    each(_delete, _sign if is_free else None)(desk, kind, rows)


def _sign(desk: Desk, row: Row) -> Sign:
    record = row.record
    return known_by(desk, row, {"email": record.get("email"), "name": record.get("name")})


def _delete(desk: Desk, kind: Kind, row: Row) -> Outcome:
    mark = desk.ledger.key("deleted", row.stream, row.record)
    known = desk.ledger.find(mark)
    key = desk.ledger.key(row.stream, identity_of(row))
    # Written since, it is there again: the rows before this one came again, too.
    if known is not None and not desk.policy.force and desk.ledger.find(key) is None:
        row.ledger_key = b""
        return Outcome(Action.UNCHANGED, known.id, "deleted before", whole=False)
    _refuse(desk, kind)
    native_id = _find(desk, kind, row)
    if native_id is None:
        raise Skip(GONE)
    if kind.family == "contact":
        _refuse_stranger(desk, row, native_id)
        _refuse_opted_out(desk, native_id)
    desk.guards.take_delete()
    path = f"{kind.resource.endpoint}/{native_id}"
    # Deleting a note that is not there answers 403, which may mean anything; reading it, 404.
    gone = (Missing, Forbidden) if kind.family == "note" else (Missing,)
    try:
        if kind.family == "note":
            desk.client.get(path)
        desk.pen.write("DELETE", path)
    except gone as problem:
        desk.guards.deletes -= 1
        if isinstance(problem, Missing):
            desk.ledger.note_id(mark, native_id)
        raise Skip(GONE) from None
    desk.ledger.note_id(mark, native_id)
    desk.ledger.forget(key)
    source = row.record.get("id")
    if desk.policy.is_foreign and not is_nothing(source):
        desk.ledger.drop_copy(kind.family, str(source))
    row.ledger_key = b""
    return Outcome(Action.UPDATED, native_id, "deleted", whole=False)


def _refuse(desk: Desk, kind: Kind) -> None:
    """Raise what the settings say against deleting rows of this kind."""
    if desk.policy.delete_mode == "ignore":
        raise Skip("a deleted row; set delete_mode to delete here too")
    if not kind.can_delete:
        raise Rejection(
            f"{kind.resource.name}: never deleted, because others would go with it; "
            "delete it in ActiveCampaign"
        )
    if not desk.policy.run_automations:
        raise Skip(AUTOMATIONS)
    if desk.guards.changes_left == 0:
        raise Skip("max_changes is reached; the row is left for another run", held=True)


def _refuse_stranger(desk: Desk, row: Row, native_id: str) -> None:
    """Raise where the id is of somebody else than the row's address: nothing brings them back."""
    emails = emails_of(row)
    if desk.policy.is_foreign or desk.policy.allow_email_change or not emails:
        return
    there = desk.references.contacts_by_id([native_id]).get(native_id)
    if there is None:
        raise Skip(GONE)
    if fold(str(there.get("email") or "")) not in emails:
        raise Rejection(OTHER_ADDRESS)


def _refuse_opted_out(desk: Desk, native_id: str) -> None:
    try:
        memberships = desk.references.below("contacts", native_id, "contactLists")
    except Missing:
        raise Skip(GONE) from None
    if any(str(one.get("status")) == UNSUBSCRIBED for one in memberships):
        raise Skip("the person opted out, and deleting would lose that")


def _find(desk: Desk, kind: Kind, row: Row) -> str | None:
    source = row.record.get("id")
    if not is_nothing(source) and not desk.policy.is_foreign:
        return str(source)
    if not is_nothing(source):
        own = desk.ledger.own_id(kind.family, str(source))
        if own:
            return own
    if kind.family == "contact" and not is_nothing(row.record.get("email")):
        email = str(row.record["email"])
        return next(iter(desk.references.contacts_by_email([email]).values()), None)
    if kind.family == "account":
        name = reference({"name": row.record.get("name")}, "account").get("name")
        return desk.references.account_named(name) if name else None
    known = desk.ledger.find(desk.ledger.key(row.stream, identity_of(row)))
    return known.id if known else None
