"""The ledger: what ActiveCampaign confirmed, so that only changes are sent and nothing twice.

It holds keyed hashes, ids and times. A reader of it learns nothing of the rows without the key of
the hashes. That is random and lies beside them, since the file is the user's own; where others can
read it, a database's administrators say, `ledger_secret` is the part of the key that they lack.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import FatalError
from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.storage.files import NO_ROOM
from tap_activecampaign_unified.storage.sqlite import DatabaseTrouble

from .stores import Table

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterable

    from tap_activecampaign_unified.client import Client

    from .stores import Store

logger = logging.getLogger(__name__)

VERSION = 1
DAMAGED = (
    "ledger_path is damaged, or no ledger of this program: put a copy of it back. Moved away, it "
    "is made anew and knows no row: notes, and deals without a key of yours, would come twice"
)
MIXED_UP = (
    "ledger_secret is not what this ledger was made with: set it as it was then, or not at all "
    "where it was not set; another one would know no row, and notes and deals would come twice"
)
_DIGEST = 8
MOST_PATHS = 10_000
META = Table("meta", (("name", "text"),), (("value", "bytes"),))
CONFIRMED = Table("confirmed", (("key", "bytes"),), (("id", "text"), ("fields", "bytes")))
PENDING = Table("pending", (("key", "bytes"), ("step", "text")), (("since", "number"),))
COPIES = Table("copies", (("family", "text"), ("source", "text")), (("id", "text"),))
TABLES = (META, CONFIRMED, PENDING, COPIES)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the ledger knows of a row: ActiveCampaign's id and the hashes by field."""

    id: str | None
    fields: dict[bytes, bytes]


def wait_for_turn(store: Store, client: Client, patience: float) -> None:
    """Keep others from a ledger for one run: two at once would create the same row twice.

    Waits while another run has it, at most ``patience`` seconds. Raises `LedgerInUse`.
    """
    until = client.clock.monotonic() + patience
    is_told = False
    try:
        while not store.try_turn():
            if not is_told:
                logger.info("Another run uses this account's ledger: waiting for its end")
                is_told = True
            if client.clock.monotonic() >= until:
                raise LedgerInUse(  # noqa: TRY301 - the handler closes the store
                    "another run of target-activecampaign uses the same ledger: let it end, then "
                    "run again"
                )
            client.before_request()
            client.clock.sleep(1.0)
    except BaseException as problem:
        store.close()
        if isinstance(problem, OSError):
            raise unusable(problem) from None
        raise


def unusable(problem: OSError) -> Exception:
    """Return what to tell of a ledger that cannot be opened."""
    if isinstance(problem, DatabaseTrouble) and problem.is_damaged:
        return SettingsError([DAMAGED])
    if isinstance(problem, DatabaseTrouble) and problem.is_locked:
        return LedgerInUse("another program has ledger_path locked: let it end, then run again")
    if isinstance(problem, DatabaseTrouble) and problem.is_away:
        why = f"ledger_path cannot be used ({problem.strerror}): no row was sent; run again"
        return LedgerInUse(why)
    if problem.errno in NO_ROOM:
        why = f"ledger_path cannot be written ({problem.strerror}): make room and run again"
        return LedgerInUse(why)
    return SettingsError([f"ledger_path cannot be used ({problem.strerror}): name another"])


class LedgerInUse(FatalError):
    """The ledger cannot be had now: another run has it and does not end, or it is away."""


class Ledger:
    """What is noted is kept when the call returns, kill -9 or not, wherever the store is."""

    def __init__(
        self, store: Store, account: str, *, is_dry_run: bool = False, secret: str | None = None
    ) -> None:
        """Open it; a dry run only reads it. ``secret`` is the user's part of the hashes' key.

        Raises `SettingsError`, and `LedgerInUse` where it can be had later.
        """
        self._store = store
        self._is_dry = is_dry_run
        self._planned: dict[tuple[str, str], str] = {}
        self._paths: dict[str, bytes] = {}
        try:
            store.open(TABLES, META, self._check_version)
            self._secret = self._key_of_hashes(secret)
            self._meta("version", str(VERSION).encode())
            if self._meta("account", account.encode()) != account.encode():
                raise SettingsError(  # noqa: TRY301 - the handler closes the ledger
                    ["ledger_path belongs to another account: name another"]
                )
        except OSError as problem:
            self.close()
            raise unusable(problem) from None
        except SettingsError:
            self.close()
            raise

    @staticmethod
    def _check_version(found: Any) -> None:
        """Raise `SettingsError` for a ledger that is not ours to write in; it stays as it is."""
        if found is None:
            return
        if not isinstance(found, bytes) or not found.isdigit():
            raise SettingsError([DAMAGED])
        if int(found) > VERSION:
            raise SettingsError(["ledger_path was written by a newer version: update this program"])

    def _key_of_hashes(self, secret: str | None) -> bytes:
        is_new = self._store.get(META, "secret") is None
        key = self._meta("secret", secrets.token_bytes(32))
        proof = b""
        if secret is not None:
            key = hmac.digest(secret.encode(), key, "sha256")
            proof = hmac.digest(key, b"proof", "sha256")
        if is_new:
            self._meta("proof", proof)
        known = self._store.get(META, "proof")
        if not hmac.compare_digest(known[0] if known else b"", proof):
            raise SettingsError([MIXED_UP])
        return key

    def _meta(self, name: str, value: bytes) -> bytes:
        self._store.keep(META, (name,), (value,))
        found = self._store.get(META, name)
        return bytes(found[0]) if found else value

    def close(self) -> None:
        """Close it, and let another run have it."""
        self._store.close()

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Write many notes at once: all of them or none."""
        return self._store.together()

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

    def expect(self, keys: Iterable[bytes]) -> None:
        """Announce rows that will be looked for: a store that is far off is asked once."""
        self._store.expect(CONFIRMED, keys)

    def find(self, key: bytes) -> Confirmed | None:
        """Return what is known of a row."""
        found = self._store.get(CONFIRMED, key)
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
        self._store.put(CONFIRMED, (key,), (native_id, blob))

    def note_id(self, key: bytes, native_id: str) -> None:
        """Remember a row's id while nothing of the row is confirmed yet."""
        self.confirm(key, native_id, {})

    def forget(self, key: bytes) -> None:
        """Forget a row: it was deleted, or its id is not what it was."""
        if not self._is_dry:
            self._store.drop(CONFIRMED, key)

    # --- creates whose answer may be lost ---------------------------------------------------

    def pending(self, key: bytes, step: str) -> float | None:
        """Return when a create was begun that nobody saw the end of (server's time), or None."""
        found = self._store.get(PENDING, key, step)
        return None if found is None else float(found[0])

    def begin(self, key: bytes, step: str, since: float) -> None:
        """Note that a create is about to be sent; an older note stands."""
        if not self._is_dry:
            self._store.keep(PENDING, (key, step), (since,))

    def settle(self, key: bytes, step: str) -> None:
        """Note that a create was answered."""
        if not self._is_dry:
            self._store.drop(PENDING, key, step)

    # --- ids of another account -------------------------------------------------------------

    def own_id(self, family: str, source: str) -> str | None:
        """Return the id here of a row that another account calls ``source``."""
        if (family, source) in self._planned:
            return self._planned[family, source]
        found = self._store.get(COPIES, family, source)
        return None if found is None else str(found[0])

    def note_copy(self, family: str, source: str, own: str) -> None:
        """Remember which row here is a copy of which there."""
        if self._is_dry:
            self._planned[family, source] = own
        else:
            self._store.put(COPIES, (family, source), (own,))

    def drop_copy(self, family: str, source: str) -> None:
        """Forget a copy that is gone."""
        if not self._is_dry:
            self._store.drop(COPIES, family, source)


# Made once: `json.dumps` makes one for each value, which takes longer than most values do.
_SPELLED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


def _canonical(value: Any) -> bytes:
    return _SPELLED(value).encode()
