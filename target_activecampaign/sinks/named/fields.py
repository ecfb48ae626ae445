"""The sink of custom-field definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.custom_fields import ENTITIES
from target_activecampaign.outcome import Action, Outcome, RowRejected, RowSkipped
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.sinks.create_only import reject_existing

if TYPE_CHECKING:
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink


def write_field(context: WriteContext, sink: Sink, row: InputRecord) -> Outcome:
    """Create a custom field if `create_missing_fields` is set; never change an existing one."""
    del sink
    record = row.record
    entity = str(record.get("entity") or "")
    if entity not in ENTITIES:
        raise RowRejected("entity: must be contact, account or opportunity")
    names = [str(record[n]) for n in ("key", "tag", "name") if not is_nothing(record.get(n))]
    if not names:
        raise RowRejected("name: a field needs a name")
    options = record.get("options")
    options = [o for o in options if isinstance(o, dict)] if isinstance(options, list) else []
    fields = context.references.fields(entity)
    for name in names:
        found = fields.find(name)
        if found is not None:
            reject_existing(row, "name", found.id)
            return Outcome(Action.UNCHANGED, found.id)
    if not context.policy.create_missing_fields and not row.creates:
        raise RowSkipped("the account has no such field; set create_missing_fields to create it")
    made = context.custom.creator.define(
        entity,
        title=str(record.get("name") or names[0]),
        field_type=str(record.get("type") or "text"),
        tag=names[0],
        options=options,
    )
    return Outcome(Action.CREATED, made.id if made else None)
