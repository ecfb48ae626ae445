"""Writes records that have a unique name: tags, lists, pipelines, stages, groups, users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import is_duplicate
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.lookups.named_tables import LOOKUP_TABLES
from target_activecampaign.outcome import Action, Outcome, RowRejected
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.records.reference import id_text
from target_activecampaign.sinks.create_only import reject_existing
from target_activecampaign.sinks.record_sink import skip_flagged

if TYPE_CHECKING:
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.record_sink import NativeFields
    from target_activecampaign.sinks.sink import Sink


@dataclass(frozen=True)
class WriteEndpoint:
    """How a resource is sent: the key that wraps the body, and the method of an update."""

    wrapper: str
    update: str = "PUT"


WRITE_ENDPOINTS = {
    "tag": WriteEndpoint("tag"),
    "list": WriteEndpoint("list", "PATCH"),  # PUT is not known to work on lists
    "pipeline": WriteEndpoint("dealGroup"),
    "stage": WriteEndpoint("dealStage"),
    "group": WriteEndpoint("group"),
    "user": WriteEndpoint("user"),
}


def write_named(
    context: WriteContext,
    sink: Sink,
    row: InputRecord,
    native: NativeFields,
    *,
    name: str,
    fresh: dict[str, Any],
    within: str | None = None,
) -> Outcome:
    """Update the row that the record identifies, or create it with the columns ``fresh``.

    ``within`` is the id of the pipeline of a stage, or the type of a tag.
    """
    skip_flagged(row.record)
    family = sink.family
    native_id = _find(context, sink, row, name, within)
    reject_existing(row, LOOKUP_TABLES[family].key_part, native_id)
    table = context.references.table(family)
    if native_id is not None:
        there = table.get(native_id, {})
        change = {k: v for k, v in native.columns.items() if not _is_same(there.get(k), v)}
        if family == "stage" and within and id_text(there.get("group")) not in {None, within}:
            native.undone["pipeline"] = "pipeline: a stage stays in its pipeline"
        if fold(str(there.get(LOOKUP_TABLES[family].column) or "")) == fold(
            name
        ) and not _named_by_id(context, row):
            change.pop(LOOKUP_TABLES[family].column, None)
        context.foreign_ids.record(sink.family, row, native_id)
        if not change:
            return native.outcome(Action.UNCHANGED, native_id)
        _update(context, sink, native_id, change)
        return native.outcome(Action.UPDATED, native_id)
    if not name:
        raise RowRejected(
            f"{LOOKUP_TABLES[family].key_part}: a new {LOOKUP_TABLES[family].label} needs one"
        )
    if family == "stage" and within is None:
        raise RowRejected("pipeline: a new stage needs the pipeline it belongs to")
    native_id, is_new = _create(context, sink, name, fresh, within)
    if not is_new:
        reject_existing(row, LOOKUP_TABLES[family].key_part, native_id)
    context.foreign_ids.record(sink.family, row, native_id)
    return native.outcome(Action.CREATED if is_new else Action.UPDATED, native_id)


def _named_by_id(context: WriteContext, row: InputRecord) -> bool:
    return not context.policy.is_foreign and not is_nothing(row.record.get("id"))


def _is_same(there: Any, value: Any) -> bool:
    return str("" if there is None else there).strip() == str(value).strip()


def _find(
    context: WriteContext, sink: Sink, row: InputRecord, name: str, within: str | None
) -> str | None:
    table = context.references.table(sink.family)
    word = LOOKUP_TABLES[sink.family].label
    native_id = context.foreign_ids.read(sink.family, row.record.get("id"))
    if native_id is not None:
        if native_id in table:
            return native_id
        if not context.policy.is_foreign:
            raise RowRejected(f"id: the account has no {word} with this id")
    found = _named(context, sink.family, name, within) if name else []
    if len(found) > 1:
        raise RowRejected(f"{word}: several have this name; give the id")
    if found:
        return found[0]
    return row.known_id if row.known_id in table and not row.creates else None


def _named(context: WriteContext, family: str, name: str, within: str | None) -> list[str]:
    if family == "tag":
        # A tag of contacts and one of templates may share a name.
        rows = [
            row
            for row in context.references.table("tag").values()
            if fold(str(row.get("tag") or "")) == fold(name)
            and str(row.get("tagType") or "contact") == (within or "contact")
        ]
        return [str(row["id"]) for row in rows]
    rows = context.references.find_by_name(family, name)
    return [str(r["id"]) for r in rows if within is None or id_text(r.get("group")) == within]


def _update(context: WriteContext, sink: Sink, native_id: str, change: dict[str, Any]) -> None:
    endpoint = WRITE_ENDPOINTS[sink.family]
    path = f"{sink.resource.endpoint}/{native_id}"
    context.write_client.write(endpoint.update, path, {endpoint.wrapper: change})
    kept = {k: v for k, v in change.items() if k != "password"}
    context.references.remember(sink.family, {"id": native_id, **kept})


def _create(
    context: WriteContext, sink: Sink, name: str, fresh: dict[str, Any], within: str | None
) -> tuple[str, bool]:
    wrapper, family = WRITE_ENDPOINTS[sink.family].wrapper, sink.family
    params = [("reorder", 1)] if family == "stage" and "order" in fresh else []

    def send() -> str:
        answer = context.write_client.write(
            "POST", sink.resource.endpoint, {wrapper: fresh}, params=params, repeatable=False
        )
        made = answer.body[wrapper]
        kept = {k: v for k, v in fresh.items() if k != "password"}
        context.references.remember(family, {**kept, "id": str(made["id"])})
        return str(made["id"])

    def look() -> str | None:
        context.references.invalidate(family)
        found = _named(context, family, name, within)
        return found[0] if len(found) == 1 else None

    return context.creates.create_named(send, look, is_taken=is_duplicate)
