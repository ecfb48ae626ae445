"""Finds the opportunity of a row, in the order of `match_opportunities_on`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.clean_values import is_nothing, plain_key
from target_activecampaign.records.row_references import key_text, read_own_key

from .contacts import contacts_of

if TYPE_CHECKING:
    from target_activecampaign.lookups.opportunities import OpportunityLookup
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.fields.encode_custom_fields import EncodedFields
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


STEP = "deal"


def external_id_of(context: WriteContext, row: InputRow) -> Any:
    """Return a row's external id, from ``external_id`` or from its custom field."""
    external_id = row.record.get("external_id")
    custom = row.record.get("custom_fields")
    name = context.policy.opportunity_external_id_field
    if not is_nothing(external_id) or name is None or not isinstance(custom, dict):
        return key_text(external_id, "external_id")
    fields = context.references.fields("opportunity")
    key = fields.find(name)
    for column, value in custom.items():
        if key is not None and fields.find(column) == key and not is_nothing(value):
            return key_text(read_own_key(value, f"custom_fields.{column}"), column)
    return None


def encode_external_id(
    context: WriteContext, row: InputRow, custom: EncodedFields
) -> tuple[str, str] | None:
    """Return the id of the external id's field and the row's external id; None without one.

    Adds the external id to ``custom``. `create_missing_fields` may create the field.
    """
    name = context.policy.opportunity_external_id_field
    given = key_text(row.record.get("external_id"), "external_id")
    if name is None:
        if given is not None:
            raise RowRejected(
                "external_id: set opportunity_external_id_field to the custom field that holds it"
            )
        return None
    if given is not None:
        encoded = context.custom_fields.encode("opportunity", {name: given})
        field = context.references.fields("opportunity").find(name)
        if field is None:
            raise RowRejected(
                "opportunity_external_id_field: the account has no such deal field; create it"
            )
        if encoded.left_out:
            raise RowRejected("; ".join(reason for _, reason in encoded.left_out))
        custom.values |= encoded.values
        return field.id, given
    field = context.references.fields("opportunity").find(name)
    if field is None or field.id not in custom.values:
        return None
    definition, value, currency = custom.values[field.id]
    if is_nothing(value):
        return None
    custom.values[field.id] = (definition, plain_key(value), currency)
    return field.id, str(plain_key(value)).strip()


def find_opportunity(
    context: WriteContext,
    sink: Sink,
    row: InputRow,
    deals: OpportunityLookup,
    external: tuple[str, str] | None,
) -> str | None:
    """Return the id of the row's opportunity, None for a new opportunity.

    Raises `RowRejected` if several match, or if `match_opportunities_on` excludes the row's id.
    """
    native_id = context.foreign_ids.read(sink.family, row.record.get("id"))
    finders = {
        "id": lambda: [native_id] if native_id else [],
        "external_id": lambda: _by_key(context, row, deals, external),
        "name+contact": lambda: _by_name(context, row, deals),
    }
    for column in context.policy.match_opportunities_on:
        ids = finders[column]()
        if len(ids) > 1:
            raise _matches_several(column)
        if ids:
            return ids[0]
    if native_id is not None and not context.policy.is_foreign:
        raise RowRejected("id: given, but match_opportunities_on does not name it")
    return native_id or row.ledger_id


def find_by_external_id(context: WriteContext, row: InputRow) -> list[str] | None:
    """Return a list with the id of the account's opportunity with the row's external id.

    None if the row has no external id, or if the settings do not match on it. Raises `RowRejected`
    if several opportunities match.
    """
    policy = context.policy
    external_id = external_id_of(context, row)
    name = policy.opportunity_external_id_field
    if (
        is_nothing(external_id)
        or name is None
        or "external_id" not in policy.match_opportunities_on
    ):
        return None
    field = context.references.fields("opportunity").find(name)
    if field is None:
        return None
    deals = context.opportunities(1)
    ids = sorted(set(deals.ids_by_external_id(str(external_id), field.id)))
    if len(ids) > 1:
        raise _matches_several("external_id")
    return ids


def _matches_several(column: str) -> RowRejected:
    return RowRejected(f"{column}: it matches several opportunities; give the id")


def _known_ids(context: WriteContext, row: InputRow) -> list[str] | None:
    """Return the ledger's id of a row's deal, none while its create is pending.

    Returns None if only the account can show whether the deal exists.
    """
    if row.ledger_id:
        return [row.ledger_id]
    if context.ledger.pending_since(row.ledger_key, STEP) is not None:
        return []  # `CreateOnce` looks for the deal among the new deals
    return None


def _by_key(
    context: WriteContext,
    row: InputRow,
    deals: OpportunityLookup,
    external: tuple[str, str] | None,
) -> list[str]:
    if external is None:
        return []
    known = _known_ids(context, row)
    if known is not None:
        return known
    return sorted(set(deals.ids_by_external_id(external[1], external[0])))


def _by_name(context: WriteContext, row: InputRow, deals: OpportunityLookup) -> list[str]:
    known = _known_ids(context, row)
    if known is not None:
        return known
    primary, _ = contacts_of(row)
    name = row.record.get("name")
    if not primary or is_nothing(name):
        return []
    return sorted(set(deals.ids_by_name(str(name).strip(), context.references.contact(primary))))
