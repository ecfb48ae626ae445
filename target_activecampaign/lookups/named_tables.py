"""Small tables that rows refer to by name, such as tags and lists; read once per run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import NotFound, PermissionDenied, walk_offset
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.outcome import RowRejected

from .lookup import Lookup, NativeRow, Ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import RequestError


@dataclass(frozen=True)
class LookupTable:
    """A table that rows refer to.

    * ``path``: its endpoint.
    * ``column``: the native column of its natural key.
    * ``label``: its name in messages.
    * ``key_part``: the key of the natural key in a reference.
    """

    path: str
    column: str
    label: str
    key_part: str = "name"


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


@dataclass(eq=False, repr=False)
class NamedTables(Lookup):
    """The rows of small tables, by id and by name."""

    _tables: dict[str, dict[str, NativeRow]] = field(default_factory=dict, init=False)
    _by_name: dict[str, dict[str, list[NativeRow]]] = field(
        default_factory=dict, init=False, repr=False
    )
    _noted: dict[str, list[tuple[str, NativeRow | None]]] = field(
        default_factory=dict, init=False, repr=False
    )
    _refused: dict[str, RequestError] = field(default_factory=dict, init=False)

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
        for native_id, row in changes:  # changes during the read
            if row is None:
                rows.pop(native_id, None)
            else:
                self.remember(family, row)

    def invalidate(self, family: str) -> None:
        """Forget a table that another client changed."""
        self._tables.pop(family, None)
        self._by_name.pop(family, None)

    def remember(self, family: str, row: NativeRow) -> None:
        """Add a row that was just created or changed."""
        if family in self._noted:
            self._noted[family].append((str(row["id"]), row))
        elif family in self._tables:
            self._by_name.pop(family, None)
            before = self._tables[family].get(str(row["id"]), {})
            self._tables[family][str(row["id"])] = {**before, **row}

    def forget(self, family: str, native_id: str) -> None:
        """Forget a deleted row."""
        if family in self._noted:
            self._noted[family].append((native_id, None))
        self._by_name.pop(family, None)
        self._tables.get(family, {}).pop(native_id, None)

    def find_by_name(
        self, family: str, name: str, among: Callable[[NativeRow], bool] = lambda _: True
    ) -> list[NativeRow]:
        """Return the rows with a name. Rows with the exact spelling exclude rows in other case.

        ``among`` says which rows are searched.
        """
        column = LOOKUP_TABLES[family].column
        table = self.table(family)
        if family not in self._by_name:
            by_name: dict[str, list[NativeRow]] = {}
            for row in table.values():
                if family != "tag" or row.get("tagType", "contact") == "contact":
                    by_name.setdefault(fold(str(row.get(column) or "")), []).append(row)
            self._by_name[family] = by_name
        rows = list(filter(among, self._by_name[family].get(fold(name), [])))
        exact = [row for row in rows if str(row.get(column)).strip() == name.strip()]
        return exact or rows

    def resolve_id(self, family: str, ref: Ref) -> str:
        """Return the id of the referenced record.

        Raises `RowDeferred` while a later row may create the record, `RowRejected` afterwards.
        """
        table = LOOKUP_TABLES[family]
        ref_id = ref.get("id")
        if ref_id and not self.policy.is_foreign:
            if ref_id in self.table(family):
                return ref_id
            raise RowRejected(f"{table.label}: the account has none with this id")
        if ref_id:
            own_id = self.foreign_ids.resolve(family, ref_id)
            if own_id and (is_planned(own_id) or own_id in self.table(family)):
                return own_id
        name = ref.get(table.key_part) or ref.get("name") or ref.get("email")
        if name:
            rows = self.find_by_name(family, name)
            if len(rows) == 1:
                return str(rows[0]["id"])
            if rows:
                raise RowRejected(f"{table.label}: several have this name; give the id")
        raise self.not_found(table.label, family, "name" if name else "id")
