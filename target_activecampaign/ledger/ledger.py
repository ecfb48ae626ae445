"""The ledger: what ActiveCampaign confirmed. The target sends changes only, and each once.

It holds keyed hashes, ids and times, no personal data. Half of the key is random and stored in the
ledger. Where others can read the ledger, such as the administrators of a database,
``ledger_secret`` is the other half.
"""

from __future__ import annotations

import contextlib
import errno
import hmac
import json
import logging
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_activecampaign_unified.client import FatalError
from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.storage.database import open_database
from tap_activecampaign_unified.storage.files import DISK_FULL

from .audience_records import AudienceRecords
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.storage.database import Database

logger = logging.getLogger(__name__)

SETTING, SCHEMA = "ledger_path", "activecampaign_ledger"
VERSION = 1
DAMAGED = (
    "ledger_path is damaged, or not a ledger of this program: restore a copy of it. A new ledger "
    "knows no row: notes, and deals without a key of yours, would be created a second time"
)
WRONG_SECRET = (
    "ledger_secret is not what this ledger was made with: set the earlier value, or remove the "  # noqa: S105
    "setting if there was none. With another one the ledger knows no row: notes and deals would be "
    "created a second time"
)
_DIGEST = 8
MAX_CACHED_PATHS = 10_000


class Confirmed(NamedTuple):
    """What ActiveCampaign confirmed of a row: its id, and the hashes of its values by field."""

    id: str | None
    fields: dict[bytes, bytes]


class LedgerInUse(FatalError):
    """The ledger cannot be used at the moment: another run has it, or its server is down."""


def open_ledger_at(
    place: str | Path,
    client: Client,
    *,
    program: str,
    max_wait: float,
    is_dry_run: bool,
    secret: str | None,
) -> Ledger:
    """Open the account's ledger, once no other run writes to it; a dry run does not wait.

    ``max_wait`` is in seconds. Raises `SettingsError`, or `LedgerInUse` where a retry can help.
    """
    with contextlib.ExitStack() as stack:
        try:
            database = open_database(
                SETTING, place, program=program, schema=SCHEMA, wait_seconds=max_wait
            )
            stack.callback(database.close)
            if not is_dry_run:
                _wait_for_lock(database, client, max_wait)
            ledger = Ledger(database, client.address.account, is_dry_run=is_dry_run, secret=secret)
        except OSError as problem:
            raise _error_of(problem) from None
        stack.pop_all()
    return ledger


def _wait_for_lock(database: Database, client: Client, max_wait: float) -> None:
    """Take the ledger's lock: two runs at once would create the same row twice."""
    deadline = client.clock.monotonic() + max_wait
    is_logged = False
    while not database.try_lock("ledger", client.address.account):
        if not is_logged:
            logger.warning("Another run uses this account's ledger: waiting until it ends")
            is_logged = True
        if client.clock.monotonic() >= deadline:
            raise LedgerInUse(
                "another run of target-activecampaign uses the same ledger: wait until it ends, "
                "then run again"
            )
        client.before_request()
        client.clock.sleep(1.0)


def _error_of(problem: OSError) -> Exception:
    """Return the error of a ledger that cannot be opened."""
    why = f"ledger_path cannot be used ({problem.strerror})"
    if problem.errno == errno.EILSEQ:
        return SettingsError([DAMAGED])
    if problem.errno == errno.EAGAIN:
        return LedgerInUse(f"{why}: wait until it ends, then run again")
    if problem.errno in {errno.ECONNREFUSED, errno.ECONNRESET}:
        return LedgerInUse(f"{why}: no row was sent; run again")
    if problem.errno in DISK_FULL:
        return LedgerInUse(f"{why}: free some space, then run again")
    return SettingsError([f"{why}: name another file"])


def _check_version(found: tuple[Any, ...] | None) -> None:
    """Raise `SettingsError` for a ledger that this version must not write to."""
    if found is not None and not (isinstance(found[0], bytes) and found[0].isdigit()):
        raise SettingsError([DAMAGED])
    if found is not None and int(found[0]) > VERSION:
        raise SettingsError(["ledger_path was written by a newer version: update this program"])


class Ledger:
    """Stores what ActiveCampaign confirmed. A record is on disk when the call returns."""

    def __init__(
        self,
        database: Database,
        account: str,
        *,
        is_dry_run: bool = False,
        secret: str | None = None,
    ) -> None:
        """Create the tables that are missing; a dry run records nothing.

        Raises `SettingsError`, and `OSError` as every other method does.
        """
        self._database = database
        self._store = store = Store(database, account)
        self._is_dry = is_dry_run
        self._planned: dict[tuple[str, str], str] = {}
        self._paths: dict[str, bytes] = {}
        store.create_tables(_check_version)
        is_new = store.get("meta", "secret") is None
        self._secret = self._meta("secret", secrets.token_bytes(32))
        proof = b""
        if secret is not None:
            self._secret = hmac.digest(secret.encode(), self._secret, "sha256")
            proof = hmac.digest(self._secret, b"proof", "sha256")
        if is_new:
            self._meta("proof", proof)
        known = store.get("meta", "proof")
        if not hmac.compare_digest(known[0] if known else b"", proof):
            raise SettingsError([WRONG_SECRET])
        #: The members of audiences, and what streams granted.
        self.audiences = AudienceRecords(store, self.hash_key, is_dry_run=is_dry_run)
        self._meta("version", str(VERSION).encode())
        if self._meta("account", account.encode()) != account.encode():
            raise SettingsError(["ledger_path belongs to another account: name another file"])

    def _meta(self, name: str, value: bytes) -> bytes:
        """Write a value unless the ledger has one; return the value that it has."""
        self._store.add("meta", (name,), (value,))
        found = self._store.get("meta", name)
        return bytes(found[0]) if found else value

    def close(self) -> None:
        """Close it and release its lock."""
        self._database.close()

    def set_before_write(self, before_write: Callable[[], None]) -> None:
        """Set the function that is called before each write."""
        self._store.before_write = before_write

    def transaction(self) -> contextlib.AbstractContextManager[object]:
        """Record everything of the block, or nothing."""
        return self._store.transaction()

    def hash_key(self, *parts: Any) -> bytes:
        """Return the hash that identifies a row."""
        return hmac.digest(self._secret, _canonical(parts), "sha256")[:16]

    def hash_fields(self, content: Iterable[tuple[str, Any]]) -> dict[bytes, bytes]:
        """Return the hashes of a row's values by the hash of their field."""
        secret, digest, paths = self._secret, hmac.digest, self._paths
        found = {}
        for path, value in content:
            name = paths.get(path)
            if name is None:
                if len(paths) >= MAX_CACHED_PATHS:
                    paths.clear()
                name = paths[path] = digest(secret, path.encode(), "sha256")[:_DIGEST]
            found[name] = digest(secret, _canonical(value), "sha256")[:_DIGEST]
        return found

    # --- confirmed rows ---------------------------------------------------------------------

    def prefetch(self, keys: Iterable[bytes]) -> None:
        """Read the rows of a batch at once; `find` then needs no statement for them."""
        self._store.prefetch("confirmed", ((key,) for key in keys))

    def find(self, key: bytes) -> Confirmed | None:
        """Return what was confirmed of a row, None if nothing was."""
        found = self._store.get("confirmed", key)
        if found is None:
            return None
        blob, step = found[1], 2 * _DIGEST
        pairs = range(0, len(blob), step)
        return Confirmed(
            found[0], {blob[i : i + _DIGEST]: blob[i + _DIGEST : i + step] for i in pairs}
        )

    def confirm(self, key: bytes, native_id: str | None, fields: dict[bytes, bytes]) -> None:
        """Add to what ActiveCampaign confirmed of a row."""
        if self._is_dry:
            return
        before = self.find(key)
        if before is not None:
            fields = {**before.fields, **fields}
            native_id = native_id or before.id
        blob = b"".join(path + value for path, value in sorted(fields.items()))
        self._store.put("confirmed", (key,), (native_id, blob))

    def record_id(self, key: bytes, native_id: str) -> None:
        """Record the id of a row, and no value."""
        self.confirm(key, native_id, {})

    def unconfirm(self, key: bytes) -> None:
        """Keep only the id of a row: its values were put back, and the row is sent again."""
        known = self.find(key)
        if known is not None and not self._is_dry:
            self._store.put("confirmed", (key,), (known.id, b""))

    def forget(self, key: bytes) -> None:
        """Remove a row: it was deleted, or has another id."""
        if not self._is_dry:
            self._store.put("confirmed", (key,), None)

    # --- create requests whose response may be lost -----------------------------------------

    def pending_since(self, key: bytes, step: str) -> float | None:
        """Return when a request without a known outcome was first sent (server time), or None."""
        found = self._store.get("pending", key, step)
        return None if found is None else float(found[0])

    def record_pending(self, key: bytes, step: str, since: float) -> None:
        """Record that a request is about to be sent; an earlier time is kept."""
        if not self._is_dry:
            self._store.add("pending", (key, step), (since,))

    def resolve_pending(self, key: bytes, step: str) -> None:
        """Record that the outcome of a request is known."""
        if not self._is_dry:
            self._store.put("pending", (key, step), None)

    # --- ids of another account -------------------------------------------------------------

    def find_copy(self, family: str, source: str) -> str | None:
        """Return this account's id of the row that another account calls ``source``."""
        if (family, source) in self._planned:
            return self._planned[family, source]
        found = self._store.get("copies", family, source)
        return None if found is None else str(found[0])

    def record_copy(self, family: str, source: str, own: str) -> None:
        """Record which row of this account is the copy of another account's row."""
        if self._is_dry:
            self._planned[family, source] = own
        else:
            self._store.put("copies", (family, source), (own,))

    def forget_copy(self, family: str, source: str) -> None:
        """Remove a copy that was deleted."""
        if not self._is_dry:
            self._store.put("copies", (family, source), None)


# One encoder for all values: `json.dumps` builds one per call, which costs more than most values.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


def _canonical(value: Any) -> bytes:
    return _encode(value).encode()
