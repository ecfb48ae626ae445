"""Rows as they come: flat or nested, from a tap or from a plain SQL table."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from target_activecampaign.outcome import RowRejected

from .flatten import NESTED
from .reference import references
from .values import Record, fold, is_nothing


@dataclass(slots=True)
class InputRecord:
    """One input row: where it stood, what it is called and what it says.

    ``number`` counts the RECORD lines of the input from 1 and is None for a row of the retry file.
    ``source`` is the record as it came, to be kept should it fail; ``fields`` are the hashes of
    what it asks for, by hash of the field. One that ``creates`` must be new: what is there already
    is left as it is. Of one that ``is_held_out`` only unsubscriptions are written.
    """

    number: int | None
    stream: str
    record: Record
    key: Record
    source: Record
    fields: dict[bytes, bytes] = field(default_factory=dict)
    ledger_key: bytes = b""
    known_id: str | None = None
    creates: bool = False
    is_held_out: bool = False


def key_of(
    record: Record, key_properties: list[str], identity: tuple[tuple[str, ...], ...]
) -> Record:
    """Return a row's key: the schema's, else the first identifying columns it has.

    Raises `RowRejected` when the row lacks a property of the schema's key.
    """
    if key_properties:
        key = {name: record.get(name) for name in key_properties}
        missing = sorted(name for name, value in key.items() if is_nothing(value))
        if missing:
            raise RowRejected(
                f"{', '.join(missing)}: part of the stream's key and missing; give every row one"
            )
        return key
    for columns in identity:
        key = {name: record.get(name) for name in columns}
        if not any(is_nothing(value) for value in key.values()):
            return key
    return {}


def identity_of(row: InputRecord) -> Record:
    """Return by what the ledger knows a row: its key, else all it says.

    Whoever a key points to may be spelled in another case, stand in an array or alone.
    """
    found = dict(row.key) or row.record
    for name, value in row.key.items():
        if name in NESTED:
            with contextlib.suppress(RowRejected):
                refs = references(row.record.get(name), name)
                found[name] = [{k: fold(v) for k, v in ref.items()} for ref in refs] or value
        elif isinstance(value, str) and (name == "email" or name.endswith("__email")):
            found[name] = fold(value)
        elif isinstance(value, str) and name == "content":
            found[name] = value.strip()
    return found


def content_of(
    record: Record, writable: frozenset[str], *, clears: bool, mirrors: bool, enrols: bool = False
) -> list[tuple[str, Any]]:
    """Return what a row asks for, piece by piece: each tag, list and custom field is one.

    An automation is another piece once ``enrols`` allows it: what was left out is asked for then.
    """
    found: list[tuple[str, Any]] = []
    for name, value in record.items():
        if name not in writable or (is_nothing(value) and not clears and not mirrors):
            continue
        if name == "custom_fields" and isinstance(value, dict):
            found += [
                (f"custom_fields.{one.strip().lower()}", part)
                for one, part in value.items()
                if clears or not is_nothing(part)
            ]
        elif name in {"tags", "remove_tags"} and isinstance(value, list) and not mirrors:
            found += [(f"tag:{_name(item)}", name == "tags") for item in value]
        elif name == "segments" and isinstance(value, list):
            found += [
                (f"list:{_name(item)}", item.get("status") if isinstance(item, dict) else None)
                for item in value
            ]
        elif name in {"automations", "leave_automations"} and isinstance(value, list):
            # One path for both: who left is asked for again when a row enters once more.
            enters = name == "automations"
            found += [(f"automation:{_name(item)}", [enters, enrols]) for item in value]
        else:
            found.append((name, value))
    return found


def _name(item: Any) -> str:
    if isinstance(item, dict):
        return fold(str(item.get("id") or item.get("name") or ""))
    return fold(str(item))


def is_delete(row: InputRecord) -> bool:
    """Say whether a row tells that its counterpart is gone."""
    return not is_nothing(row.record.get("_sdc_deleted_at"))


def emails_of(row: InputRecord) -> set[str]:
    """Return the addresses a contact's row gives, as they are compared."""
    found: list[Any] = [row.record.get("email")]
    others = row.record.get("email_addresses")
    if isinstance(others, list):
        found += [one.get("email") if isinstance(one, dict) else one for one in others]
    return {fold(one) for one in found if isinstance(one, str) and one.strip()}
