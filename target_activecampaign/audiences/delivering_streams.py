"""Marks the ledger's entry of a row with the streams that delivered the row.

Two streams that deliver the same row share its entry in the ledger. The row that one stream has
written is unchanged for the other stream. If one of the streams is an audience, the target sends
the row once for each stream, so that the ledger has both as grantors. Then a leaver of the audience
keeps what the other stream grants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_activecampaign.ledger.ledger import Confirmed, Ledger
    from target_activecampaign.records.input_row import InputRow


class DeliveringStreams:
    """Marks confirmed rows with the streams that delivered them.

    ``audiences`` are the names of the audiences, of earlier runs too.
    """

    def __init__(self, ledger: Ledger, audiences: Iterable[str]) -> None:
        self._ledger = ledger
        self._marks = {name: self._mark_of(name) for name in audiences}
        self._fields = {name for mark in self._marks.values() for name in mark}

    def is_first(self, row: InputRow, known: Confirmed) -> bool:
        """Return whether an audience delivered a row before, and the row's stream did not."""
        return self._is_marked(known) and not self._has(known, self._mark_of(row.input_stream))

    def mark(self, row: InputRow, known: Confirmed | None) -> None:
        """Set the mark that the ledger adds when it confirms a row that an audience delivers."""
        if row.input_stream in self._marks or (known is not None and self._is_marked(known)):
            row.delivery = self._mark_of(row.input_stream)

    def add(self, row: InputRow) -> None:
        """Mark the ledger's entry of an unchanged row, unless it has the mark already."""
        known = self._ledger.find(row.ledger_key)
        if known is not None and row.delivery and not self._has(known, row.delivery):
            self._ledger.confirm(row.ledger_key, None, row.delivery)

    def _is_marked(self, known: Confirmed) -> bool:
        return not self._fields.isdisjoint(known.fields)

    @staticmethod
    def _has(known: Confirmed, mark: dict[bytes, bytes]) -> bool:
        return bool(mark.keys() & known.fields.keys())

    def _mark_of(self, stream: str) -> dict[bytes, bytes]:
        return self._ledger.hash_fields([(f"delivered/{stream}", None)])
