"""Decides whether the tap emits a row again that it may have emitted before.

The tap reads the rows in the overlap before the bookmark again. The state has the fingerprints of
the emitted rows in the overlap. The tap suppresses a row with the same fingerprint as unchanged.
"""

from __future__ import annotations

import base64
import datetime as dt
import heapq
import json
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Later than every other time. A row without a time of change counts as changed then, so that it is
#: always in the overlap.
END_OF_TIME = dt.datetime.max.replace(tzinfo=dt.UTC)
FINGERPRINT_BYTES = 6
MAX_FINGERPRINTS = 5_000


def fingerprint(records: object) -> bytes:
    """Return a hash of a row's records. Another version of the row has another hash."""
    text = json.dumps(records, sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=FINGERPRINT_BYTES).digest()


class EmittedRows:
    """The fingerprints of a state entry, and the fingerprints of this run for the next entry.

    It keeps the `MAX_FINGERPRINTS` latest fingerprints. The tap may emit an older row again.
    """

    def __init__(self, packed: str | None) -> None:
        """Read the fingerprints of an entry. Raise `ValueError` if they are not base64 text."""
        self._before = set() if packed is None else _unpack(packed)
        self._recent: list[tuple[dt.datetime, bytes]] = []

    def note_and_decide(
        self,
        changed: dt.datetime | None,
        overlap_begin: dt.datetime,
        fingerprint_of: Callable[[], bytes],
        *,
        is_full_read: bool,
    ) -> bool:
        """Return whether to emit a row, and note its fingerprint for the next entry.

        Call it once for each row. ``changed`` is the time of its last change, None if unknown.

        A full read emits every row, and calls ``fingerprint_of`` only for rows after
        ``overlap_begin``, which the next run reads again. Any other read calls it for all rows.
        """
        moment = changed or END_OF_TIME
        is_in_overlap = moment >= overlap_begin
        if is_full_read and not is_in_overlap:
            return True
        row_hash = fingerprint_of()
        if is_in_overlap:
            self._add(moment, row_hash)
        return is_full_read or row_hash not in self._before

    def _add(self, changed: dt.datetime, row_hash: bytes) -> None:
        if len(self._recent) < MAX_FINGERPRINTS:
            heapq.heappush(self._recent, (changed, row_hash))
        else:
            heapq.heappushpop(self._recent, (changed, row_hash))

    def pack_before(self) -> str | None:
        """Return the fingerprints of the last run's entry, None without fingerprints."""
        return _pack(self._before)

    def pack(self) -> str | None:
        """Return the fingerprints of this run's rows, None without fingerprints."""
        return _pack({row_hash for _, row_hash in self._recent})


def _pack(hashes: set[bytes]) -> str | None:
    return base64.b64encode(b"".join(sorted(hashes))).decode() if hashes else None


def _unpack(packed: str) -> set[bytes]:
    try:
        raw = base64.b64decode(packed, validate=True)
    except (TypeError, ValueError):
        raise ValueError("fingerprints are not base64 text") from None
    size = FINGERPRINT_BYTES
    return {raw[start : start + size] for start in range(0, len(raw) - size + 1, size)}
