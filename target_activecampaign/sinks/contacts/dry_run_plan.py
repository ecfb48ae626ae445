"""In a dry run, counts contacts that would gain a tag or a list, and collects changed values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import walk_keyset
from tap_activecampaign_unified.resources.input_values.column_names import fold

from .contact_change import SUBSCRIBE, ContactChange

if TYPE_CHECKING:
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


def plan_changes(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    """Count the gains of a dry run, and collect samples of old and new values."""
    emails = [change.email for change in changes if change.email and change.id is None]
    ids = context.references.contacts_by_email(emails) if emails else {}
    for change in changes:
        if change.id is None and change.email:
            change.id = ids.get(fold(change.email))
            change.created = change.id is None
    present = _PresentAssociations(context, changes)
    for change in changes:
        who = fold(change.email) if change.email else change.id
        for name in change.adds:
            if not present.has(change, "tagid", context.references.find_by_name("tag", name)):
                context.plan.gain(f"the tag {name}", who)
            if not context.references.find_by_name("tag", name):
                context.plan.unknown[f"tag {name}"] += 1
        for list_id, status in change.lists.items():
            row = context.references.table("list").get(list_id, {})
            if status == SUBSCRIBE and not present.has(change, "listid", [row]):
                context.plan.gain(f"the list {row.get('name') or list_id}", who)
        if context.plan.wants_sample():
            _sample(context, sink, change)


class _PresentAssociations:
    """The tags and lists of existing contacts; reads each tag and list at most once."""

    def __init__(self, context: WriteContext, changes: list[ContactChange]) -> None:
        self._context = context
        self._contact_ids = {change.id for change in changes if change.id}
        self._ids_by_filter: dict[tuple[str, str], set[str]] = {}

    def has(self, change: ContactChange, param: str, rows: list[dict[str, Any]]) -> bool:
        """Return whether a contact has the tag or list of this filter."""
        native_id = str(rows[0].get("id")) if rows else ""
        if not native_id or change.id not in self._contact_ids:
            return False
        if (param, native_id) not in self._ids_by_filter:
            params: list[tuple[str, Any]] = [(param, native_id)]
            params.append(("status", SUBSCRIBE if param == "listid" else -1))
            pages = walk_keyset(self._context.client, "contacts", "contacts", params)
            ids = {str(row.get("id")) for page in pages for row in page.rows}
            self._ids_by_filter[param, native_id] = ids & self._contact_ids
        return change.id in self._ids_by_filter[param, native_id]


def _sample(context: WriteContext, sink: Sink, change: ContactChange) -> None:
    present: dict[str, Any] = {}
    custom_values: dict[str, Any] = {}
    if change.id is not None:
        present = context.references.contacts_by_id([change.id]).get(change.id, {})
        rows = context.references.nested_rows("contacts", change.id, "fieldValues")
        custom_values = {str(row.get("field")): row.get("value") for row in rows}
    fields = {name: [present.get(name), text] for name, text in change.columns.items()}
    for field_id, (definition, value, _) in change.values.items():
        fields[definition.title] = [custom_values.get(field_id), value]
    changed = {name: [old, new] for name, (old, new) in fields.items() if old != new}
    context.plan.add_sample(sink.resource.name, change.id, changed)
