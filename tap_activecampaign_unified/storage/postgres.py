"""A PostgreSQL database of ours, where several machines share what one keeps in a file.

Nothing that is told of it repeats its address, which may hold a password, or the words of the
server, which may quote what it was given.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.config.settings import SettingsError

from .sqlite import DatabaseTrouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INSTALL = "pip install 'tap-activecampaign-unified[postgres]'"
SECONDS_TO_CONNECT = 10
_ADDRESS = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")
# A connection is idle while ActiveCampaign is waited for: no firewall may forget it, and one that
# is gone must be seen to be.
_KEPT_ALIVE = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# What was noted must be on disk before a request goes out, whatever the server does by default.
# Of a machine that vanished, the server lets the locks go after a minute of silence.
_SESSION = """
SELECT set_config(name, wanted, false)
FROM pg_settings JOIN (VALUES
    ('synchronous_commit', 'on'), ('idle_session_timeout', '0'), ('tcp_keepalives_idle', '30'),
    ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3')) AS asked (name, wanted)
USING (name)
WHERE name <> 'synchronous_commit' OR setting IN ('off', 'local')
"""
_FULL = (errno.ENOSPC, os.strerror(errno.ENOSPC))
_REFUSED = (errno.EACCES, "its database user lacks a privilege")
_READ_ONLY = (errno.EROFS, "its server is read-only: a replica, or closed to writes")
# By class of SQLSTATE, or the whole of it.
_WORDS = {
    "53100": _FULL,
    "25006": _READ_ONLY,
    "42501": _REFUSED,
    "55P03": (errno.EAGAIN, "another program has it locked"),
    "40": (errno.EAGAIN, "another program changed the same rows"),
    "42": (errno.EILSEQ, "its tables are damaged, or none of this program"),
}
_LOST = (errno.ECONNRESET, "the connection to its PostgreSQL server was lost")
_AWAY = (errno.ECONNREFUSED, "no connection to its PostgreSQL server could be made")
_WRONG = ("authentication failed", "no password supplied", "pg_hba.conf")
_NOT_THERE = "does not exist"


def is_address(place: str) -> bool:
    """Say whether a setting names a PostgreSQL database, rather than a file."""
    return _ADDRESS.match(place) is not None


def check_place(setting: str, place: str) -> None:
    """Raise `SettingsError` for an address of any other kind."""
    if "://" in place and not is_address(place):
        raise SettingsError(
            [f"{setting} must be a file of this machine, or an address like {_example()}"]
        )


def _example() -> str:
    return "postgresql://user:password@host/database"


class Postgres:
    """A connection without implicit transactions; raises `DatabaseTrouble`, an `OSError`.

    ``setting`` is what the address was given by, and all that is told of it.
    """

    def __init__(self, setting: str, address: str, program: str) -> None:
        """Connect; raises `SettingsError` for what the user can mend, else `DatabaseTrouble`."""
        self._setting = setting
        try:
            import psycopg  # noqa: PLC0415 - an extra that only such an address needs
            from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
        except ImportError:
            raise SettingsError([f"{setting} needs the client for PostgreSQL: {INSTALL}"]) from None
        self._problems: type[Exception] = psycopg.Error
        try:
            given = conninfo_to_dict(_ADDRESS.sub("postgresql://", address, count=1))
        except psycopg.Error:
            raise SettingsError(
                [f"{setting} is no address of a PostgreSQL database: give it like {_example()}"]
            ) from None
        usual: dict[str, Any] = {
            "connect_timeout": SECONDS_TO_CONNECT,
            "application_name": program,
            **_KEPT_ALIVE,
        }
        try:
            self._connection = psycopg.connect(
                **(usual | given | {"client_encoding": "UTF8"}), autocommit=True
            )
        except psycopg.Error as problem:
            raise self._not_open(str(problem)) from None
        try:
            self.rows(_SESSION)
        except DatabaseTrouble:
            self.close()
            raise

    def _not_open(self, words: str) -> Exception:
        if any(word in words for word in _WRONG):
            mend = "its PostgreSQL server does not let this user in: mend user, password or rights"
        elif _NOT_THERE in words:
            mend = "its PostgreSQL server has no such database or user: create it"
        else:
            return DatabaseTrouble(*_AWAY, self._setting)
        return SettingsError([f"{self._setting}: {mend}"])

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._problems as problem:
            if self._connection.closed or self._connection.broken:
                raise DatabaseTrouble(*_LOST, self._setting) from None
            code = getattr(problem, "sqlstate", None) or ""
            number, words = (
                _WORDS.get(code)
                or _WORDS.get(code[:2])
                or (errno.EIO, f"its PostgreSQL server says {type(problem).__name__}")
            )
            raise DatabaseTrouble(number, words, self._setting) from None

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows, none where it has none."""
        with self._told():
            done = self._connection.execute(statement.encode(), values or None)
            return done.fetchall() if done.description else []

    def many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each of many."""
        with self._told(), self._connection.cursor() as cursor:
            cursor.executemany(statement.encode(), values)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of the block or none of it."""
        self.rows("BEGIN")
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):
                self.rows("ROLLBACK")
            raise
        self.rows("COMMIT")

    def try_lock(self, *name: str) -> bool:
        """Take a lock that goes with this connection; False while another has it."""
        return bool(self.rows("SELECT pg_try_advisory_lock(%s)", [_number_of(*name)])[0][0])

    def lock_for_transaction(self, *name: str) -> None:
        """Wait for a lock that goes with the transaction."""
        self.rows("SELECT pg_advisory_xact_lock(%s)", [_number_of(*name)])

    def make(self, schema: str, tables: dict[str, str]) -> None:
        """Make the tables that are not there; ``tables`` are their columns by name.

        Raises `SettingsError` where this user may not.
        """
        asked = [f"{schema}.{name}" for name in tables]
        there = self.rows("SELECT count(to_regclass(name)) FROM unnest(%s::text[]) name", [asked])
        if there[0][0] == len(tables):
            return
        try:
            with self.transaction():
                self.lock_for_transaction("make", schema)
                self.rows(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                for name, columns in tables.items():
                    self.rows(f"CREATE TABLE IF NOT EXISTS {schema}.{name} ({columns})")
        except DatabaseTrouble as problem:
            if problem.errno != errno.EACCES:
                raise
            mend = f"its database user may not make the schema {schema} and its tables"
            mend += ": let one run once who may, then grant this one their use"
            raise SettingsError([f"{self._setting}: {mend}"]) from None

    def close(self) -> None:
        """Close the connection, and let its locks go."""
        with contextlib.suppress(self._problems):
            self._connection.close()


def _number_of(*name: str) -> int:
    """Return the number of a lock: 64 bits, signed."""
    digest = hashlib.sha256("\0".join(("activecampaign", *name)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
