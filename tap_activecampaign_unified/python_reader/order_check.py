"""Checks whether the account sorts rows as requested."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from .offset_traversal import OffsetTraversal
from .traversal import AFTER, MAX_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_activecampaign_unified.resources.resource import Row

    from .traversal import Fetch, OrderProof, Params, Position, RowsAndBodies

Ranks = list[list[Any]]


class SortNotSupported(Exception):
    """The account ignores the sort order. The reader then sorts the rows itself."""


class CheckedOffsetTraversal(OffsetTraversal):
    """An offset traversal that verifies the order of the rows by their sort keys.

    The first page in order proves the order (``proof``).
    """

    def __init__(
        self,
        fetch: Fetch,
        params: Params,
        value_of: Callable[[Row], Any] | None,
        *,
        ranks_of: Callable[[Sequence[Row]], Ranks],
        is_descending: bool,
        proof: OrderProof,
    ) -> None:
        super().__init__(fetch, params, value_of)
        self._ranks_of, self._is_descending, self._proof = ranks_of, is_descending, proof

    def walk(self, direction: str, position: Position | None) -> Iterator[RowsAndBodies]:
        """Yield rows while they are in order. Raise `SortNotSupported` at the first disorder."""
        if not self._proof.is_proven:
            self.size = MAX_LIMIT  # enough rows to verify the order
        goes_up = (direction == AFTER) is not self._is_descending
        for batch in super().walk(direction, position):
            for first, second in itertools.pairwise(self._ranks_of([row for row, _ in batch])):
                low, high = (first, second) if goes_up else (second, first)
                if _is_misordered(low, high):
                    self._proof.is_ignored = True
                    raise SortNotSupported
            self._proof.is_proven = True
            yield batch


def _is_misordered(low: list[Any], high: list[Any]) -> bool:
    """Return whether two ranks are in the wrong order under every collation."""
    if low <= high:
        return False
    if len(low) < 2 or len(high) < 2 or not isinstance(low[1], str):
        return True
    pairs = zip(low[1], high[1], strict=False)
    characters = next(((a, b) for a, b in pairs if a != b), (" ", " "))
    return all(character.isascii() and character.isalnum() for character in characters)
