"""The sink of custom-field definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.custom_fields import ENTITIES
from target_activecampaign.outcome import Action, Outcome, RowRejected, RowSkipped
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.sinks.reject_existing import reject_existing

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


def write_field(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Create a custom field if `create_missing_fields` is set. Never change an existing field."""
    del sink
    record = row.record
    entity = str(record.get("entity") or "")
    if entity not in ENTITIES:
        raise RowRejected("entity: must be contact, account or opportunity")
    names = [
        str(record[column])
        for column in ("key", "tag", "name")
        if not is_nothing(record.get(column))
    ]
    if not names:
        raise RowRejected("name: a field needs a name")
    options = record.get("options")
    items = options if isinstance(options, list) else []
    options = [item for item in items if isinstance(item, dict)]
    fields = context.references.fields(entity)
    for name in names:
        existing = fields.find(name)
        if existing is not None:
            reject_existing(row, "name", existing.id)
            return Outcome(Action.UNCHANGED, existing.id)
    if not context.policy.create_missing_fields and not row.creates:
        raise RowSkipped("the account has no such field; set create_missing_fields to create it")
    created = context.custom_fields.creator.define(
        entity,
        title=str(record.get("name") or names[0]),
        field_type=str(record.get("type") or "text"),
        tag=names[0],
        options=options,
    )
    return Outcome(Action.CREATED, created.id if created else None)
