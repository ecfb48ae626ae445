"""Converts rows to records: loads related rows and the small tables of names."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import Client, Page, PermissionDenied, total_of
from tap_activecampaign_unified.endpoints.endpoint_table import (
    ENDPOINTS_WITH_OFFSETS,
    NAMES_OF,
    endpoint_of,
)
from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.crm.opportunities import CONTACT_DEALS
from tap_activecampaign_unified.resources.custom_field_rows import CUSTOM_VALUES, field_id_of
from tap_activecampaign_unified.resources.record_reader import RecordReader
from tap_activecampaign_unified.resources.resource import Attribute, Linked, RowContext
from tap_activecampaign_unified.sync.relations.relation_loader import (
    FEW_ROWS,
    LoadStrategy,
    RelationLoader,
)
from tap_activecampaign_unified.sync.relations.special_loaders import SPECIAL, special_loaders

from .cached_tables import CachedTables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_activecampaign_unified.endpoints.relation import Relation
    from tap_activecampaign_unified.resources.codecs import Zone
    from tap_activecampaign_unified.resources.custom_fields import CustomFields
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row
    from tap_activecampaign_unified.sync.relations.loader import Loader

    from .traversal import Body, RowsAndBodies

Related = dict[str, dict[str, list[Any]]]

UNREAD = "the plan or the key's user may not read it"
ACCOUNT_NAMES = "accountContacts.account"
OF_ONE_DEAL = "deals/{id}/contactDeals"
# The levels of sideloads: none, all without the names of accounts, all.
NO_SIDELOADS, WITHOUT_NAMES, ALL_SIDELOADS = 0, 1, 2


class RecordLoader:
    """Converts the rows of one account to records, in one thread.

    It remembers the sideloads that the account sends completely, and requests them with each page.
    """

    def __init__(self, client: Client, key_mode: str) -> None:
        self._client, self._key_mode = client, key_mode
        self.tables = CachedTables(client, key_mode)
        #: The sideloads by endpoint and relation, None for one that the account does not send.
        self._loaders: dict[tuple[str, str], RelationLoader | None] = {}
        self._sideload_level = ALL_SIDELOADS
        self._unknown_fields: set[str] = set()
        self._custom_objects: dict[str, Resource] | None = None
        self._scan_loaders: dict[tuple[str, str], RelationLoader] | None = None

    def begin_scan(self) -> None:
        """Cache related rows from now on, because the query searches many rows."""
        self._scan_loaders = {} if self._scan_loaders is None else self._scan_loaders

    def end_scan(self) -> None:
        """Drop the cached related rows, because they may change before the next query."""
        loaders, self._scan_loaders = self._scan_loaders, None
        for loader in (loaders or {}).values():
            loader.close()

    def refresh(self) -> None:
        """Drop names, custom fields, and the failures of sideloads and collections."""
        self.tables = CachedTables(self._client, self._key_mode)
        self._unknown_fields.clear()
        self._custom_objects = None
        self._sideload_level = ALL_SIDELOADS
        self._loaders = {
            key: loader
            for key, loader in self._loaders.items()
            if loader is not None and loader.strategy is not LoadStrategy.UNREADABLE
        }

    def custom_fields(self, resource: Resource) -> CustomFields | None:
        """Return the custom fields of a resource, None if it has none."""
        entity = resource.custom_fields
        return self.tables.custom_fields(entity) if entity else None

    def custom_objects(self) -> dict[str, Resource]:
        """Return the account's custom objects by name, cached."""
        if self._custom_objects is None:
            self._custom_objects = {obj.name: obj for obj in self.tables.custom_objects()}
        return self._custom_objects

    # --- sideloads ----------------------------------------------------------------------------

    def include_of(self, resource: Resource) -> str:
        """Return the value of ``include`` for a page, empty for no sideload."""
        if self._sideload_level <= NO_SIDELOADS:
            return ""
        loaders = [
            self._sideload_loader(resource, relation) for relation in self._relations(resource)
        ]
        includes = [loader.include for loader in loaders if loader and loader.include]
        if "accountContacts" in includes and self._sideload_level == ALL_SIDELOADS:
            includes.append(ACCOUNT_NAMES)
        return ",".join(includes)

    def reduce_sideloads(self) -> bool:
        """Request fewer sideloads, because the account rejects them. False: none remain."""
        self._sideload_level -= 1
        if self._sideload_level == NO_SIDELOADS:
            self._loaders = dict.fromkeys(self._loaders)
        return self._sideload_level >= NO_SIDELOADS

    def _relations(self, resource: Resource) -> Iterator[Relation]:
        """Yield the relations that a resource needs.

        The contacts of deals have a nested path here that the endpoint table lacks. One request per
        deal costs too much for a whole sync, but not for a page.
        """
        needed = resource.relations(lambda _: True)
        for relation in endpoint_of(resource.endpoint_name).relations:
            if relation.name in needed:
                is_deals = relation.name == CONTACT_DEALS
                yield replace(relation, nested=OF_ONE_DEAL) if is_deals else relation

    def _sideload_loader(self, resource: Resource, relation: Relation) -> RelationLoader | None:
        """Return the loader that sideloads a relation, None without a sideload."""
        key = (resource.endpoint_name, relation.name)
        if relation.include is None:
            return None
        if key not in self._loaders:
            base = endpoint_of(resource.endpoint_name).path
            self._loaders[key] = RelationLoader(self._client, relation, base, sideload=True)
        return self._loaders[key]

    # --- rows ---------------------------------------------------------------------------------

    def needs_rows(self, resource: Resource, relation: str) -> bool:
        """Return whether a relation needs related rows, not only names."""
        related = {joined.name for joined in endpoint_of(resource.endpoint_name).relations}
        return relation in related or relation in SPECIAL

    def records_of_own_columns(
        self, resource: Resource, rows: Sequence[Row], fields: set[str]
    ) -> list[Record]:
        """Return one record per row, with ``fields`` only, which must not need related rows."""
        reader = RecordReader(resource, wanted=lambda name: name in fields)
        kinds = self._kinds(resource, lambda name: name in fields)
        self.tables.load_names(kinds)

        def read_row(row: Row) -> Record:
            row_context = RowContext(self.tables.names, {}, self._zone_of(resource, row))
            is_related = resource.relation is not None
            expanded = (row,) if is_related else resource.expand(row, row_context)
            return reader.read(next(iter(expanded)), row_context)

        return list(self._reread_if_missed(lambda: [read_row(row) for row in rows]))

    def records(
        self,
        resource: Resource,
        rows_and_bodies: RowsAndBodies,
        *,
        remote_data: bool,
    ) -> list[list[Record]]:
        """Return the records of each row: one record, or one per related row."""
        rows = [row for row, _ in rows_and_bodies]
        if endpoint_of(resource.endpoint_name).path in ENDPOINTS_WITH_OFFSETS:
            self.tables.account_zone.observe(rows, resource.stamps)
        related, unreadable = self._related(resource, rows_and_bodies)
        if resource.relation in unreadable:
            raise PermissionDenied(UNREAD, method="GET", path=resource.endpoint)
        self._check_fields(resource, related)
        self.tables.load_names(self._kinds(resource, lambda _: True))

        def read_rows() -> list[list[Record]]:
            custom = self.custom_fields(resource)
            reader = RecordReader(resource, custom, remote_data=remote_data)
            records = []
            for row in rows:
                native_id = str(row.get("id"))
                of_row = {name: by_id.get(native_id, []) for name, by_id in related.items()}
                row_context = RowContext(self.tables.names, of_row, self._zone_of(resource, row))
                records.append(
                    [reader.read(item, row_context) for item in resource.expand(row, row_context)]
                )
            return records

        records = self._reread_if_missed(read_rows)
        for record in (record for of_row in records for record in of_row):
            _note_unreadable(resource, record, unreadable)
        return records

    def _zone_of(self, resource: Resource, row: Row) -> Zone:
        return self.tables.account_zone.zone_of(resource, row)

    def _reread_if_missed(self, read: Callable[[], list[Any]]) -> list[Any]:
        result = read()
        return read() if self.tables.reread_missed() else result

    def _kinds(self, resource: Resource, wanted: Any) -> set[str]:
        needed = resource.relations(wanted)
        return {kind for relation in needed for kind in NAMES_OF.get(relation, ())}

    def _check_fields(self, resource: Resource, related: Related) -> None:
        """Read the field definitions again if a value belongs to an unknown field."""
        entity, values = resource.custom_fields, related.get(CUSTOM_VALUES)
        if entity is None or not values:
            return
        keys = self.tables.custom_fields(entity).keys
        used = {field_id_of(row) for rows in values.values() for row in rows}
        unknown = {
            str(field_id) for field_id in used - keys.keys() if field_id
        } - self._unknown_fields
        if unknown and self.tables.could_read_fields(entity):
            self.tables.forget_fields(entity)
            self._unknown_fields |= unknown - self.tables.custom_fields(entity).keys.keys()

    # --- related rows -------------------------------------------------------------------------

    def _related(self, resource: Resource, rows: RowsAndBodies) -> tuple[Related, set[str]]:
        """Return related rows by relation and row id, and the unreadable relations."""
        pages: dict[int, tuple[list[Row], Body]] = {}
        for row, body in rows:
            pages.setdefault(id(body), ([], body))[0].append(row)
        related: Related = {}
        unreadable: set[str] = set()
        for page_rows, body in pages.values():
            total = total_of(body) if self._scan_loaders is not None else None
            page = Page(page_rows, body, total or len(page_rows), None)
            with contextlib.ExitStack() as stack:
                loaders = self._loaders_for(resource, page, stack)
                for loader in loaders.values():
                    loader.prefetch(page)
                for name, loader in loaders.items():
                    related.setdefault(name, {}).update(loader.join(page))
                    if isinstance(loader, RelationLoader) and not loader.is_complete:
                        unreadable.add(name)
            self._drop_failed_sideloads()
            self._load_accounts(related, body)
        return related, unreadable

    def _loaders_for(
        self, resource: Resource, page: Page, stack: contextlib.ExitStack
    ) -> dict[str, Loader]:
        loaders: dict[str, Loader] = {}
        for relation in self._relations(resource):
            is_page = endpoint_of(resource.endpoint_name).rows_key in page.body
            loader = self._sideload_loader(resource, relation) if is_page else None
            loaders[relation.name] = loader or self._separate_loader(
                resource, relation, page, stack
            )
        needed = resource.relations(lambda _: True)
        return loaders | special_loaders(needed, self._client, self.tables)

    def _separate_loader(
        self, resource: Resource, relation: Relation, page: Page, stack: contextlib.ExitStack
    ) -> RelationLoader:
        """Return the loader that reads a relation with separate requests."""
        key, base = (
            (resource.endpoint_name, relation.name),
            endpoint_of(resource.endpoint_name).path,
        )
        if self._scan_loaders is not None:
            if key not in self._scan_loaders:
                self._scan_loaders[key] = RelationLoader(
                    self._client, relation, base, sideload=False
                )
            return self._scan_loaders[key]
        loader = RelationLoader(self._client, relation, base, sideload=False, is_partial=True)
        stack.callback(loader.close)
        if len(page.rows) <= FEW_ROWS and relation.nested:
            loader.use_nested()
        return loader

    def _drop_failed_sideloads(self) -> None:
        """Stop the sideloads that the account does not send completely."""
        for key, loader in list(self._loaders.items()):
            if loader is not None and loader.strategy in {
                LoadStrategy.UNDECIDED,
                LoadStrategy.COLLECTION,
                LoadStrategy.NESTED,
            }:
                loader.close()
                self._loaders[key] = None

    def _load_accounts(self, related: Related, body: Body) -> None:
        links = related.get(shared_contact_fields.LINKS)
        if links:
            has_names = self.tables.load_linked_accounts(links, body, few=None)
            is_requested = self._sideload_level == ALL_SIDELOADS
            if is_requested and shared_contact_fields.LINKS in body and not has_names:
                self._sideload_level = WITHOUT_NAMES


def _note_unreadable(resource: Resource, record: Record, unreadable: set[str]) -> None:
    """Set the properties of unreadable relations to null, and name them in ``_errors``."""
    names = [
        entry.unified
        for entry in resource.entries
        if isinstance(entry, Linked) and entry.relation in unreadable
    ]
    if CUSTOM_VALUES in unreadable:
        names += [entry.unified for entry in resource.entries if isinstance(entry, Attribute)]
        names.append("custom_fields")
    for name in names:
        record[name] = None
        record["_errors"].append(f"{name}: {UNREAD}")
