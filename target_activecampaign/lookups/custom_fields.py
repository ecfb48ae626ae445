"""The custom fields of an account, and their values in its records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import NotFound, UnexpectedResponse, walk_offset
from tap_activecampaign_unified.resources.custom_field_rows import ACCOUNT_VALUES, owner_id_of
from tap_activecampaign_unified.resources.custom_fields import (
    FIELD_PATHS,
    CustomFields,
    definition_of,
    definitions_of,
)

from .lookup import Lookup, NativeRow

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import RowsKey


@dataclass(frozen=True)
class ValueTable:
    """The places of an entity's custom values: nested under their parent, and in a collection."""

    parent: str
    key: RowsKey
    path: str
    filter: str


VALUE_TABLES = {
    "account": ValueTable(
        "accounts", ACCOUNT_VALUES, ACCOUNT_VALUES[0], "filters[customerAccountId]"
    ),
    "opportunity": ValueTable(
        "deals", "dealCustomFieldData", "dealCustomFieldData", "filters[dealId]"
    ),
}


@dataclass(eq=False, repr=False)
class CustomFieldLookup(Lookup):
    """The custom fields of contacts, accounts and opportunities, read once per run."""

    _fields: dict[str, CustomFields] = field(default_factory=dict, init=False)
    #: Ids of opportunities by the value of the external id's field; None until the values are read.
    opportunity_ids: dict[str, list[str]] | None = field(default=None, init=False)

    def fields(self, entity: str) -> CustomFields:
        """Return the custom fields of contacts, accounts or opportunities."""
        while entity not in self._fields:
            with self.pool.named_lock("fields", entity):
                if entity not in self._fields:
                    self._read_fields(entity)
        return self._fields[entity]

    def _read_fields(self, entity: str) -> None:
        path = FIELD_PATHS[entity]
        definitions = [
            definition
            for page in walk_offset(self.client, path, path)
            for definition in definitions_of(entity, page.rows, page.body)
        ]
        self._fields[entity] = CustomFields(definitions, self.policy.custom_field_keys)

    def forget_fields(self, entity: str) -> None:
        """Forget an entity's custom fields that another client changed."""
        self._fields.pop(entity, None)

    def note_field(self, entity: str, row: NativeRow, options: list[NativeRow]) -> None:
        """Add a field that was just created."""
        by_id = {
            str(option.get("id", number)): {"field": row.get("id"), **option}
            for number, option in enumerate(options)
        }
        created = definition_of(entity, row, by_id)
        others = [
            definition
            for definition in self.fields(entity).definitions
            if definition.id != created.id
        ]
        self._fields[entity] = CustomFields([*others, created], self.policy.custom_field_keys)

    def custom_values_of(self, entity: str, native_id: str) -> list[NativeRow]:
        """Return the custom values of an account or opportunity.

        If the record's own path does not exist or its response has no such rows, the target reads
        the collection. Raises `UnexpectedResponse` if the collection has no such rows either.
        """
        table = VALUE_TABLES[entity]
        try:
            return self.nested_rows(table.parent, native_id, table.key)
        except (NotFound, UnexpectedResponse):
            pages = walk_offset(self.client, table.path, table.key, [(table.filter, native_id)])
            rows = [row for page in pages for row in page.rows]
        return [row for row in rows if owner_id_of(row, entity) == native_id]
