"""Custom fields of a row: finds them, encodes their values and checks options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.custom_fields import (
    STANDARD_LABELS,
    STANDARD_TYPES,
    FieldDefinition,
    encode_value,
)
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.arrays import delimiter_hint
from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.columns.conflicts import columns_conflict
from target_activecampaign.records.custom_field_options import choose_options
from target_activecampaign.records.custom_field_values import (
    joined_money,
    read_custom_value,
    structure_of,
)
from target_activecampaign.records.null_policy import is_written, written_values

from .create_missing_fields import WITH_OPTIONS

if TYPE_CHECKING:
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver

    from .create_missing_fields import FieldCreator

CustomValues = dict[str, tuple[FieldDefinition, Any, str | None]]


@dataclass
class EncodedFields:
    """A row's encoded values by field id, and the names of left-out fields with the reasons.

    An entry of ``values`` is the field's definition, the encoded value, and a currency code or
    None. In ``left_out``, the name of an attribute is its tag.
    """

    values: CustomValues = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def for_parent(self) -> list[dict[str, Any]]:
        """Return the values as the array ``fields`` of an account or a deal."""
        return [
            {
                "customFieldId": int(definition.id) if definition.id.isdigit() else definition.id,
                "fieldValue": value,
                **({"fieldCurrency": currency} if currency else {}),
            }
            for definition, value, currency in self.values.values()
        ]


class CustomFieldEncoder:
    """Encodes the custom values of rows. ``creator`` creates fields that the account lacks."""

    def __init__(
        self, references: ReferenceResolver, policy: WritePolicy, creator: FieldCreator
    ) -> None:
        self._references, self._policy, self.creator = references, policy, creator

    def encode(
        self, entity: str, values: dict[str, Any], attributes: dict[str, Any] | None = None
    ) -> EncodedFields:
        """Encode the ``custom_fields`` and the attributes of a row.

        Leaves out an unknown field or option, with a reason. Raises `RowRejected` for a value of
        the wrong type.
        """
        encoded_fields = EncodedFields()
        self._encode_attributes(encoded_fields, entity, attributes or {})
        self._encode_values(encoded_fields, entity, values)
        return encoded_fields

    def _encode_attributes(
        self, encoded_fields: EncodedFields, entity: str, attributes: dict[str, Any]
    ) -> None:
        for tag, value in attributes.items():
            if not is_written(value, clears=self._policy.clears):
                continue
            definition = self._references.fields(entity).by_tag(tag)
            if definition is None and not is_nothing(value):
                definition = self.creator.create(
                    entity,
                    tag.lower(),
                    value,
                    STANDARD_LABELS.get(tag, tag),
                    STANDARD_TYPES.get(tag),
                )
            if definition is None:
                if not is_nothing(value):
                    encoded_fields.left_out.append((tag, f"the account has no field {tag}"))
                continue
            self._put(encoded_fields, definition, value, tag.lower(), tag)

    def _encode_values(
        self, encoded_fields: EncodedFields, entity: str, values: dict[str, Any]
    ) -> None:
        names: dict[str, str] = {}
        clears = self._policy.clears
        values = written_values(values, clears=clears)

        def is_field(name: str) -> bool:
            return self._references.fields(entity).find(name) is not None

        for name, value in joined_money(values, is_field).items():
            definition = existing = self._references.fields(entity).find(name)
            structure = structure_of(value) if definition is None else value
            if definition is None and not is_nothing(structure):
                definition = self.creator.create(entity, name, structure)
            if definition is None and is_nothing(structure):
                continue  # the value is the text of an empty array, or money without an amount
            if definition is None:
                reason = "the account has no such field; create it or set create_missing_fields"
                encoded_fields.left_out.append((name, f"custom_fields.{name}: {reason}"))
                continue
            readable = read_custom_value(definition, value, name, self._policy.list_delimiter)
            if not is_written(readable, clears=clears):
                continue
            if existing is None and definition.id in names:
                reason = f"not created, the account's field {names[definition.id]} has its title"
                encoded_fields.left_out.append(
                    (name, f"custom_fields.{name}: {reason}; rename one of them")
                )
                continue
            other = names.setdefault(definition.id, name)
            if other != name:
                raise columns_conflict(f"custom_fields.{name}", other, name)
            self._put(encoded_fields, definition, readable, name, name)

    def _put(
        self,
        encoded_fields: EncodedFields,
        definition: FieldDefinition,
        value: Any,
        name: str,
        part: str,
    ) -> None:
        if is_nothing(value):
            encoded_fields.values[definition.id] = (
                definition,
                [] if definition.is_choices and definition.entity != "contact" else "",
                None,
            )
            return
        if isinstance(value, bool):
            value = "true" if value else "false"
        if definition.type in WITH_OPTIONS and definition.options:
            chosen, unknown = choose_options(definition, value)
            if unknown and self._policy.create_missing_fields:
                definition = self.creator.add_options(definition, value)
                chosen, unknown = choose_options(definition, value)
            value = chosen
            if unknown:
                delimiter = self._policy.list_delimiter
                hint = delimiter_hint(value, delimiter) if definition.is_choices else ""
                encoded_fields.left_out.append((part, f"custom_fields.{name}: {unknown}{hint}"))
                return
        try:
            encoded, currency = encode_value(definition, value)
        except InvalidValue as problem:
            raise RowRejected(f"custom_fields.{name}: {problem}") from None
        encoded_fields.values[definition.id] = (
            definition,
            encoded if definition.entity != "contact" else str(encoded),
            currency,
        )
