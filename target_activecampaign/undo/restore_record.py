"""Writes the earlier values of records other than contacts, which `restore_contact.py` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.records.row_references import id_text

from .commerce_and_custom_objects.restore_documents import restore_document
from .comparable_values import COLUMN, DEAL_CONTACT, FIELD, STAGE, definition_of, sent_value
from .kinds import ENTITIES, RECORDS, TASK, is_document

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    from .decisions.value_decision import ValueDecision
    from .records_of_run import RunRecord


def restore_record(
    context: WriteContext, record: RunRecord, group: str, decisions: list[ValueDecision]
) -> list[str]:
    """Put back the values of a group; return remarks. Raises `RowSkipped` and `RequestError`."""
    kind, native_id, present = record.kind, record.id, record.present
    if present is None:
        return []
    if group == "contacts":
        _remove_contacts(context, native_id, decisions)
        return []
    if is_document(kind):
        before = {
            decision.entry.part.name.removeprefix(COLUMN): decision.entry.before
            for decision in decisions
        }
        return restore_document(context, kind, native_id, before, present)
    body: dict[str, Any] = {}
    values = []
    for decision in decisions:
        part, before = decision.entry.part.name, decision.entry.before
        if part == STAGE:
            body |= before or {}
        elif part.startswith(FIELD):
            values.append(_field(context, kind, part, before))
        else:
            body[part.removeprefix(COLUMN)] = "" if before is None else before
    if values:
        body["fields"] = values
    if kind == TASK and str(body.get("status")) == "1":
        # A type may require the outcome of a completed task.
        body.setdefault("outcomeId", id_text(present.native.get("outcomeId")))
    if body:
        collection = RECORDS[kind]
        path = f"{collection.path}/{native_id}"
        context.write_client.write("PUT", path, {collection.wrapper: body})
    return []


def _field(context: WriteContext, kind: str, part: str, before: Any) -> dict[str, Any]:
    field_id = part.removeprefix(FIELD)
    definition = definition_of(context.references.fields(ENTITIES[kind]), part)
    value, currency = sent_value(definition, before)
    sent = {"customFieldId": int(field_id) if field_id.isdigit() else field_id, "fieldValue": value}
    return sent | ({"fieldCurrency": currency} if currency else {})


def secondary_contacts(context: WriteContext, native_id: str) -> dict[str, str]:
    """Return the ids of a deal's links to its secondary contacts, by contact id."""
    rows = context.references.nested_rows("deals", native_id, "contactDeals")
    return {str(id_text(row.get("contact"))): str(row.get("id")) for row in rows}


def _remove_contacts(context: WriteContext, native_id: str, decisions: list[ValueDecision]) -> None:
    current = secondary_contacts(context, native_id)
    for decision in decisions:
        link = current.get(decision.entry.part.name.removeprefix(DEAL_CONTACT))
        if link is not None:
            context.write_client.delete_if_exists(f"contactDeals/{link}")
