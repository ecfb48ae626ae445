"""The ledger: what ActiveCampaign confirmed, so that only changes are sent and nothing twice.

It holds keyed hashes, ids and times. A reader of the file learns nothing of the rows: the key of
the hashes is random, and lies in the same file only because the file is the user's own.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.api import RunEnds
from tap_activecampaign_unified.database import Database, DatabaseTrouble
from tap_activecampaign_unified.files import NO_ROOM, open_private
from tap_activecampaign_unified.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_activecampaign_unified.api import Client

try:
    import fcntl
except ImportError:  # Windows has no flock: there, do not run two at once
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

VERSION = 1
DAMAGED = (
    "ledger_path is damaged, or no ledger of this program: put a copy of it back. Moved away, it "
    "is made anew and knows no row: notes, and deals without a key of yours, would come twice"
)
_DIGEST = 8
MOST_PATHS = 10_000
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS confirmed (key BLOB PRIMARY KEY, id TEXT, fields BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    key BLOB, step TEXT, since REAL, PRIMARY KEY (key, step)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS copies (
    family TEXT, source TEXT, id TEXT, PRIMARY KEY (family, source)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the ledger knows of a row: ActiveCampaign's id and the hashes by field."""

    id: str | None
    fields: dict[bytes, bytes]


def wait_for_turn(path: Path, client: Client, patience: float) -> int | None:
    """Lock a ledger for one run: two at once would create the same row twice.

    Waits while another run has it, at most ``patience`` seconds; returns the lock's handle, which
    goes with the process that holds it (None where there are no such locks). Raises
    `LedgerInUse`.
    """
    if fcntl is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = open_private(Path(f"{path}.lock"), os.O_RDWR)
    except OSError as problem:
        raise _unusable(problem) from None
    until = client.clock.monotonic() + patience
    is_told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not is_told:
                logger.info("Another run uses this account's ledger: waiting for its end")
                is_told = True
            if client.clock.monotonic() >= until:
                os.close(handle)
                raise LedgerInUse(
                    "another run of target-activecampaign uses the same ledger: let it end, then "
                    "run again"
                ) from None
            try:
                client.checkpoint()
            except BaseException:
                os.close(handle)
                raise
            client.clock.sleep(1.0)
        else:
            return handle


def _unusable(problem: OSError) -> Exception:
    if isinstance(problem, DatabaseTrouble) and problem.is_damaged:
        return SettingsError([DAMAGED])
    if isinstance(problem, DatabaseTrouble) and problem.is_locked:
        return LedgerInUse("another program has ledger_path locked: let it end, then run again")
    if problem.errno in NO_ROOM:
        why = f"ledger_path cannot be written ({problem.strerror}): make room and run again"
        return LedgerInUse(why)
    return SettingsError([f"ledger_path cannot be used ({problem.strerror}): name another file"])


class LedgerInUse(RunEnds):
    """Another run has the ledger and does not end."""


class Ledger:
    """One SQLite file; every note is on disk when the call returns, kill -9 or not."""

    def __init__(
        self,
        path: Path,
        account: str,
        *,
        is_dry: bool = False,
        turn: int | None = None,
        patience: float = 60.0,
    ) -> None:
        """Open or make the file, readable by this user alone; a dry run only reads it.

        ``turn`` is the lock that `wait_for_turn` gave, let go when the ledger is closed;
        ``patience`` is how long another program may have the file, in seconds.
        """
        self._turn = turn
        self._is_dry = is_dry
        self._planned: dict[tuple[str, str], str] = {}
        self._paths: dict[str, bytes] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = Database(path, seconds_for_others=patience)
        except OSError as problem:
            self._let_go()
            raise _unusable(problem) from None
        try:
            self._check_version()
            # A killed process loses nothing that was handed to the system.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_TABLES)
            self._secret = self._meta("secret", secrets.token_bytes(32))
            self._meta("version", str(VERSION).encode())
            self._check_account(account)
        except OSError as problem:
            self.close()
            raise _unusable(problem) from None
        except SettingsError:
            self.close()
            raise

    def _check_version(self) -> None:
        """Raise `SettingsError` for a file that is not ours to write in; it stays as it is."""
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return
        if "meta" not in tables:
            raise SettingsError([DAMAGED])
        row = self._db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        found = row[0] if row else b"0"
        if not isinstance(found, bytes) or not found.isdigit():
            raise SettingsError([DAMAGED])
        if int(found) > VERSION:
            raise SettingsError(["ledger_path was written by a newer version: update this program"])

    def _check_account(self, account: str) -> None:
        if self._meta("account", account.encode()) != account.encode():
            raise SettingsError(["ledger_path belongs to another account: name another file"])

    def _meta(self, name: str, value: bytes) -> bytes:
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return bytes(found[0])

    def close(self) -> None:
        """Close the file, and let another run have it."""
        self._db.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._turn is not None:
            os.close(self._turn)
            self._turn = None

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write many notes at once: all of them or none."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- hashes -----------------------------------------------------------------------------

    def key(self, *parts: Any) -> bytes:
        """Return the hash under which a row is known."""
        return hmac.digest(self._secret, _canonical(parts), "sha256")[:16]

    def fields(self, content: Iterable[tuple[str, Any]]) -> dict[bytes, bytes]:
        """Return the hashes of what a row asks for, by hash of the field."""
        secret, digest, paths = self._secret, hmac.digest, self._paths
        found = {}
        for path, value in content:
            name = paths.get(path)
            if name is None:
                if len(paths) >= MOST_PATHS:
                    paths.clear()
                name = paths[path] = digest(secret, path.encode(), "sha256")[:_DIGEST]
            found[name] = digest(secret, _canonical(value), "sha256")[:_DIGEST]
        return found

    # --- what was confirmed -----------------------------------------------------------------

    def find(self, key: bytes) -> Confirmed | None:
        """Return what is known of a row."""
        found = self._db.execute(
            "SELECT id, fields FROM confirmed WHERE key = ?", (key,)
        ).fetchone()
        if found is None:
            return None
        blob, step = found[1], 2 * _DIGEST
        pairs = range(0, len(blob), step)
        return Confirmed(
            found[0], {blob[i : i + _DIGEST]: blob[i + _DIGEST : i + step] for i in pairs}
        )

    def confirm(self, key: bytes, native_id: str | None, fields: dict[bytes, bytes]) -> None:
        """Remember what ActiveCampaign confirmed, beside what it confirmed before."""
        if self._is_dry:
            return
        before = self.find(key)
        if before is not None:
            fields = {**before.fields, **fields}
            native_id = native_id or before.id
        blob = b"".join(path + value for path, value in sorted(fields.items()))
        self._db.execute(
            "INSERT OR REPLACE INTO confirmed VALUES (?, ?, ?)", (key, native_id, blob)
        )

    def note_id(self, key: bytes, native_id: str) -> None:
        """Remember a row's id while nothing of the row is confirmed yet."""
        self.confirm(key, native_id, {})

    def forget(self, key: bytes) -> None:
        """Forget a row: it was deleted, or its id is not what it was."""
        if not self._is_dry:
            self._db.execute("DELETE FROM confirmed WHERE key = ?", (key,))

    # --- creates whose answer may be lost ---------------------------------------------------

    def pending(self, key: bytes, step: str) -> float | None:
        """Return when a create was begun that nobody saw the end of (server's time), or None."""
        found = self._db.execute(
            "SELECT since FROM pending WHERE key = ? AND step = ?", (key, step)
        ).fetchone()
        return None if found is None else float(found[0])

    def begin(self, key: bytes, step: str, since: float) -> None:
        """Note that a create is about to be sent; an older note stands."""
        if not self._is_dry:
            self._db.execute("INSERT OR IGNORE INTO pending VALUES (?, ?, ?)", (key, step, since))

    def settle(self, key: bytes, step: str) -> None:
        """Note that a create was answered."""
        if not self._is_dry:
            self._db.execute("DELETE FROM pending WHERE key = ? AND step = ?", (key, step))

    # --- ids of another account -------------------------------------------------------------

    def own_id(self, family: str, source: str) -> str | None:
        """Return the id here of a row that another account calls ``source``."""
        if (family, source) in self._planned:
            return self._planned[family, source]
        found = self._db.execute(
            "SELECT id FROM copies WHERE family = ? AND source = ?", (family, source)
        ).fetchone()
        return None if found is None else str(found[0])

    def note_copy(self, family: str, source: str, own: str) -> None:
        """Remember which row here is a copy of which there."""
        if self._is_dry:
            self._planned[family, source] = own
        else:
            self._db.execute(
                "INSERT OR REPLACE INTO copies VALUES (?, ?, ?)", (family, source, own)
            )

    def drop_copy(self, family: str, source: str) -> None:
        """Forget a copy that is gone."""
        if not self._is_dry:
            self._db.execute("DELETE FROM copies WHERE family = ? AND source = ?", (family, source))


# Made once: `json.dumps` makes one for each value, which takes longer than most values do.
_SPELLED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


def _canonical(value: Any) -> bytes:
    return _SPELLED(value).encode()
