"""Hashes the parts of rows for the ledger, and reduces rows to the parts that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.records.row_parts import (
    is_separable,
    parts_of,
    parts_within,
    remainder_of,
)

from .parts_denied_by_settings import UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink


class ChangedParts:
    """Hashes the parts of rows, and reduces a row to the parts to write."""

    def __init__(self, ledger: Ledger, policy: WritePolicy) -> None:
        self._ledger, self._policy = ledger, policy
        self._fingerprint = policy.fingerprint

    def fields(self, sink: Sink, row: InputRow) -> dict[bytes, bytes]:
        """Return the hashes of a row's values, by the hash of their part."""
        return self._hashes(self._content(sink, row))

    def find(self, sink: Sink, row: InputRow, parts: Collection[str]) -> set[bytes] | None:
        """Return the hashes of these parts of a row; None if the row lacks a part."""
        hashes: set[bytes] = set()
        if not parts:
            return hashes
        parts_of_row = [part for part, _ in self._content(sink, row)]
        for part in parts:
            found = parts_within(part, parts_of_row)
            if not found:
                return None
            hashes.update(map(self._hash, found))
        return hashes

    def reduce(
        self, sink: Sink, row: InputRow, changed: set[bytes], known: Mapping[bytes, bytes]
    ) -> bool:
        """Reduce a row's record to the parts ``changed``; return whether they can be sent alone.

        A part can be sent alone if the ledger has it as not confirmed, or if it never needs the
        other parts of its row. ``known`` are the hashes that the ledger has for the row's key.
        """
        by_hash = {self._hash(part): part for part, _ in self._content(sink, row)}
        parts = {by_hash[hashed] for hashed in changed if hashed in by_hash}
        is_alone = all(
            is_separable(part) or known.get(hashed) == UNCONFIRMED
            for hashed, part in by_hash.items()
            if hashed in changed
        )
        is_found = sink.kept or (row.ledger_id and ("id",) in sink.key_columns)
        if not is_alone or not is_found:
            return False
        row.record = remainder_of(row.record, parts, sink.kept)
        row.is_remainder = True
        return True

    def _content(self, sink: Sink, row: InputRow) -> list[tuple[str, Any]]:
        policy = self._policy
        return parts_of(
            row.record,
            sink.writable,
            clears=policy.clears,
            mirrors=policy.mirrors,
            enrols=policy.allow_automations,
        )

    def _hash(self, part: str) -> bytes:
        """Return the hash of the name of a part."""
        return next(iter(self._hashes([(part, None)])))

    def _hashes(self, content: list[tuple[str, Any]]) -> dict[bytes, bytes]:
        return self._ledger.hash_fields(
            (f"{self._fingerprint}/{part}", value) for part, value in content
        )
