"""Input records: their key and their identity."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.outcome import RowRejected

from .clean import OWN_KEYS, is_nothing, plain_key
from .reference import REFERENCES, references

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.outcome import Outcome

ID_COLUMNS = {"id", "contact_id", "tag_id", "segment_id", "store_id"}
_WHOLE_FLOAT = re.compile(r"[0-9]+\.0+")


@dataclass(slots=True)
class InputRecord:
    """An input row.

    * ``number``: its number among the RECORD lines, from 1; None for a row of the retry file.
    * ``source``: the record as it was delivered, for the retry file.
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
    * ``delivery``: the ledger fields which record that the row's stream delivered the row.
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
    remarks: list[str] = field(default_factory=list)
    is_remainder: bool = False
    denied: list[str] = field(default_factory=list)
    shown_key: Record | None = None
    unnormalized: Record | None = None
    delivery: dict[bytes, bytes] = field(default_factory=dict)
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


def key_of(
    record: Record, key_properties: list[str], key_columns: tuple[tuple[str, ...], ...]
) -> Record:
    """Return a row's key: the key of the schema, else the first identifying columns of the row.

    Raises `RowRejected` if the row lacks a property of the schema's key.
    """
    if key_properties:
        key = {name: plain_id(name, record.get(name)) for name in key_properties}
        missing = sorted(name for name, value in key.items() if is_nothing(value))
        if missing:
            raise RowRejected(
                f"{', '.join(missing)}: part of the stream's key and missing; give every row one"
            )
        return key
    for columns in key_columns:
        key = {name: plain_id(name, record.get(name)) for name in columns}
        if not any(is_nothing(value) for value in key.values()):
            return key
    return {}


def plain_id(name: str, value: Any) -> Any:
    """Return an id without the fraction that a column of floats gives it; None for 0."""
    if name not in ID_COLUMNS:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, str) and _WHOLE_FLOAT.fullmatch(value.strip()):
        value = value.strip().partition(".")[0]
    is_zero = isinstance(value, (int, str)) and not isinstance(value, bool) and value in {0, "0"}
    return None if is_zero else value


def identifying_columns(row: InputRecord) -> Record:
    """Return all columns of a row: the identity of a row without a key."""
    return row.record if row.unnormalized is None else row.unnormalized


def ledger_identity(row: InputRecord) -> Record:
    """Return the identity of a row in the ledger: its key, else all its columns.

    A reference in a key may be in another case, and alone or in an array. The identity is the same.
    """
    identity = dict(row.key) or identifying_columns(row)
    for name, value in row.key.items():
        if name in OWN_KEYS:
            identity[name] = plain_key(value)
        elif name in REFERENCES:
            with contextlib.suppress(RowRejected):
                refs = references(row.record.get(name), name)
                folded = [{key: fold(text) for key, text in ref.items()} for ref in refs]
                identity[name] = folded or value
        elif isinstance(value, str) and (name == "email" or name.endswith("__email")):
            identity[name] = fold(value)
        elif isinstance(value, str) and name == "content":
            identity[name] = value.strip()
    return identity


def is_delete(row: InputRecord) -> bool:
    """Return whether a row is a tombstone."""
    return not is_nothing(row.record.get("_sdc_deleted_at"))


def emails_of(row: InputRecord) -> set[str]:
    """Return the addresses of a contact's row, folded for comparison."""
    emails: list[Any] = [row.record.get("email")]
    others = row.record.get("email_addresses")
    if isinstance(others, list):
        emails += [other.get("email") if isinstance(other, dict) else other for other in others]
    return {fold(email) for email in emails if isinstance(email, str) and email.strip()}
