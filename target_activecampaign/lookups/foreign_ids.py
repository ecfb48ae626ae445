"""`source_ids: foreign`: rows carry ids of another account; the ledger maps them to ids here.

A sink records which record here is the copy of a row's record. Later rows that name the record by
its foreign id then refer to the copy. With `source_ids: own`, an id of a row is the id here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.records.row_references import key_text, parse_own_id

if TYPE_CHECKING:
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.records.input_row import InputRow


class ForeignIds:
    """Resolves the ids of rows to ids of this account, and records the copies."""

    def __init__(self, ledger: Ledger, policy: WritePolicy) -> None:
        self._ledger, self._policy = ledger, policy

    def resolve(self, family: str, source: str | None) -> str | None:
        """Return the id here of a record that a row names by the id ``source``.

        None without an id, and for a foreign id without a known copy.
        """
        if not source or not self._policy.is_foreign:
            return source
        return self._ledger.find_copy(family, source)

    def read(self, family: str, value: Any, column: str = "id") -> str | None:
        """Return the id here for the value of a row's column, None if no id is known.

        Raises `RowRejected` for a value that is no id.
        """
        if not self._policy.is_foreign:
            return parse_own_id(value, column)
        return self.resolve(family, key_text(value, column, is_id=True))

    def read_reference(self, family: str, ref: dict[str, str], column: str) -> str | None:
        """Return the id here of a reference by id; None without an id or without a known copy.

        Raises `RowRejected` for an own id that is no number, before a request carries it.
        """
        source = ref.get("id")
        if not source or self._policy.is_foreign:
            return self.resolve(family, source)
        return parse_own_id(source, f"{column}.id")

    def source_of(self, row: InputRow) -> str | None:
        """Return the id that a row's record has in the other account; None with own ids."""
        if not self._policy.is_foreign:
            return None
        return key_text(row.record.get("id"), "id", is_id=True)

    def record(self, family: str, row: InputRow, native_id: str | None) -> None:
        """Record that a record of this account is the copy of a row's record."""
        source = self.source_of(row)
        if native_id and source:
            self._ledger.record_copy(family, source, native_id)

    def forget(self, family: str, source: str) -> None:
        """Forget the copy of a foreign id, because the copy was deleted."""
        self._ledger.forget_copy(family, source)
