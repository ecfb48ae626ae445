"""Writes records that have a unique name: tags, lists, pipelines, stages, groups, users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.lookups.named_tables import LOOKUP_TABLES
from target_activecampaign.outcome import Action, Outcome, RowRejected
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.row_references import id_text
from target_activecampaign.records.skip_marked_rows import skip_flagged
from target_activecampaign.sinks.reject_existing import reject_existing

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.fields.native_fields import NativeFields
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


@dataclass(frozen=True)
class WriteEndpoint:
    """The write endpoint of a resource: the key that wraps a body, and the method of an update."""

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
    row: InputRow,
    native: NativeFields,
    *,
    name: str,
    new_columns: dict[str, Any],
    within: str | None = None,
) -> Outcome:
    """Update the native row that a record identifies, or create it with ``new_columns``.

    Names are unique within ``within``: the id of a stage's pipeline, or the type of a tag.
    """
    skip_flagged(row.record)
    family = sink.family
    native_id = _find(context, sink, row, name, within)
    reject_existing(row, LOOKUP_TABLES[family].key_part, native_id)
    table = context.references.table(family)
    if native_id is not None:
        present = table.get(native_id, {})
        changed = {
            column: value
            for column, value in native.columns.items()
            if not _is_same(present.get(column), value)
        }
        if family == "stage" and within and id_text(present.get("group")) not in {None, within}:
            native.left_out["pipeline"] = "pipeline: a stage stays in its pipeline"
        name_column = LOOKUP_TABLES[family].column
        has_name = fold(str(present.get(name_column) or "")) == fold(name)
        if has_name and not _is_named_by_id(context, row):
            changed.pop(name_column, None)
        context.foreign_ids.record(sink.family, row, native_id)
        if not changed:
            return native.outcome(Action.UNCHANGED, native_id)
        _update(context, sink, native_id, changed)
        return native.outcome(Action.UPDATED, native_id)
    if not name:
        raise RowRejected(
            f"{LOOKUP_TABLES[family].key_part}: a new {LOOKUP_TABLES[family].label} needs one"
        )
    if family == "stage" and within is None:
        raise RowRejected("pipeline: a new stage needs the pipeline it belongs to")
    native_id, is_new = _create(context, sink, name, new_columns, within)
    if not is_new:
        reject_existing(row, LOOKUP_TABLES[family].key_part, native_id)
    context.foreign_ids.record(sink.family, row, native_id)
    return native.outcome(Action.CREATED if is_new else Action.UPDATED, native_id)


def _is_named_by_id(context: WriteContext, row: InputRow) -> bool:
    return not context.policy.is_foreign and not is_nothing(row.record.get("id"))


def _is_same(present: Any, value: Any) -> bool:
    return str("" if present is None else present).strip() == str(value).strip()


def _find(
    context: WriteContext, sink: Sink, row: InputRow, name: str, within: str | None
) -> str | None:
    table = context.references.table(sink.family)
    word = LOOKUP_TABLES[sink.family].label
    native_id = context.foreign_ids.read(sink.family, row.record.get("id"))
    if native_id is not None:
        if native_id in table:
            return native_id
        if not context.policy.is_foreign:
            raise RowRejected(f"id: the account has no {word} with this id")
    ids = _ids_of_name(context, sink.family, name, within) if name else []
    if len(ids) > 1:
        raise RowRejected(f"{word}: several have this name; give the id")
    if ids:
        return ids[0]
    return row.ledger_id if row.ledger_id in table and not row.creates else None


def _ids_of_name(context: WriteContext, family: str, name: str, within: str | None) -> list[str]:
    if family == "tag":
        # A tag of contacts and a tag of templates may have the same name.
        rows = [
            row
            for row in context.references.table("tag").values()
            if fold(str(row.get("tag") or "")) == fold(name)
            and str(row.get("tagType") or "contact") == (within or "contact")
        ]
        return [str(row["id"]) for row in rows]
    rows = context.references.find_by_name(family, name)
    return [str(row["id"]) for row in rows if within is None or id_text(row.get("group")) == within]


def _update(context: WriteContext, sink: Sink, native_id: str, columns: dict[str, Any]) -> None:
    endpoint = WRITE_ENDPOINTS[sink.family]
    path = f"{sink.resource.endpoint}/{native_id}"
    context.write_client.write(endpoint.update, path, {endpoint.wrapper: columns})
    context.references.remember(sink.family, {"id": native_id, **_without_password(columns)})


def _without_password(columns: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in columns.items() if column != "password"}


def _create(
    context: WriteContext, sink: Sink, name: str, columns: dict[str, Any], within: str | None
) -> tuple[str, bool]:
    wrapper, family = WRITE_ENDPOINTS[sink.family].wrapper, sink.family
    params = [("reorder", 1)] if family == "stage" and "order" in columns else []

    def send() -> str:
        response = context.write_client.write(
            "POST", sink.resource.endpoint, {wrapper: columns}, params=params, repeatable=False
        )
        native_id = str(response.body[wrapper]["id"])
        context.references.remember(family, {**_without_password(columns), "id": native_id})
        return native_id

    def look() -> str | None:
        context.references.invalidate(family)
        ids = _ids_of_name(context, family, name, within)
        return ids[0] if len(ids) == 1 else None

    return context.creates.create_named(send, look)
