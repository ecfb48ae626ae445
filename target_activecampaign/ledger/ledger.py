"""The ledger: the values that ActiveCampaign confirmed, so that the target sends only changes.

The ledger holds keyed hashes, ids and times, no personal data. The ledger stores a random half of
the key. ``ledger_secret`` is the other half, for ledgers that other people can read, such as the
administrators of a database.
"""

from __future__ import annotations

import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_activecampaign_unified.config.read_settings import SettingsError

from .audience_records import AudienceRecords
from .keyed_hash import KeyedHash
from .store import Store

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterable

    from tap_activecampaign_unified.storage.database import Database

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
MAX_CACHED_NAMES = 10_000


class Confirmed(NamedTuple):
    """The confirmed values of a row: its id, and the hashes of its values by field."""

    id: str | None
    fields: dict[bytes, bytes]


def _check_version(values: tuple[Any, ...] | None) -> None:
    """Raise `SettingsError` for a ledger that this version must not write to."""
    if values is not None and not (isinstance(values[0], bytes) and values[0].isdigit()):
        raise SettingsError([DAMAGED])
    if values is not None and int(values[0]) > VERSION:
        raise SettingsError(["ledger_path was written by a newer version: update this program"])


class Ledger:
    """Stores the values that ActiveCampaign confirmed. They are on disk when a call returns."""

    def __init__(
        self,
        database: Database,
        account: str,
        *,
        is_dry_run: bool = False,
        secret: str | None = None,
    ) -> None:
        """Create the missing tables. A dry run records nothing afterwards.

        Raises `SettingsError` and, as every other method, `OSError`.
        """
        self._database = database
        self._store = store = Store(database, account)
        self._is_dry = is_dry_run
        self._planned: dict[tuple[str, str], str] = {}
        #: The hashes of names of fields.
        self._names: dict[str, bytes] = {}
        store.create_tables(_check_version)
        is_new = store.get("meta", "secret") is None
        key = self._meta("secret", secrets.token_bytes(32))
        if secret is not None:
            key = hmac.digest(secret.encode(), key, "sha256")
        self._digest = KeyedHash(key).digest
        proof = b"" if secret is None else self._digest(b"proof")
        if is_new:
            self._meta("proof", proof)
        stored = store.get("meta", "proof")
        if not hmac.compare_digest(stored[0] if stored else b"", proof):
            raise SettingsError([WRONG_SECRET])
        #: The members of audiences, and the grants of streams.
        self.audiences = AudienceRecords(store, self.hash_key, is_dry_run=is_dry_run)
        self._meta("version", str(VERSION).encode())
        if self._meta("account", account.encode()) != account.encode():
            raise SettingsError(["ledger_path belongs to another account: name another file"])

    def _meta(self, name: str, value: bytes) -> bytes:
        """Write a value unless the ledger has this value already; return the stored value."""
        self._store.add("meta", (name,), (value,))
        stored = self._store.get("meta", name)
        return bytes(stored[0]) if stored else value

    def close(self) -> None:
        """Close the ledger and release its lock."""
        self._database.close()

    def set_before_write(self, before_write: Callable[[], None]) -> None:
        """Set the function that is called before each write."""
        self._store.before_write = before_write

    def transaction(self) -> contextlib.AbstractContextManager[object]:
        """Record all changes of the block, or none of them."""
        return self._store.transaction()

    def hash_key(self, *parts: Any) -> bytes:
        """Return the hash that identifies a row."""
        return self._digest(_canonical(parts))[:16]

    def hash_fields(self, content: Iterable[tuple[str, Any]]) -> dict[bytes, bytes]:
        """Return the hashes of a row's values by the hash of their field."""
        digest, names = self._digest, self._names
        hashes = {}
        for name, value in content:
            hashed = names.get(name)
            if hashed is None:
                if len(names) >= MAX_CACHED_NAMES:
                    names.clear()
                hashed = names[name] = digest(name.encode())[:_DIGEST]
            hashes[hashed] = digest(_canonical(value))[:_DIGEST]
        return hashes

    # --- confirmed rows ---------------------------------------------------------------------

    def prefetch(self, keys: Iterable[bytes]) -> None:
        """Read the rows of a batch at once, so that `find` needs no statement for them."""
        self._store.prefetch("confirmed", ((key,) for key in keys))

    def release(self, keys: Iterable[bytes]) -> None:
        """Forget the rows of a batch that `prefetch` read. `find` reads them again."""
        self._store.release("confirmed", ((key,) for key in keys))

    def find(self, key: bytes) -> Confirmed | None:
        """Return the confirmed values of a row, None if the ledger has no such row."""
        stored = self._store.get("confirmed", key)
        if stored is None:
            return None
        native_id, blob = stored
        step = 2 * _DIGEST
        starts = range(0, len(blob), step)
        return Confirmed(
            native_id, {blob[at : at + _DIGEST]: blob[at + _DIGEST : at + step] for at in starts}
        )

    def confirm(self, key: bytes, native_id: str | None, fields: dict[bytes, bytes]) -> None:
        """Add confirmed values to a row."""
        if self._is_dry:
            return
        before = self.find(key)
        if before is not None:
            fields = {**before.fields, **fields}
            native_id = native_id or before.id
        blob = b"".join(name + value for name, value in sorted(fields.items()))
        self._store.put("confirmed", (key,), (native_id, blob))

    def record_id(self, key: bytes, native_id: str) -> None:
        """Record only the id of a row."""
        self.confirm(key, native_id, {})

    def unconfirm(self, key: bytes) -> None:
        """Remove the values of a row, but not its id. An undo replaced the values.

        The next delivery of the row is sent again.
        """
        confirmed = self.find(key)
        if confirmed is not None and not self._is_dry:
            self._store.put("confirmed", (key,), (confirmed.id, b""))

    def forget(self, key: bytes) -> None:
        """Remove a row whose record was deleted or has another id."""
        if not self._is_dry:
            self._store.put("confirmed", (key,), None)

    # --- create requests whose response may be lost -----------------------------------------

    def pending_since(self, key: bytes, step: str) -> float | None:
        """Return when a request without a known outcome was first sent, in server time.

        The time is in seconds since the epoch, None if there is no such request.
        """
        stored = self._store.get("pending", key, step)
        return None if stored is None else float(stored[0])

    def record_pending(self, key: bytes, step: str, since: float) -> None:
        """Record that a request is about to be sent. An earlier time of the request stays."""
        if not self._is_dry:
            self._store.add("pending", (key, step), (since,))

    def replace_pending(self, key: bytes, step: str, since: float) -> None:
        """Record that a request is about to be sent. Its time replaces an earlier one."""
        if not self._is_dry:
            self._store.put("pending", (key, step), (since,))

    def resolve_pending(self, key: bytes, step: str) -> None:
        """Record that the outcome of a request is known."""
        if not self._is_dry:
            self._store.put("pending", (key, step), None)

    # --- ids of another account -------------------------------------------------------------

    def find_copy(self, family: str, source: str) -> str | None:
        """Return this account's id of a record that has the id ``source`` in another account."""
        if (family, source) in self._planned:
            return self._planned[family, source]
        stored = self._store.get("copies", family, source)
        return None if stored is None else str(stored[0])

    def record_copy(self, family: str, source: str, own: str) -> None:
        """Record that this account's record ``own`` is a copy of another account's ``source``."""
        if self._is_dry:
            self._planned[family, source] = own
        else:
            self._store.put("copies", (family, source), (own,))

    def forget_copy(self, family: str, source: str) -> None:
        """Remove a copy that was deleted."""
        if not self._is_dry:
            self._store.put("copies", (family, source), None)


# `json.dumps` would build an encoder per call, which takes longer than to encode most values.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


def _canonical(value: Any) -> bytes:
    return _encode(value).encode()
