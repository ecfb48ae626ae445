"""Suppresses rows that the tap emitted before and that have not changed since.

The tap reads the rows in the overlap before the bookmark again. The state keeps a fingerprint of
each of them that was emitted; a row with the same fingerprint is not emitted again.
"""

from __future__ import annotations

import base64
import heapq
import json
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

FINGERPRINT_BYTES = 6
MOST_FINGERPRINTS = 5_000


def fingerprint(records: object) -> bytes:
    """Return a hash of a row's records: another version of the row has another hash."""
    text = json.dumps(records, sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=FINGERPRINT_BYTES).digest()


class EmittedRows:
    """The fingerprints of a state entry, and those of this run's rows for the next entry.

    Keeps the `MOST_FINGERPRINTS` most recent rows; an older one may be emitted again.
    """

    def __init__(self, packed: str | None) -> None:
        """Read the fingerprints of an entry; raise `ValueError` where they are no base64 text."""
        self._before = set() if packed is None else _unpack(packed)
        self._recent: list[tuple[dt.datetime, bytes]] = []

    def __contains__(self, row_hash: bytes) -> bool:
        """Whether a run before emitted this version of the row."""
        return row_hash in self._before

    def add(self, changed: dt.datetime, row_hash: bytes) -> None:
        """Keep the fingerprint of a row of this run for the next entry."""
        if len(self._recent) < MOST_FINGERPRINTS:
            heapq.heappush(self._recent, (changed, row_hash))
        else:
            heapq.heappushpop(self._recent, (changed, row_hash))

    def pack_before(self) -> str | None:
        """Return the fingerprints that this run began with, None where there are none."""
        return _pack(self._before)

    def pack(self) -> str | None:
        """Return the fingerprints of this run's rows, None where there are none."""
        return _pack({row_hash for _, row_hash in self._recent})


def _pack(hashes: set[bytes]) -> str | None:
    return base64.b64encode(b"".join(sorted(hashes))).decode() if hashes else None


def _unpack(packed: str) -> set[bytes]:
    try:
        raw = base64.b64decode(packed, validate=True)
    except (TypeError, ValueError):
        raise ValueError("fingerprints are not base64 text") from None
    size = FINGERPRINT_BYTES
    return {raw[at : at + size] for at in range(0, len(raw) - size + 1, size)}
