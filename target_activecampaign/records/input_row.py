"""The rows of the input. `ledger_key.py` has their keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold

from .clean_values import is_nothing

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.outcome import Outcome


@dataclass(slots=True)
class InputRow:
    """An input row.

    * ``number``: its number among the RECORD lines, from 1; None for a row of the retry file.
    * ``record``: the values under the unified names; null is None.
    * ``key``: the values that identify the row, under the unified names.
    * ``ledger_key``: the hash of the row's identity; empty before the target computes it.
    * ``source``: the row as it was delivered, for the retry file.
    * ``fields``: the hashes of the values to write, by the hash of their part.
    * ``ledger_id``: the id of the row's record in the ledger.
    * ``remarks``: reasons for the parts of the row that the target cannot read.
    * ``creates``: the row is create-only: the target leaves an existing record unchanged.
    * ``is_remainder``: ``record`` holds only some parts of the row. The ledger confirms the other
      parts, except those that settings forbid for the reasons in ``denied``.
    * ``shown_key``: the key under the names of the source, if they differ from ours.
    * ``unnormalized``: the record before the normalization to NFC, if that changed its text.
    * ``document_key``: the key in this account of a record that the row replaces as a whole.
    * ``is_held_out``: the row is a contact of the control group: only unsubscriptions are written.
    * ``delivery``: the ledger fields which record that the row's stream delivered the row; None if
      no audience delivers it.
    * ``input_stream``: the stream's name after `stream_maps` and before `stream_aliases`.
    """

    number: int | None
    stream: str
    record: Record
    key: Record
    source: Record
    fields: dict[bytes, bytes] = field(default_factory=dict)
    ledger_key: bytes = b""
    ledger_id: str | None = None
    creates: bool = False
    is_held_out: bool = False
    remarks: tuple[str, ...] = ()
    is_remainder: bool = False
    denied: tuple[str, ...] = ()
    shown_key: Record | None = None
    unnormalized: Record | None = None
    delivery: dict[bytes, bytes] | None = None
    input_stream: str = ""
    document_key: str = ""

    def __post_init__(self) -> None:
        """Use the stream's own name if the input has no other name for it."""
        self.input_stream = self.input_stream or self.stream


@dataclass(frozen=True, slots=True)
class UnreadLine:
    """An input line that did not become a row, and its outcome."""

    number: int | None
    stream: str
    key: Record
    outcome: Outcome


def is_delete(row: InputRow) -> bool:
    """Return whether a row is a tombstone."""
    return not is_nothing(row.record.get("_sdc_deleted_at"))


def emails_of(row: InputRow) -> set[str]:
    """Return the addresses of a contact's row, folded for comparison."""
    emails: list[Any] = [row.record.get("email")]
    others = row.record.get("email_addresses")
    if isinstance(others, list):
        emails += [other.get("email") if isinstance(other, dict) else other for other in others]
    return {fold(email) for email in emails if isinstance(email, str) and email.strip()}
