"""The ledger's tables: in a SQLite file of one account, or in PostgreSQL for all accounts.

A batch takes few statements: `prefetch` reads the rows of the batch at once. At its end, a
transaction writes its rows with one statement per table.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tap_activecampaign_unified.storage.database import insert_new, insert_or_replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_activecampaign_unified.storage.database import Database, Insert

#: Enough for the rows of all batches that are written at the same time.
MAX_CACHED_ROWS = 50_000
# SQLite accepts up to 32,766 values in a statement.
KEYS_PER_STATEMENT = 2_000
_ESCAPED = re.compile(r"\\([\\0])")
Values = tuple[Any, ...]
Rows = dict[tuple[str, Values], Values | None]


class AnyText(sa.TypeDecorator[str]):
    """Text that may hold NUL, such as ids of a source. PostgreSQL's own text type cannot."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Escape NUL."""
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace("\\", "\\\\").replace("\0", "\\0")

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Restore NUL."""
        if value is None or dialect.name != "postgresql" or "\\" not in value:
            return value
        return _ESCAPED.sub(lambda match: "\0" if match[1] == "0" else "\\", value)


_TEXT, _BYTES = sa.Text().with_variant(AnyText(), "postgresql"), sa.LargeBinary()
#: The columns of each table: the columns of its key, and the other columns.
TABLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "meta": ({"name": _TEXT}, {"value": _BYTES}),
    "confirmed": ({"key": _BYTES}, {"id": _TEXT, "fields": _BYTES}),
    "pending": ({"key": _BYTES, "step": _TEXT}, {"since": sa.Double()}),
    "copies": ({"family": _TEXT, "source": _TEXT}, {"id": _TEXT}),
    "members": (
        {"audience": _TEXT, "person": _TEXT},
        {"address": _BYTES, "keys": _BYTES, "flags": sa.Integer()},
    ),
    "given": ({"person": _TEXT}, {"contact": _TEXT, "tokens": _TEXT}),
}


class _Table:
    """A table and its statements. In PostgreSQL, the account is the first column of every row."""

    def __init__(self, name: str, metadata: sa.MetaData, insert: Insert, *, is_file: bool) -> None:
        self.keys, values = TABLES[name]
        self.columns = [*self.keys, *values]
        owner = sa.ForeignKey("accounts.account", ondelete="CASCADE")
        account = sa.Column("account", sa.Integer, owner, primary_key=True)
        scope = [] if is_file else [account]
        key = [sa.Column(column, kind, primary_key=True) for column, kind in self.keys.items()]
        others = [sa.Column(column, kind) for column, kind in values.items()]
        table = sa.Table(name, metadata, *scope, *key, *others, sqlite_with_rowid=False)
        in_account = [column == sa.bindparam("account") for column in scope]
        self.is_simple = len(key) == 1
        identity = key[0] if self.is_simple else sa.tuple_(*key)
        has_key = identity.in_(sa.bindparam("keys", expanding=True))
        self.select = sa.select(*key, *others).where(*in_account, has_key)
        self.delete = sa.delete(table).where(*in_account, has_key)
        first, second = key[0], key[-1]
        is_after = first > sa.bindparam("after")
        self.next = sa.select(first).where(*in_account, is_after).order_by(first).limit(1)
        on_page = [first == sa.bindparam("first"), second > sa.bindparam("after")]
        self.page = sa.select(*key[1:], *others).where(*in_account, *on_page).order_by(second)
        self.page = self.page.limit(sa.bindparam("most"))
        self.scan = sa.select(*key, *others).where(*in_account, is_after).order_by(first)
        self.scan = self.scan.limit(sa.bindparam("most"))
        self.add, self.put = insert_new(insert, table), insert_or_replace(insert, table)


class _LedgerTables:
    """All tables of a ledger, with their statements."""

    def __init__(self, insert: Insert, *, is_file: bool) -> None:
        self.metadata = sa.MetaData()
        number = sa.Column("account", sa.Integer, sa.Identity(always=True), primary_key=True)
        name = sa.Column("name", sa.Text, nullable=False, unique=True)
        if not is_file:
            self.accounts = sa.Table("accounts", self.metadata, number, name)
        self.by_name = {
            name: _Table(name, self.metadata, insert, is_file=is_file) for name in TABLES
        }


@cache
def _tables_of(insert: Insert, *, is_file: bool) -> _LedgerTables:
    """Return the tables for one kind of database: SQLAlchemy takes 10 ms to build them."""
    return _LedgerTables(insert, is_file=is_file)


def _nothing() -> None:
    """Do nothing before a write."""


class Store:
    """Rows of one account by their whole key. Every method may raise `OSError`."""

    def __init__(self, database: Database, account: str) -> None:
        """Prepare the statements."""
        self._database, self._account = database, account
        tables = _tables_of(database.insert, is_file=database.is_file)
        self._definitions, self._tables = tables, tables.by_name
        #: The values that every row of PostgreSQL has.
        self._scope: dict[str, int] = {}
        #: Rows of the database by key, None for rows that the database does not have.
        self._cache: Rows = {}
        #: Called before rows are written.
        self.before_write: Callable[[], None] = _nothing
        #: The rows that the current transaction will write, None outside of a transaction.
        self._unwritten: Rows | None = None

    def create_tables(self, check_version: Callable[[Values | None], None]) -> None:
        """Create the missing tables, and in PostgreSQL the account.

        ``check_version`` is called with the version of an existing ledger, and may raise.
        """
        database = self._database
        if database.is_file:
            if "meta" in database.table_names():
                check_version(self.get("meta", "version"))
            database.create_tables(self._definitions.metadata)
            database.rows("PRAGMA journal_mode = WAL")
            # A create is on disk before its request: a power cut must not lose it either.
            database.rows("PRAGMA synchronous = FULL")
            return
        database.create_tables(self._definitions.metadata)
        accounts = self._definitions.accounts
        number = sa.select(accounts.c.account).where(accounts.c.name == self._account)
        if not database.rows(number):
            database.rows(database.add(accounts), [{"name": self._account}])
        self._scope = {"account": database.rows(number)[0][0]}
        check_version(self.get("meta", "version"))

    def get(self, table: str, *key: Any) -> Values | None:
        """Return the other columns of a row."""
        if self._unwritten is not None and (table, key) in self._unwritten:
            return self._unwritten[table, key]
        if (table, key) not in self._cache:
            self._read(table, [key])
        return self._cache[table, key]

    def prefetch(self, table: str, keys: Iterable[Values]) -> None:
        """Read rows that `get` will return, by their whole keys."""
        self._read(table, list(keys))

    def release(self, table: str, keys: Iterable[Values]) -> None:
        """Remove rows of a table from the cache; `get` reads them again."""
        for key in keys:
            self._cache.pop((table, key), None)

    def uncache(self, *tables: str) -> None:
        """Remove the rows of tables from the cache."""
        self._cache = {key: row for key, row in self._cache.items() if key[0] not in tables}

    def page(self, table: str, first: str, after: str, most: int) -> list[Any]:
        """Return up to ``most`` rows of a table with two key columns, without the first column.

        In all rows the first column is ``first``, and the second is greater than ``after``. The
        rows are in the order of the second column.
        """
        values = {"first": first, "after": after, "most": most, **self._scope}
        return self._database.rows(self._tables[table].page, values)

    def scan(self, table: str, after: str, most: int) -> list[Any]:
        """Return up to ``most`` rows of a table with a single key column, in the key's order.

        The key of each row is greater than ``after``.
        """
        values = {"after": after, "most": most, **self._scope}
        return self._database.rows(self._tables[table].scan, values)

    def firsts(self, table: str) -> list[str]:
        """Return the distinct values of the first key column of a table."""
        values: list[str] = []
        while True:
            after = {"after": values[-1] if values else "", **self._scope}
            rows = self._database.rows(self._tables[table].next, after)
            if not rows:
                return values
            values.append(rows[0][0])

    def _read(self, name: str, keys: list[Values]) -> None:
        self._cache |= {(name, key): None for key in keys}
        excess = max(0, len(self._cache) - max(MAX_CACHED_ROWS, len(keys)))
        for oldest in list(itertools.islice(self._cache, excess)):
            del self._cache[oldest]
        table = self._tables[name]
        width = len(table.keys)
        for row in self._in_parts(table, table.select, keys):
            self._cache[name, tuple(row[:width])] = tuple(row[width:])

    def _in_parts(
        self, table: _Table, statement: sa.Executable, keys: list[Values]
    ) -> Iterator[Any]:
        values = [value for (value,) in keys] if table.is_simple else keys
        for at in range(0, len(keys), KEYS_PER_STATEMENT):
            part = values[at : at + KEYS_PER_STATEMENT]
            yield from self._database.rows(statement, {"keys": part, **self._scope})

    def add(self, table: str, key: Values, values: Values) -> None:
        """Write a row unless a row with this key exists."""
        if self._unwritten is None:
            self._cache.pop((table, key), None)
            self._database.rows(self._tables[table].add, [self._row(table, key + values)])
        elif self.get(table, *key) is None:
            self._unwritten[table, key] = values

    def put(self, table: str, key: Values, values: Values | None) -> None:
        """Write or replace the row with this key; None removes the row."""
        if self._unwritten is not None:
            self._unwritten[table, key] = values
            return
        with self.transaction() as rows:
            rows[table, key] = values

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Rows]:
        """Write all rows of a block or none. A nested block is part of the outer block."""
        if self._unwritten is not None:
            yield self._unwritten
            return
        rows: Rows = {}
        self._unwritten = rows
        try:
            yield rows
        finally:
            self._unwritten = None
        self.before_write()
        if len(rows) > 1:
            with self._database.transaction():
                self._write(rows)
        else:
            self._write(rows)
        self._cache |= rows

    def _write(self, rows: Rows) -> None:
        for name, table in self._tables.items():
            changes = [
                (key, values) for (table_name, key), values in rows.items() if table_name == name
            ]
            put = [self._row(name, key + values) for key, values in changes if values is not None]
            self._database.rows(table.put, put)
            removed = [key for key, values in changes if values is None]
            list(self._in_parts(table, table.delete, removed))

    def _row(self, table: str, values: Values) -> dict[str, Any]:
        return self._scope | dict(zip(self._tables[table].columns, values, strict=True))
