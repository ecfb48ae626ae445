"""The setting `only_if_empty`: fields that are written only if ActiveCampaign has no value."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.resource import Attribute, Field

from .contacts.change import contact_columns

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Resource
    from target_activecampaign.config.write_policy import WritePolicy

    from .contacts.change import ContactChange
    from .context import WriteContext
    from .custom_fields import CustomValues
    from .record_sink import NativeFields
    from .sink import Sink

ONLY_IF_EMPTY = "only_if_empty: ActiveCampaign has a value already"
PHONES = ("phone", "phones", "phone_numbers")


def _is_named(policy: WritePolicy, name: str) -> bool:
    """Return whether the setting names a field; custom fields may be given in three ways."""
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
    by_native = {e.native: e.unified for e in sink.resource.entries if isinstance(e, Field)}
    return [n for n in native.columns if _is_named(context.policy, by_native.get(n, n))]


def needs_read(context: WriteContext, sink: Sink, native: NativeFields) -> bool:
    """Return whether the record must be read before it is written."""
    if not context.policy.only_if_empty:
        return False
    return bool(_named_columns(context, sink, native) or native.custom.values)


def drop_filled_fields(
    context: WriteContext,
    sink: Sink,
    native: NativeFields,
    there: dict[str, Any],
    stored: dict[str, Any],
) -> None:
    """Drop the named fields that have a value in the row ``there`` or the values ``stored``.

    An attribute of several fields, such as an address, is one value: it is dropped as a whole.
    """
    for name in _named_columns(context, sink, native):
        if _has_value(there.get(name)):
            del native.columns[name]
            native.denied.append(ONLY_IF_EMPTY)
    if not native.custom.values:
        return
    fields = context.references.fields(sink.entity)
    groups = [
        [found.id for tag in entry.tags if (found := fields.by_tag(tag)) is not None]
        for entry in sink.resource.entries
        if isinstance(entry, Attribute) and _is_named(context.policy, entry.unified)
    ]
    groups += [[value] for value in _named_values(context, sink.entity, native.custom.values)]
    for ids in groups:
        given = [native_id for native_id in ids if native_id in native.custom.values]
        if given and any(_has_value(stored.get(native_id)) for native_id in ids):
            for native_id in given:
                del native.custom.values[native_id]
            native.denied.append(ONLY_IF_EMPTY)


# --- contacts ---------------------------------------------------------------------------------


def drop_filled_contact_fields(
    context: WriteContext, resource: Resource, changes: list[ContactChange]
) -> None:
    """Drop the named fields of contacts that have a value in ActiveCampaign."""
    policy = context.policy
    names = {
        native
        for native, unified in contact_columns(resource).items()
        if any(_is_named(policy, name) for name in (PHONES if native == "phone" else (unified,)))
    }

    def drop(change: ContactChange) -> None:
        columns = [name for name in change.columns if name in names]
        values = _named_values(context, "contact", change.values)
        if not columns and not values:
            return
        there, stored = _read_contact(context, change)
        for name in columns:
            if _has_value(there.get(name)):
                del change.columns[name]
                change.deny(f"column:{name}", ONLY_IF_EMPTY)
        for value in values:
            if _has_value(stored.get(value)):
                del change.values[value]
                change.deny(f"value:{value}", ONLY_IF_EMPTY)

    context.pool.each([partial(drop, change) for change in changes])


def _read_contact(
    context: WriteContext, change: ContactChange
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a contact's row and its values by field id, both empty if there is no contact."""
    if change.id is None:
        row = context.references.read_contact(change.email or "")
        if row is None:
            return {}, {}
        change.id = str(row["id"])
    values = context.references.nested_rows("contacts", change.id, "fieldValues")
    row = context.references.contacts_by_id([change.id]).get(change.id, {})
    return row, {str(value.get("field")): value.get("value") for value in values}
