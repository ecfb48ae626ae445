"""The sinks of pipelines and stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.crm.stages import CARD_COLUMNS
from target_activecampaign.outcome import Action, Outcome
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.row_references import parse_reference
from target_activecampaign.sinks.fields.native_fields import native_fields_of

from .named_resource import write_named

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


def write_pipeline(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Create or rename a pipeline. ActiveCampaign adds three stages to a new pipeline."""
    native = native_fields_of(context, sink, row)
    name = str(native.columns.get("title") or "").strip()
    outcome = write_named(
        context, sink, row, native, name=name, new_columns={"currency": "usd", **native.columns}
    )
    if outcome.action is Action.CREATED:
        context.references.invalidate("stage")
    return outcome


def write_stage(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Create, rename or reorder a stage."""
    native = native_fields_of(context, sink, row)
    name = str(native.columns.get("title") or "").strip()
    card = row.record.get("card_config")
    for unified, column in CARD_COLUMNS.items():
        value = card.get(unified) if isinstance(card, dict) else None
        if not is_nothing(value):
            native.columns[column] = str(value)
    if "order" in native.columns:
        native.columns["order"] = int(float(native.columns["order"]))
    ref = parse_reference(row.record.get("pipeline"), "pipeline")
    pipeline = context.references.resolve_id("pipeline", ref) if ref else None
    new_columns = {**native.columns, "group": pipeline}
    return write_named(
        context, sink, row, native, name=name, new_columns=new_columns, within=pipeline
    )
