"""Resolves references of rows to ids of the account; reads small tables once per run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    NotFound,
    PermissionDenied,
    RequestError,
    UnexpectedAnswer,
    total_of,
    walk_offset,
)
from tap_activecampaign_unified.resources.custom_fields import (
    ACCOUNT_VALUES,
    CustomFields,
    definition_of,
    value_owner,
)
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.outcome import RowDeferred, RowRejected

from .contacts import ContactLookup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.client import RowsKey
    from target_activecampaign.client.write_client import WriteClient
    from target_activecampaign.concurrency.pool import CooperativePool
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.ledger.ledger import Ledger

NativeRow = dict[str, Any]
Ref = dict[str, str]

FULL_PAGE = 100


@dataclass(frozen=True)
class LookupTable:
    """The endpoint of a family and the column of its natural key."""

    path: str
    column: str
    word: str
    part: str = "name"


LOOKUP_TABLES = {
    "tag": LookupTable("tags", "tag", "tag"),
    "list": LookupTable("lists", "name", "list"),
    "pipeline": LookupTable("dealGroups", "title", "pipeline"),
    "stage": LookupTable("dealStages", "title", "stage"),
    "user": LookupTable("users", "email", "user", "email"),
    "group": LookupTable("groups", "title", "group"),
    "automation": LookupTable("automations", "name", "automation"),
    "store": LookupTable("connections", "name", "store"),
    "task_type": LookupTable("dealTasktypes", "title", "type"),
    "task_outcome": LookupTable("taskOutcomes", "title", "outcome"),
}


@dataclass(frozen=True)
class ValueTable:
    """Where the custom values of an entity are: nested under their parent, and in a collection."""

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
FIELD_TABLES = {
    "contact": "fields",
    "account": "accountCustomFieldMeta",
    "opportunity": "dealCustomFieldMeta",
}


class References(ContactLookup):
    """Resolves references: reads small tables once, contacts and accounts on demand."""

    def __init__(
        self, write_client: WriteClient, ledger: Ledger, policy: WritePolicy, pool: CooperativePool
    ) -> None:
        super().__init__(write_client.client, pool)
        self.ledger, self.policy = ledger, policy
        self._tables: dict[str, dict[str, NativeRow]] = {}
        self._by_name: dict[str, dict[str, list[NativeRow]]] = {}
        self._noted: dict[str, list[tuple[str, NativeRow | None]]] = {}
        self._refused: dict[str, RequestError] = {}
        self._fields: dict[str, CustomFields] = {}
        self._accounts: dict[str, str | None] = {}
        self._all_accounts = False
        #: Ids of the deals by folded external id; None until read.
        self.opportunity_ids: dict[str, list[str]] | None = None
        #: While false, a later row may still create what is not found.
        self.is_final = False

    # --- small tables -----------------------------------------------------------------------

    def table(self, family: str) -> dict[str, NativeRow]:
        """Return the rows of a family by id."""
        while family not in self._tables:
            with self.pool.named_lock("table", family):
                if family in self._refused:
                    raise self._refused[family]
                if family not in self._tables:
                    self._read_table(family)
        return self._tables[family]

    def _read_table(self, family: str) -> None:
        path = LOOKUP_TABLES[family].path
        rows: dict[str, NativeRow] = {}
        changes = self._noted[family] = []
        try:
            for page in walk_offset(self.client, path, path):
                rows |= {str(row.get("id")): row for row in page.rows}
        except (PermissionDenied, NotFound) as problem:
            self._refused[family] = problem
            raise
        finally:
            del self._noted[family]
        self._tables[family] = rows
        self._by_name.pop(family, None)
        for native_id, row in changes:  # made while the table was read
            if row is None:
                rows.pop(native_id, None)
            else:
                self.remember(family, row)

    def invalidate(self, family: str) -> None:
        """Forget a table that another client changed."""
        self._tables.pop(family, None)
        self._by_name.pop(family, None)

    def forget_small(self, family: str) -> None:
        """Forget a family's table, or all custom fields, so that they are read again."""
        if family == "field":
            self._fields.clear()
        elif family in LOOKUP_TABLES:
            self.invalidate(family)

    def remember(self, family: str, row: NativeRow) -> None:
        """Add a row that was just created or changed."""
        if family in self._noted:
            self._noted[family].append((str(row["id"]), row))
        elif family in self._tables:
            self._by_name.pop(family, None)
            known = self._tables[family].get(str(row["id"]), {})
            self._tables[family][str(row["id"])] = {**known, **row}

    def forget(self, family: str, native_id: str) -> None:
        """Forget a deleted row."""
        if family in self._noted:
            self._noted[family].append((native_id, None))
        self._by_name.pop(family, None)
        self._tables.get(family, {}).pop(native_id, None)

    def find_by_name(self, family: str, name: str) -> list[NativeRow]:
        """Return the rows with a name; only those in the exact spelling, if there are any."""
        column = LOOKUP_TABLES[family].column
        table = self.table(family)
        if family not in self._by_name:
            found: dict[str, list[NativeRow]] = {}
            for row in table.values():
                if family != "tag" or row.get("tagType", "contact") == "contact":
                    found.setdefault(fold(str(row.get(column) or "")), []).append(row)
            self._by_name[family] = found
        rows = self._by_name[family].get(fold(name), [])
        exact = [row for row in rows if str(row.get(column)).strip() == name.strip()]
        return exact or list(rows)

    def resolve_id(self, family: str, ref: Ref) -> str:
        """Return the id of the referenced record; raise `RowDeferred` while it may still come."""
        table = LOOKUP_TABLES[family]
        source = ref.get("id")
        if source and not self.policy.is_foreign:
            if source in self.table(family):
                return source
            raise RowRejected(f"{table.word}: the account has none with this id")
        if source:
            own = self.ledger.own_id(family, source)
            if own and (is_planned(own) or own in self.table(family)):
                return own
        name = ref.get(table.part) or ref.get("name") or ref.get("email")
        if name:
            rows = self.find_by_name(family, name)
            if len(rows) == 1:
                return str(rows[0]["id"])
            if rows:
                raise RowRejected(f"{table.word}: several have this name; give the id")
        raise self.absent(table.word, family, "name" if name else "id")

    def absent(self, word: str, family: str, by: str) -> RowDeferred | RowRejected:
        """Return the error of a row whose reference ``by`` name or id does not resolve (yet)."""
        if family == "user" and by == "name":
            by = "address"
        reason = f"{word}: the account has none with this {by}; create it or correct the row"
        return RowRejected(reason) if self.is_final else RowDeferred(reason, family)

    def user(self, ref: Ref) -> str | None:
        """Return a user's id; None where the reference does not resolve."""
        try:
            return self.resolve_id("user", ref)
        except (RowRejected, RowDeferred):
            wanted = ref.get("name")
            rows = self.table("user").values()
            found = [
                row
                for row in rows
                if wanted
                and fold(wanted)
                in {
                    fold(f"{row.get('firstName') or ''} {row.get('lastName') or ''}"),
                    fold(str(row.get("username") or "")),
                }
            ]
            return str(found[0]["id"]) if len(found) == 1 else None

    def stage(self, ref: Ref, pipeline: str | None) -> NativeRow:
        """Return a stage of a pipeline; None searches all pipelines."""
        source = ref.get("id")
        if source and not self.policy.is_foreign:
            row = self.table("stage").get(self.resolve_id("stage", {"id": source}), {})
            if pipeline and str(row.get("group")) != pipeline:
                raise RowRejected("stage: it does not belong to the pipeline of this row")
            return row
        own = self.ledger.own_id("stage", source) if source else None
        if own and own in self.table("stage"):
            return self.table("stage")[own]
        name = ref.get("name")
        rows = self.find_by_name("stage", name) if name else []
        rows = [row for row in rows if pipeline in {None, str(row.get("group"))}]
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise RowRejected("stage: several have this name; name the pipeline or give the id")
        raise self.absent("stage", "stage", "name" if name else "id")

    # --- custom fields ----------------------------------------------------------------------

    def fields(self, entity: str) -> CustomFields:
        """Return the custom fields of contacts, accounts or opportunities."""
        while entity not in self._fields:
            with self.pool.named_lock("fields", entity):
                if entity not in self._fields:
                    self._read_fields(entity)
        return self._fields[entity]

    def _read_fields(self, entity: str) -> None:
        path = FIELD_TABLES[entity]
        found = []
        for page in walk_offset(self.client, path, path):
            sideloads = page.body.get("fieldOptions") or ()
            options = {str(o.get("id")): o for o in sideloads if isinstance(o, dict)}
            found += [definition_of(entity, row, options) for row in page.rows]
        self._fields[entity] = CustomFields(found, self.policy.custom_field_keys)

    def forget_fields(self, entity: str) -> None:
        """Forget an entity's custom fields that another client changed."""
        self._fields.pop(entity, None)

    def note_field(self, entity: str, row: NativeRow, options: list[NativeRow]) -> None:
        """Add a field that was just created."""
        by_id = {
            str(option.get("id", number)): {"field": row.get("id"), **option}
            for number, option in enumerate(options)
        }
        made = definition_of(entity, row, by_id)
        known = [one for one in self.fields(entity).definitions if one.id != made.id]
        self._fields[entity] = CustomFields([*known, made], self.policy.custom_field_keys)

    # --- contacts ---------------------------------------------------------------------------

    def contact(self, ref: Ref) -> str:
        """Return a contact's id by id or address."""
        source = ref.get("id")
        if source and not self.policy.is_foreign:
            return source
        own = self.ledger.own_id("contact", source) if source else None
        if own:
            return own
        email = ref.get("email")
        if email:
            found = self.contacts_by_email([email]).get(fold(email))
            if found:
                return found
        raise self.no_contact(has_email=bool(email))

    def no_contact(self, *, has_email: bool) -> RowDeferred | RowRejected:
        """Return the error of a row whose contact does not exist (yet)."""
        by = "address" if has_email else "id"
        reason = f"contact: the account has none with this {by}; write the contact too"
        return RowRejected(reason) if self.is_final else RowDeferred(reason, "contact")

    # --- accounts ---------------------------------------------------------------------------

    def prefetch_accounts(self, names: Iterable[str]) -> None:
        """Read all accounts at once where that needs fewer requests than a lookup per name."""
        missing = {fold(name) for name in names} - self._accounts.keys()
        if self._all_accounts or len(missing) < 5:
            return
        answer = self.client.get("accounts", [("limit", 1)])
        total = total_of(answer.body)
        if total is None or total / FULL_PAGE + 2 >= len(missing):
            return
        for page in walk_offset(self.client, "accounts", "accounts"):
            for row in page.rows:
                self.note_account(str(row.get("name") or ""), str(row.get("id")))
        self._all_accounts = True

    def account_named(self, name: str, *, is_fresh: bool = False) -> str | None:
        """Return an account's id by name, None without one; ``is_fresh`` looks again."""
        with self.pool.named_lock("account", fold(name)):
            return self._account_named(name, is_fresh=is_fresh)

    def _account_named(self, name: str, *, is_fresh: bool) -> str | None:
        key = fold(name)
        if not is_fresh:
            if self._accounts.get(key):
                return self._accounts[key]
            if key in self._accounts or self._all_accounts:
                return None
        found: list[NativeRow] = []
        for page in walk_offset(self.client, "accounts", "accounts", [("search", name.strip())]):
            found += [row for row in page.rows if fold(str(row.get("name") or "")) == key]
        exact = [row for row in found if str(row.get("name")).strip() == name.strip()]
        self._accounts[key] = str((exact or found)[0]["id"]) if found else None
        return self._accounts[key]

    def note_account(self, name: str, native_id: str | None) -> None:
        """Remember an account's name for this run."""
        self._accounts[fold(name)] = native_id

    def account(self, ref: Ref) -> str:
        """Return an account's id by id or name."""
        source = ref.get("id")
        if source and not self.policy.is_foreign:
            return source
        own = self.ledger.own_id("account", source) if source else None
        if own:
            return own
        name = ref.get("name")
        found = self.account_named(name) if name else None
        if found:
            return found
        raise self.absent("account", "account", "name" if name else "id")

    # --- nested rows ------------------------------------------------------------------------

    def nested_rows(self, parent: str, native_id: str, key: RowsKey) -> list[NativeRow]:
        """Return the nested rows of a record, for example ``/contacts/7/contactTags``.

        Raises `UnexpectedAnswer` where the response does not name them.
        """
        if is_planned(native_id):
            return []
        found: list[NativeRow] = []
        name = key if isinstance(key, str) else key[0]
        for page in walk_offset(self.client, f"{parent}/{native_id}/{name}", key, lean=True):
            found += page.rows
        return found

    def values_below(self, entity: str, native_id: str) -> list[NativeRow]:
        """Return the custom values of an account or opportunity.

        Where its own path does not exist, or does not name its rows, they come from the collection.
        Raises `UnexpectedAnswer` where that does not name them either: nothing is known then.
        """
        table = VALUE_TABLES[entity]
        try:
            return self.nested_rows(table.parent, native_id, table.key)
        except (NotFound, UnexpectedAnswer):
            pages = walk_offset(self.client, table.path, table.key, [(table.filter, native_id)])
            rows = [row for page in pages for row in page.rows]
        return [row for row in rows if value_owner(row, entity) == native_id]
