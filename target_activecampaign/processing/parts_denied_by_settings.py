"""Stores in the ledger, as hashes, why settings deny parts of a row.

A denial holds until the row or a setting changes. Until then the target does not send the part
again, and every run gives the same reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.sinks.contacts.enrolment_ledger import NOT_ALLOWED
from target_activecampaign.sinks.contacts.parse_contact import OUTSIDE_NAMESPACE
from target_activecampaign.sinks.custom_objects import DROPPED
from target_activecampaign.sinks.fields.only_if_empty import ONLY_IF_EMPTY
from target_activecampaign.sinks.run_automations import MAY_START_AUTOMATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.records.input_row import InputRow

#: Why a part of a row is denied for as long as the row and the settings stay as they are.
DENIALS = (MAY_START_AUTOMATION, NOT_ALLOWED, ONLY_IF_EMPTY, OUTSIDE_NAMESPACE, DROPPED)
#: The value of a field that is not confirmed; no hash of a value equals it.
UNCONFIRMED = bytes(8)


class DeniedParts:
    """Reads and writes the reasons that the ledger stores beside the fields of a row."""

    def __init__(self, ledger: Ledger, fingerprint: str) -> None:
        self._ledger, self._fingerprint = ledger, fingerprint
        #: The field of the ledger that stores each reason.
        self._fields = {reason: self._hashes(reason, None)[0] for reason in DENIALS}

    def known(self, row: InputRow, fields: Mapping[bytes, bytes]) -> list[str] | None:
        """Return the reasons that the ledger has for this row, None if another row had them.

        ``fields`` are the hashes that the ledger has for the row's key.
        """
        reasons: list[str] = []
        if fields.keys().isdisjoint(self._fields.values()):
            return reasons
        for reason, name in self._fields.items():
            stored = fields.get(name, UNCONFIRMED)
            if stored == UNCONFIRMED:
                continue
            if stored != self._hashes(reason, row)[1]:
                return None
            reasons.append(reason)
        return reasons

    def fields(
        self, row: InputRow, denied: Iterable[str], before: Mapping[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """Return the fields that store the reasons and clear the earlier reasons in ``before``."""
        cleared = {name: UNCONFIRMED for name in self._fields.values() if name in before}
        return cleared | dict(self._hashes(reason, row) for reason in denied)

    def _hashes(self, reason: str, row: InputRow | None) -> tuple[bytes, bytes]:
        """Return the field of a reason, and the value that the field has for a row."""
        hashes = sorted((part + value).hex() for part, value in row.fields.items()) if row else None
        fields = self._ledger.hash_fields([(f"{self._fingerprint}/denied/{reason}", hashes)])
        return next(iter(fields.items()))
