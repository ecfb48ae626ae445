"""SQLite files, and PostgreSQL schemas that several machines share, through SQLAlchemy.

SQLAlchemy takes 0.1 s and 11 MB to import, so callers import this module when they open a database.
No error repeats a URL, which may hold a password, or a server's message, which may quote a row.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, PendingRollbackError, ResourceClosedError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from tap_activecampaign_unified.config.read_settings import SettingsError

from .private_files import open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Executable, MetaData, Table

    Insert = Callable[[Table], Any]

try:
    import fcntl
except ImportError:  # Windows has no flock: it cannot prevent two runs on one file
    fcntl = None  # type: ignore[assignment]

INSTALL = "pip install 'tap-activecampaign-unified[postgres]'"
EXAMPLE = "postgresql://user:password@host/database"
_ADDRESS = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")
# The connection is idle during requests. Keepalives stop firewalls from dropping it.
_CONNECTION_DEFAULTS = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# A write must be on disk before the next request, also if the server's default differs. The server
# releases the locks of a lost machine after a minute of silence.
_SET_SESSION = """
SELECT set_config(name, wanted, false)
FROM pg_settings JOIN (VALUES
    ('synchronous_commit', 'on'), ('idle_session_timeout', '0'), ('tcp_keepalives_idle', '30'),
    ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3')) AS asked (name, wanted)
USING (name)
WHERE name <> 'synchronous_commit' OR setting IN ('off', 'local')
"""
_FULL = (errno.ENOSPC, os.strerror(errno.ENOSPC))
_LOCKED = (errno.EAGAIN, "another program has locked it")
_FOREIGN = (errno.EILSEQ, "it is damaged, or not a file of this program")
_LOST = (errno.ECONNRESET, "the connection to its PostgreSQL server was lost")
_UNREACHABLE = (errno.ECONNREFUSED, "no connection to its PostgreSQL server could be made")
_SQLITE_CAUSES = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: (errno.EIO, "disk error, or the disk is full"),
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_ERROR: _FOREIGN,  # a table or a column is missing
    sqlite3.SQLITE_CORRUPT: _FOREIGN,
    sqlite3.SQLITE_NOTADB: _FOREIGN,
    sqlite3.SQLITE_READONLY: (errno.EROFS, os.strerror(errno.EROFS)),
}
# Errors of this program, which are raised unchanged.
_DEFECTS = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError)
# By SQLSTATE, or by its class.
_POSTGRES_CAUSES = {
    "53100": _FULL,
    "25006": (errno.EROFS, "its server is read-only: a replica, or closed for writes"),
    "42501": (errno.EACCES, "its database user lacks a privilege"),
    "55P03": _LOCKED,
    "40": (errno.EAGAIN, "another program changed the same rows"),
    "42": (errno.EILSEQ, "its tables are damaged, or not those of this program"),
}
# libpq's messages for a failed login. These errors have no SQLSTATE.
_LOGIN = ("authentication failed", "no password supplied", "pg_hba.conf")


def open_database(
    setting: str, location: str | Path, *, program: str, schema: str, wait_seconds: float
) -> Database:
    """Open the database of a setting: a file on this machine, or a PostgreSQL URL.

    Raises `SettingsError` if the user can correct the error, else `OSError`.
    """
    if is_postgres_address(str(location)):
        return PostgresDatabase(setting, str(location), program, schema)
    if "://" in str(location):
        raise SettingsError(
            [f"{setting} must be a file of this machine, or an address like {EXAMPLE}"]
        )
    return Database(Path(location).expanduser(), wait_seconds)


def is_postgres_address(location: str) -> bool:
    """Return whether a setting names a PostgreSQL database rather than a file."""
    return _ADDRESS.match(location) is not None


class Database:
    """One connection to a SQLite file that only its user may read.

    It commits each statement when the call returns, except inside `transaction`. Every method
    raises `OSError` if the database fails.
    """

    #: A file belongs to one account. A PostgreSQL database may hold all accounts.
    is_file = True
    #: The function of SQLAlchemy that begins an INSERT statement of this kind of database.
    insert: Insert = staticmethod(sqlite.insert)
    _driver, _begin = "sqlite", "BEGIN IMMEDIATE"

    def __init__(self, path: Path, wait_seconds: float = 5.0) -> None:
        """Open or create the file. Waits ``wait_seconds`` for the lock of another program."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(open_private(path, os.O_RDWR))
        options: dict[str, Any] = {"timeout": wait_seconds, "check_same_thread": False}
        self._connect(str(path), lambda: sqlite3.connect(path, isolation_level=None, **options))

    def _connect(self, name: str, connect: Callable[[], Any]) -> None:
        """Connect once. A lost connection is not replaced, because its locks are lost too."""
        self._name, self._is_in_transaction, self._lock_file = name, False, -1
        once = iter([connect])
        engine = create_engine(
            f"{self._driver}://",
            creator=lambda: next(once)(),  # noqa: PLW0108 - called at connect time
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )
        try:
            self._connection = engine.connect()
        except DBAPIError as problem:
            raise self._error_of(problem) from None

    def rows(self, statement: Executable | str, values: Any = None) -> list[Any]:
        """Run a statement and return its rows. With a list of values, run it once for each.

        A string is SQL with the driver's placeholders.
        """
        if values == []:
            return []
        is_text = isinstance(statement, str)
        run: Any = self._connection.exec_driver_sql if is_text else self._connection.execute
        try:
            result = run(statement, values)
            return result.all() if result.returns_rows else []
        except (DBAPIError, PendingRollbackError, ResourceClosedError) as problem:
            raise self._error_of(problem) from None

    def add(self, table: Table) -> Any:
        """Return the statement that inserts rows, except rows whose key exists."""
        return insert_new(self.insert, table)

    def put(self, table: Table) -> Any:
        """Return the statement that inserts rows and replaces rows with the same key."""
        return insert_or_replace(self.insert, table)

    def _error_of(self, problem: Exception) -> Exception:
        cause = getattr(problem, "orig", None)
        if cause is None or isinstance(cause, _DEFECTS):
            return problem
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return OSError(*_SQLITE_CAUSES.get(code, (errno.EIO, str(cause))), self._name)

    @contextlib.contextmanager
    def transaction(self, *lock: str) -> Iterator[None]:
        """Commit all writes of the block or none. A nested block is part of the outer block.

        ``lock`` names work that only one transaction of all machines may do at a time.
        """
        if self._is_in_transaction:
            yield
            return
        self.rows(self._begin)
        self._is_in_transaction = True
        try:
            if lock and not self.is_file:
                self.rows("SELECT pg_advisory_xact_lock(%s)", (_lock_number(*lock),))
            yield
            self.rows("COMMIT")
        except BaseException:
            with contextlib.suppress(OSError):
                self.rows("ROLLBACK")
            raise
        finally:
            self._is_in_transaction = False

    def try_lock(self, *_: str) -> bool:
        """Take a lock until `close`. Return False if another program has it.

        For a SQLite file, this locks a second file beside it.
        """
        if fcntl is None:
            return True
        if self._lock_file < 0:
            self._lock_file = open_private(Path(f"{self._name}.lock"), os.O_RDWR)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def table_names(self) -> set[str]:
        """Return the names of the tables in the file or schema."""
        return {name for (name,) in self.rows("SELECT name FROM sqlite_master")}

    def create_tables(self, metadata: MetaData) -> None:
        """Create missing tables. Raise `OSError` if the file has only tables of another program."""
        expected, existing = set(metadata.tables), self.table_names()
        if existing and not existing & expected:
            raise OSError(*_FOREIGN, self._name)
        if not expected <= existing:
            with self.transaction("make", self._name):
                self._create(metadata)

    def _create(self, metadata: MetaData) -> None:
        for table in metadata.sorted_tables:
            self.rows(CreateTable(table, if_not_exists=True))

    def close(self) -> None:
        """Close the connection and release its locks."""
        with contextlib.suppress(DBAPIError):
            self._connection.close()
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1


class PostgresDatabase(Database):
    """A schema of a PostgreSQL database. Errors name ``setting``, never the URL."""

    is_file = False
    _driver, _begin = "postgresql+psycopg", "BEGIN"

    def __init__(self, setting: str, address: str, program: str, schema: str) -> None:
        """Connect. Raises `SettingsError` if the user can correct the error, else `OSError`."""
        try:
            import psycopg  # noqa: PLC0415 - an extra that only such an address needs
            from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
            from sqlalchemy.dialects import postgresql  # noqa: PLC0415
        except ImportError:
            raise SettingsError([f"{setting} needs the PostgreSQL client: {INSTALL}"]) from None
        try:
            parts = conninfo_to_dict(_ADDRESS.sub("postgresql://", address, count=1))
        except psycopg.Error:
            raise SettingsError(
                [f"{setting} is not the address of a PostgreSQL database: write it as {EXAMPLE}"]
            ) from None
        options: dict[str, Any] = {**_CONNECTION_DEFAULTS, "application_name": program, **parts}
        self._schema, self._is_connected, self.insert = schema, False, postgresql.insert
        self._connect(setting, lambda: psycopg.connect(**(options | {"client_encoding": "UTF8"})))
        self._is_connected = True
        try:
            self.rows(_SET_SESSION)
            self.rows(f"SET search_path TO {schema}")
        except OSError:
            self.close()
            raise

    def _error_of(self, problem: Exception) -> Exception:
        cause = getattr(problem, "orig", None)
        if cause is None or (isinstance(problem, DBAPIError) and problem.connection_invalidated):
            return OSError(*_LOST, self._name)
        if not self._is_connected:
            return self._login_error(str(cause))
        code = getattr(cause, "sqlstate", None) or ""
        cause_of_code = _POSTGRES_CAUSES.get(code) or _POSTGRES_CAUSES.get(code[:2])
        other = (errno.EIO, f"its PostgreSQL server reports {type(cause).__name__}")
        return OSError(*(cause_of_code or other), self._name)

    def _login_error(self, message: str) -> Exception:
        if any(word in message for word in _LOGIN):
            fix = "its PostgreSQL server rejects this user: correct the user, password or rights"
        elif "does not exist" in message:
            fix = "its PostgreSQL server has no such database or user: create it"
        else:
            return OSError(*_UNREACHABLE, self._name)
        return SettingsError([f"{self._name}: {fix}"])

    def try_lock(self, *lock: str) -> bool:
        """Take a lock until `close`. Return False if another program has it."""
        return bool(self.rows("SELECT pg_try_advisory_lock(%s)", (_lock_number(*lock),))[0][0])

    def table_names(self) -> set[str]:
        """Return the names of the tables in the schema."""
        statement = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        return {name for (name,) in self.rows(statement, (self._schema,))}

    def _create(self, metadata: MetaData) -> None:
        try:
            self.rows(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
            super()._create(metadata)
        except OSError as problem:
            if problem.errno != errno.EACCES:
                raise
            fix = f"its database user may not create the schema {self._schema} and its tables"
            fix += ": run once as a user with this right, then grant this user their use"
            raise SettingsError([f"{self._name}: {fix}"]) from None


def insert_new(insert: Insert, table: Table) -> Any:
    """Return the statement that inserts rows, except rows whose key exists."""
    return insert(table).on_conflict_do_nothing()


def insert_or_replace(insert: Insert, table: Table) -> Any:
    """Return the statement that inserts rows and replaces rows with the same key."""
    statement = insert(table)
    others = {
        column.name: statement.excluded[column.name] for column in table.c if not column.primary_key
    }
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=others)


def _lock_number(*name: str) -> int:
    """Return the number of a lock: 64 bits, signed."""
    digest = hashlib.sha256("\0".join(("activecampaign", *name)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
