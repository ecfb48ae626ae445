"""What an account is set up with: tags, lists, pipelines, stages, groups, users, custom fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import is_duplicate
from target_activecampaign.client.create_once import create_named
from target_activecampaign.lookups.references import SHELVES
from target_activecampaign.outcome import Action, Outcome, Rejection
from target_activecampaign.records.values import fold, is_nothing

from .context import text_of
from .create_only import refuse_known
from .record_sink import own_id_of, refuse_marked

if TYPE_CHECKING:
    from target_activecampaign.records.record import Row

    from .context import Desk
    from .record_sink import Native
    from .sink import Kind


@dataclass(frozen=True)
class Way:
    """How rows of a family are sent: the body's wrapper and the verb of an update."""

    wrapper: str
    update: str = "PUT"


WAYS = {
    "tag": Way("tag"),
    "list": Way("list", "PATCH"),  # PUT is not known to work on lists
    "pipeline": Way("dealGroup"),
    "stage": Way("dealStage"),
    "group": Way("group"),
    "user": Way("user"),
}


# --- one way for all ----------------------------------------------------------------------------


def _write(
    desk: Desk,
    kind: Kind,
    row: Row,
    native: Native,
    *,
    name: str,
    fresh: dict[str, Any],
    within: str | None = None,
) -> Outcome:
    """Update the row that the record means, or create it with ``fresh``."""
    refuse_marked(row)
    family = kind.family
    native_id = _find(desk, kind, row, name, within)
    refuse_known(row, SHELVES[family].part, native_id)
    table = desk.references.table(family)
    if native_id is not None:
        there = table.get(native_id, {})
        change = {k: v for k, v in native.columns.items() if not _is_same(there.get(k), v)}
        if family == "stage" and within and text_of(there.get("group")) not in {None, within}:
            native.left_out.append("pipeline: a stage stays in its pipeline")
        if fold(str(there.get(SHELVES[family].column) or "")) == fold(name) and not _named_by_id(
            desk, row
        ):
            change.pop(SHELVES[family].column, None)
        desk.note_copy(kind, row, native_id)
        if not change:
            return native.outcome(Action.UNCHANGED, native_id)
        _update(desk, kind, native_id, change)
        return native.outcome(Action.UPDATED, native_id)
    if not name:
        raise Rejection(f"{SHELVES[family].part}: a new {SHELVES[family].word} needs one")
    if family == "stage" and within is None:
        raise Rejection("pipeline: a new stage needs the pipeline it belongs to")
    native_id, is_new = _create(desk, kind, name, fresh, within)
    if not is_new:
        refuse_known(row, SHELVES[family].part, native_id)
    desk.note_copy(kind, row, native_id)
    return native.outcome(Action.CREATED if is_new else Action.UPDATED, native_id)


def _named_by_id(desk: Desk, row: Row) -> bool:
    return not desk.policy.is_foreign and not is_nothing(row.record.get("id"))


def _is_same(there: Any, value: Any) -> bool:
    return str("" if there is None else there).strip() == str(value).strip()


def _find(desk: Desk, kind: Kind, row: Row, name: str, within: str | None) -> str | None:
    table = desk.references.table(kind.family)
    word = SHELVES[kind.family].word
    native_id = own_id_of(desk, kind, row)
    if native_id is not None:
        if native_id in table:
            return native_id
        if not desk.policy.is_foreign:
            raise Rejection(f"id: the account has no {word} with this id")
    found = _named(desk, kind.family, name, within) if name else []
    if len(found) > 1:
        raise Rejection(f"{word}: several carry this name; give the id")
    if found:
        return found[0]
    return row.known_id if row.known_id in table and not row.creates else None


def _named(desk: Desk, family: str, name: str, within: str | None) -> list[str]:
    if family == "tag":
        # A tag of contacts and one of templates may share a name.
        rows = [
            row
            for row in desk.references.table("tag").values()
            if fold(str(row.get("tag") or "")) == fold(name)
            and str(row.get("tagType") or "contact") == (within or "contact")
        ]
        return [str(row["id"]) for row in rows]
    rows = desk.references.named(family, name)
    return [str(r["id"]) for r in rows if within is None or text_of(r.get("group")) == within]


def _update(desk: Desk, kind: Kind, native_id: str, change: dict[str, Any]) -> None:
    way = WAYS[kind.family]
    path = f"{kind.resource.endpoint}/{native_id}"
    desk.pen.write(way.update, path, {way.wrapper: change})
    kept = {k: v for k, v in change.items() if k != "password"}
    desk.references.note(kind.family, {"id": native_id, **kept})


def _create(
    desk: Desk, kind: Kind, name: str, fresh: dict[str, Any], within: str | None
) -> tuple[str, bool]:
    way, family = WAYS[kind.family], kind.family
    params = [("reorder", 1)] if family == "stage" and "order" in fresh else []

    def send() -> str:
        answer = desk.pen.write(
            "POST", kind.resource.endpoint, {way.wrapper: fresh}, params=params, repeatable=False
        )
        made = answer.body[way.wrapper]
        kept = {k: v for k, v in fresh.items() if k != "password"}
        desk.references.note(family, {**kept, "id": str(made["id"])})
        return str(made["id"])

    def look() -> str | None:
        desk.references.reread(family)
        found = _named(desk, family, name, within)
        return found[0] if len(found) == 1 else None

    return create_named(desk, send, look, is_taken=is_duplicate)


# --- what the tap reads of users and fields -------------------------------------------------------
