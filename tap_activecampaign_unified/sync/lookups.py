"""Reads the account's small tables, once per run, at their first use."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import (
    Client,
    InvalidRequest,
    NotFound,
    Page,
    PermissionDenied,
    RequestError,
    ServerError,
    prefetch_walk,
    rows_of,
    walk_offset,
)
from tap_activecampaign_unified.client.graphql.request import PATH as GRAPHQL
from tap_activecampaign_unified.client.graphql.request import run_graphql
from tap_activecampaign_unified.resources.custom_fields import (
    FIELD_PATHS,
    CustomFields,
    FieldDefinition,
    definitions_of,
)
from tap_activecampaign_unified.resources.custom_objects import CustomObject, resources_of
from tap_activecampaign_unified.resources.resource import NameTables

from .account_zone import AccountZone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tap_activecampaign_unified.resources.resource import Resource, Row

logger = logging.getLogger(__name__)


# Tables with up to this many rows stay in memory, because a stream may read them too.
MAX_CACHED_ROWS = 2_000
# Up to this many linked accounts without a name are requested by id.
FEW_ACCOUNTS = 3
SCHEMAS = "customObjects/schemas"

#: The table of each kind of names, and the column of the name.
NAME_COLUMNS = {
    "tags": ("tags", "tag"),
    "segments": ("lists", "name"),
    "stages": ("dealStages", "title"),
    "pipelines": ("dealGroups", "title"),
    "groups": ("groups", "title"),
    "automations": ("automations", "name"),
    "scores": ("scores", "name"),
    "task_types": ("dealTasktypes", "title"),
}


class Lookups:
    """Names of tags, lists, stages and other tables by id, and definitions of custom fields.

    If the key may not read a table, the tap logs one warning, and the table's names are null.
    """

    def __init__(self, client: Client, key_mode: str) -> None:
        self._client = client
        self._key_mode = key_mode
        self._tables: dict[str, list[Row] | None] = {}
        self._fields: dict[str, CustomFields] = {}
        self._loaded: set[str] = set()
        self._all_accounts = False
        self._is_readable: dict[str, bool] = {}
        self._failures: dict[str, RequestError] = {}
        self.names = NameTables()
        #: The account's time zone, from the rows that the sync reads.
        self.account_zone = AccountZone(self._read_contacts, ("cdate", "udate"))
        #: Paths of tables that the key may not read.
        self.unread: list[str] = []

    def _read_contacts(self) -> list[Row]:
        """Return up to 100 contacts, or an empty list if the request fails."""
        try:
            return rows_of(self._client.get("contacts", [("limit", 100)]).body, "contacts")
        except RequestError as problem:
            logger.info("%s: the tap takes the time zone from each row", problem)
            return []

    def table(self, path: str) -> Iterable[Page]:
        """Yield the pages of a small table, but from memory after the first call."""
        cached_rows = self._tables.get(path)
        if cached_rows is not None:
            yield Page(cached_rows, {}, len(cached_rows), None)
            return
        rows: list[Row] | None = []
        for page in self._walk(path):
            if rows is not None:
                rows = [*rows, *page.rows] if len(rows) <= MAX_CACHED_ROWS else None
            yield page
        self._tables[path] = rows

    def _walk(self, path: str, *, lean: bool = False) -> Iterator[Page]:
        """Walk a table. After a failure, later walks of the run raise the same error at once."""
        if path in self._failures:
            raise self._failures[path]
        try:
            yield from walk_offset(self._client, path, path, lean=lean)
        except (InvalidRequest, ServerError) as problem:
            self._failures[path] = problem
            raise

    def prefetch_table(self, path: str, then: Callable[[list[Row]], None] | None = None) -> None:
        """Prefetch a small table that the sync will read. ``then`` gets its first rows."""
        if path not in self._tables:
            prefetch_walk(
                self._client,
                path,
                then=then and (lambda response: then(rows_of(response.body, path))),
            )

    def prefetch_names(self, kinds: Iterable[str]) -> None:
        """Prefetch the tables of names of these kinds."""
        for kind in sorted(set(kinds) - self._loaded):
            self.prefetch_table(NAME_COLUMNS[kind][0])

    def prefetch_fields_of(self, resources: Iterable[Resource]) -> None:
        """Prefetch the custom fields in the schemas of these resources."""
        self.prefetch_fields(
            {resource.custom_fields for resource in resources if resource.custom_fields}
        )

    def prefetch_fields(self, entities: Iterable[str]) -> None:
        """Prefetch these entities' custom fields."""
        for entity in sorted(set(entities) - self._fields.keys()):
            prefetch_walk(self._client, FIELD_PATHS[entity])

    def load_names(self, kinds: Iterable[str]) -> NameTables:
        """Read the names of these kinds (keys of `NAME_COLUMNS`) and return all names."""
        for kind in sorted(set(kinds) - self._loaded):
            path, column = NAME_COLUMNS[kind]
            names = getattr(self.names, kind)
            try:
                for page in self.table(path):
                    for row in page.rows:
                        text = str(row.get(column) or "").strip()
                        names[str(row.get("id"))] = text or None
            except (PermissionDenied, NotFound) as problem:
                self._note_unread(path, problem)
            self._loaded.add(kind)
        return self.names

    def load_linked_accounts(
        self, links: Mapping[str, Iterable[Row]], body: Row, *, few: int | None = FEW_ACCOUNTS
    ) -> bool:
        """Load the names of the accounts of links, which are by contact.

        They come from the accounts in the response ``body``, up to ``few`` others by id (None for
        any number), otherwise from all accounts. Returns whether ``body`` has accounts.
        """
        accounts = body.get("accounts")
        self.note_accounts(accounts if isinstance(accounts, list) else ())
        ids = {str(link.get("account")) for rows in links.values() for link in rows}
        missing = sorted(ids - {"None", "0", ""} - self.names.accounts.keys())
        if missing and not self._all_accounts:
            self._load_accounts(missing, few)
        return isinstance(accounts, list)

    def _load_accounts(self, missing: list[str], few: int | None) -> None:
        try:
            if few is None or len(missing) <= few:
                for account_id in missing:
                    self._client.prefetch(f"accounts/{account_id}")
                for account_id in missing:
                    self._load_account(account_id)
                return
            self._all_accounts = True
            for page in walk_offset(self._client, "accounts", "accounts"):
                self.note_accounts(page.rows)
        except (PermissionDenied, NotFound) as problem:
            self._all_accounts = True
            self._note_unread("accounts", problem)

    def _load_account(self, account_id: str) -> None:
        try:
            response = self._client.get(f"accounts/{account_id}")
        except NotFound:
            self.names.accounts[account_id] = None  # the account was deleted and has no name
            return
        row = response.body.get("account")
        self.note_accounts([row] if isinstance(row, dict) else [])

    def note_accounts(self, rows: Iterable[Row]) -> None:
        """Store the names of these accounts."""
        for row in rows:
            if isinstance(row, dict):
                self.names.accounts[str(row.get("id"))] = str(row.get("name") or "").strip()

    def custom_fields(self, entity: str) -> CustomFields:
        """Return an entity's custom fields; empty if the key may not read them."""
        if entity not in self._fields:
            path = FIELD_PATHS[entity]
            definitions: list[FieldDefinition] = []
            try:
                for page in self._walk(path, lean=True):
                    definitions += definitions_of(entity, page.rows, page.body)
            except (PermissionDenied, NotFound) as problem:
                self._note_unread(path, problem)
            self._fields[entity] = fields = CustomFields(definitions, self._key_mode)
            for first, second in fields.collisions():
                logger.warning(
                    "The %s fields %r and %r would become the same column when flattened: the "
                    "key of the second field ends with its id",
                    entity,
                    first,
                    second,
                )
        return self._fields[entity]

    def custom_objects(self) -> list[CustomObject]:
        """Return the account's custom objects; empty if the plan does not include them."""
        schemas: list[Row] = []
        try:
            for page in walk_offset(self._client, SCHEMAS, "schemas", lean=True):
                schemas += page.rows
        except (PermissionDenied, NotFound, InvalidRequest) as problem:
            logger.info("%s: the account has no custom objects", problem)
        return resources_of(schemas)

    def could_read_fields(self, entity: str) -> bool:
        """Return whether `custom_fields` could read an entity's custom fields."""
        return FIELD_PATHS[entity] not in self.unread

    def may_read(self, path: str) -> bool:
        """Return whether the key can now read a collection that an earlier run could not read."""
        if path not in self._is_readable:
            try:
                if path == GRAPHQL:
                    run_graphql(self._client, "{ __typename }")
                else:
                    self._client.get(path, [("limit", 1)])
                self._is_readable[path] = True
            except RequestError as problem:
                logger.info("%s: the key still may not read it", problem)
                self._is_readable[path] = False
        return self._is_readable[path]

    def _note_unread(self, path: str, problem: RequestError) -> None:
        logger.warning("%s: this run leaves out its names and fields", problem)
        self.unread.append(path)
