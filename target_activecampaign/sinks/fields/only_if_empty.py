"""The setting `only_if_empty`: the target writes a field only if ActiveCampaign has no value."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.resource import Attribute, Field
from target_activecampaign.sinks.contacts.contact_change import contact_columns

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Resource
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.sinks.contacts.contact_change import ContactChange
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

    from .encode_custom_fields import CustomValues
    from .native_fields import NativeFields

ONLY_IF_EMPTY = "only_if_empty: ActiveCampaign has a value already"
PHONES = ("phone", "phones", "phone_numbers")


def _is_named(policy: WritePolicy, name: str) -> bool:
    """Return whether the setting names a field. It may name a custom field in three ways."""
    short = name.removeprefix("custom_fields.")
    return not policy.only_if_empty.isdisjoint({name, short, f"custom_fields__{short}"})


def _has_value(value: Any) -> bool:
    return value not in (None, "", [], "||", "0000-00-00", "0000-00-00 00:00:00")


def _named_values(context: WriteContext, entity: str, values: CustomValues) -> list[str]:
    """Return the ids of the custom fields among ``values`` that the setting names."""
    if not values or not context.policy.only_if_empty:
        return []
    keys = context.references.fields(entity).keys
    return [
        field_id
        for field_id, (definition, _, __) in values.items()
        if _is_named(context.policy, f"custom_fields.{keys.get(field_id, field_id)}")
        or _is_named(context.policy, definition.title)
    ]


# --- accounts, opportunities ------------------------------------------------------------------


def _named_columns(context: WriteContext, sink: Sink, native: NativeFields) -> list[str]:
    fields = [entry for entry in sink.resource.entries if isinstance(entry, Field)]
    names = {entry.native: entry.unified for entry in fields}
    return [
        column for column in native.columns if _is_named(context.policy, names.get(column, column))
    ]


def needs_read(context: WriteContext, sink: Sink, native: NativeFields) -> bool:
    """Return whether the target must read a record before it writes the record."""
    if not context.policy.only_if_empty:
        return False
    return bool(_named_columns(context, sink, native) or native.custom.values)


def drop_filled_fields(
    context: WriteContext,
    sink: Sink,
    native: NativeFields,
    present: dict[str, Any],
    custom_values: dict[str, Any],
) -> None:
    """Drop the named fields that have a value in ActiveCampaign.

    ``present`` is the record's native row, ``custom_values`` its custom values by field id. An
    attribute of several fields, such as an address, is dropped as a whole.
    """
    for name in _named_columns(context, sink, native):
        if _has_value(present.get(name)):
            del native.columns[name]
            native.denied.append(ONLY_IF_EMPTY)
    if not native.custom.values:
        return
    fields = context.references.fields(sink.entity)
    groups = [
        [field.id for tag in entry.tags if (field := fields.by_tag(tag)) is not None]
        for entry in sink.resource.entries
        if isinstance(entry, Attribute) and _is_named(context.policy, entry.unified)
    ]
    named = _named_values(context, sink.entity, native.custom.values)
    groups += [[field_id] for field_id in named]
    for ids in groups:
        in_row = [field_id for field_id in ids if field_id in native.custom.values]
        if in_row and any(_has_value(custom_values.get(field_id)) for field_id in ids):
            for field_id in in_row:
                del native.custom.values[field_id]
            native.denied.append(ONLY_IF_EMPTY)


# --- contacts ---------------------------------------------------------------------------------


def drop_filled_contact_fields(
    context: WriteContext, resource: Resource, changes: list[ContactChange]
) -> None:
    """Drop the named fields of contacts that have a value in ActiveCampaign."""
    policy = context.policy
    if not policy.only_if_empty:
        return
    names = {
        native
        for native, unified in contact_columns(resource).items()
        if any(_is_named(policy, name) for name in (PHONES if native == "phone" else (unified,)))
    }

    def drop(change: ContactChange) -> None:
        columns = [name for name in change.columns if name in names]
        field_ids = _named_values(context, "contact", change.values)
        if not columns and not field_ids:
            return
        present, custom_values = _read_contact(context, change)
        for name in columns:
            if _has_value(present.get(name)):
                del change.columns[name]
                change.deny(f"column:{name}", ONLY_IF_EMPTY)
        for field_id in field_ids:
            if _has_value(custom_values.get(field_id)):
                del change.values[field_id]
                change.deny(f"value:{field_id}", ONLY_IF_EMPTY)

    context.pool.each([partial(drop, change) for change in changes])


def _read_contact(
    context: WriteContext, change: ContactChange
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a contact's row and its values by field id, both empty without a contact."""
    if change.id is None:
        row = context.references.read_contact(change.email or "")
        if row is None:
            return {}, {}
        change.id = str(row["id"])
    values = context.references.nested_rows("contacts", change.id, "fieldValues")
    row = context.references.contacts_by_id([change.id]).get(change.id, {})
    return row, {str(value.get("field")): value.get("value") for value in values}
