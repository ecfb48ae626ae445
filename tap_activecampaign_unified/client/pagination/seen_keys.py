"""Stores the keys of the rows that a walk has seen, in little memory.

`offset_walk.py` uses them to notice rows that moved to another page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

BITS = 512
DIGEST_BYTES = 16


@dataclass
class SeenKeys:
    """A set of keys. Two sets are equal if they hold the same keys.

    A number is a bit in a block of `BITS` numbers, so consecutive ids need less than a byte each.
    Any other key is stored as a digest, which takes about 100 bytes.
    """

    _blocks: dict[int, int] = field(default_factory=dict)
    _digests: set[bytes] = field(default_factory=set)
    _count: int = 0

    def __contains__(self, key: Any) -> bool:
        """Return whether a key was added."""
        if isinstance(key, int):
            return bool(self._blocks.get(key // BITS, 0) >> key % BITS & 1)
        return _digest(key) in self._digests

    def __len__(self) -> int:
        """Return the number of different keys."""
        return self._count

    def add(self, key: Any) -> bool:
        """Add a key. Return False if the set already had it."""
        if isinstance(key, int):
            number, bit = key // BITS, 1 << key % BITS
            block = self._blocks.get(number, 0)
            if block & bit:
                return False
            self._blocks[number] = block | bit
        else:
            digest = _digest(key)
            if digest in self._digests:
                return False
            self._digests.add(digest)
        self._count += 1
        return True

    def update(self, keys: Iterable[Any]) -> None:
        """Add keys."""
        for key in keys:
            self.add(key)


def _digest(key: Any) -> bytes:
    text = repr(key).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=DIGEST_BYTES).digest()
