"""SQLite files of ours: their user's alone, and trouble with them said as the system says it."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from .files import open_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FULL = (errno.ENOSPC, os.strerror(errno.ENOSPC))
_DAMAGED = (errno.EILSEQ, "it is damaged, or no file of this program")
_WORDS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: (errno.EIO, "disk error, or the disk is full"),
    sqlite3.SQLITE_BUSY: (errno.EAGAIN, "another program has it locked"),
    sqlite3.SQLITE_LOCKED: (errno.EAGAIN, "another program has it locked"),
    sqlite3.SQLITE_ERROR: _DAMAGED,  # tables that are not as they should be
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_READONLY: (errno.EROFS, os.strerror(errno.EROFS)),
}
_PRIMARY = 0xFF
_OUR_FAULTS = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError)


class DatabaseTrouble(OSError):
    """A file or a database cannot be read or written; ``filename`` says which."""

    @property
    def is_damaged(self) -> bool:
        """Whether the file is not, or no longer, what it should be."""
        return self.errno == _DAMAGED[0]

    @property
    def is_away(self) -> bool:
        """Whether a server that has it does not answer."""
        return self.errno in {errno.ECONNREFUSED, errno.ECONNRESET}

    @property
    def is_locked(self) -> bool:
        """Whether somebody else has it."""
        return self.errno == errno.EAGAIN


def _trouble(problem: sqlite3.Error, path: Path) -> DatabaseTrouble:
    code = getattr(problem, "sqlite_errorcode", 0) & _PRIMARY
    number, words = _WORDS.get(code, (errno.EIO, str(problem)))
    return DatabaseTrouble(number, words, str(path))


class _Cursor(sqlite3.Cursor):
    """Raises `DatabaseTrouble` for what SQLite finds wrong with the file."""

    connection: Database

    def _do(self, act: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return act(*arguments)
        except _OUR_FAULTS:
            raise
        except sqlite3.Error as problem:
            raise _trouble(problem, self.connection.path) from None

    def execute(self, *arguments: Any) -> Any:
        return self._do(super().execute, *arguments)

    def executemany(self, *arguments: Any) -> Any:
        return self._do(super().executemany, *arguments)

    def executescript(self, *arguments: Any) -> Any:
        return self._do(super().executescript, *arguments)

    def fetchone(self) -> Any:
        return self._do(super().fetchone)

    def fetchall(self) -> Any:
        return self._do(super().fetchall)

    def __next__(self) -> Any:
        return self._do(super().__next__)


class Database(sqlite3.Connection):
    """A SQLite file without implicit transactions; raises `DatabaseTrouble`, an `OSError`."""

    def __init__(self, path: Path, *, seconds_for_others: float = 5.0) -> None:
        """Open or make the file; wait so long while another program has it locked."""
        self.path = path
        os.close(open_private(path, os.O_RDWR))
        try:
            super().__init__(
                path, timeout=seconds_for_others, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as problem:
            raise _trouble(problem, path) from None

    def cursor(self, *_: Any) -> Any:
        """Return a cursor whose troubles are told."""
        return super().cursor(_Cursor)

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """Run a statement."""
        found: sqlite3.Cursor = self.cursor().execute(*arguments)
        return found

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        """Run a statement for each of many."""
        found: sqlite3.Cursor = self.cursor().executemany(*arguments)
        return found

    def executescript(self, *arguments: Any) -> sqlite3.Cursor:
        """Run several statements."""
        found: sqlite3.Cursor = self.cursor().executescript(*arguments)
        return found
