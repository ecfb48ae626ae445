"""Sets the stage and the pipeline of an opportunity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.lookups.stages import find_stage
from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.row_references import id_text, parse_reference

if TYPE_CHECKING:
    from target_activecampaign.lookups.opportunities import OpportunityLookup
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.fields.native_fields import NativeFields
    from target_activecampaign.sinks.write_context import WriteContext


def set_stage(
    context: WriteContext,
    row: InputRow,
    native: NativeFields,
    native_id: str | None,
    deals: OpportunityLookup,
) -> None:
    """Set the native columns of stage and pipeline.

    The target looks up a stage name in the row's pipeline, else in the deal's present pipeline.
    """
    stage_ref = parse_reference(row.record.get("stage"), "stage")
    pipeline_ref = parse_reference(row.record.get("pipeline"), "pipeline")
    if not stage_ref and not pipeline_ref:
        return
    pipeline = context.references.resolve_id("pipeline", pipeline_ref) if pipeline_ref else None
    if not stage_ref:
        native.columns["group"] = pipeline
        return
    current = None
    if pipeline is None and native_id is not None:
        if stage_ref.get("id"):
            stage = find_stage(context.references, stage_ref, None)
            native.columns |= {"stage": str(stage["id"]), "group": str(stage.get("group"))}
            return
        current = deals.get(native_id)
        if current.get("isDisabled") in {True, "1"}:
            raise RowRejected("id: the key's user may not see this opportunity's pipeline")
        pipeline = id_text(current.get("group"))
    stage = find_stage(context.references, stage_ref, pipeline)
    native.columns["stage"] = str(stage["id"])
    if pipeline_ref or native_id is None:
        native.columns["group"] = str(stage.get("group") or pipeline)
