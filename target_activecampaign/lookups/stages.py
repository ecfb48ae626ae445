"""Finds a stage by id or name, within its pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.outcome import RowRejected

if TYPE_CHECKING:
    from .lookup import NativeRow, Ref
    from .named_tables import NamedTables

NOT_IN_PIPELINE = (
    "stage: the deal's pipeline has none with this name; correct the stage, or give its pipeline"
)


def find_stage(references: NamedTables, ref: Ref, pipeline: str | None) -> NativeRow:
    """Return a stage of a pipeline; None searches all pipelines."""
    ref_id = ref.get("id")
    if ref_id and not references.policy.is_foreign:
        row = references.table("stage").get(references.resolve_id("stage", {"id": ref_id}), {})
        if pipeline and str(row.get("group")) != pipeline:
            raise RowRejected("stage: it does not belong to the pipeline of this row")
        return row
    own_id = references.foreign_ids.resolve("stage", ref_id)
    if own_id and own_id in references.table("stage"):
        return references.table("stage")[own_id]
    name = ref.get("name")

    def is_in_pipeline(row: NativeRow) -> bool:
        return pipeline in {None, str(row.get("group"))}

    rows = references.find_by_name("stage", name, is_in_pipeline) if name else []
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise RowRejected("stage: several have this name; name the pipeline or give the id")
    if name and references.find_by_name("stage", name):
        raise references.unresolved(NOT_IN_PIPELINE, "stage")
    raise references.not_found("stage", "stage", "name" if name else "id")
