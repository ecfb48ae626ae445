"""The key of a row, and the columns of its ledger key: equal ones mean the same row.

The identifying columns of each stream are in `sinks/registry.py` (`key_columns`).
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import RowRejected

from .clean_values import OWN_KEYS, is_nothing, plain_key
from .row_references import REFERENCES, parse_references

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.resource import Record

    from .input_row import InputRow

ID_COLUMNS = {"id", "contact_id", "tag_id", "segment_id", "store_id"}
_WHOLE_FLOAT = re.compile(r"[0-9]+\.0+")


def key_of(
    value_of: Callable[[str], Any],
    key_properties: list[str],
    key_columns: tuple[tuple[str, ...], ...],
) -> Record:
    """Return a row's key: the key of the schema, else the first identifying columns of the row.

    ``value_of`` returns the row's value of a field. Raises `RowRejected` if the row lacks a
    property of the schema's key.
    """
    if key_properties:
        key = {name: plain_id(name, value_of(name)) for name in key_properties}
        missing = [name for name, value in key.items() if is_nothing(value)]
        if missing:
            names = ", ".join(sorted(missing))
            raise RowRejected(f"{names}: part of the stream's key and missing; give every row one")
        return key
    for columns in key_columns:
        key = {name: plain_id(name, value_of(name)) for name in columns}
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


def identifying_columns(row: InputRow) -> Record:
    """Return all columns of a row: those of the ledger key of a row without a key."""
    return row.record if row.unnormalized is None else row.unnormalized


def ledger_key_columns(row: InputRow) -> Record:
    """Return the columns of a row's ledger key: its key, else all its columns.

    A reference in a key may be in another case, and alone or in an array, and an id may be a number
    or text. The ledger key is the same.
    """
    columns = dict(row.key) or identifying_columns(row)
    for name, value in row.key.items():
        if name in OWN_KEYS:
            columns[name] = plain_key(value)
        elif name in ID_COLUMNS:
            columns[name] = str(value).strip()
        elif name in REFERENCES:
            with contextlib.suppress(RowRejected):
                refs = parse_references(row.record.get(name), name)
                folded = [{key: fold(text) for key, text in ref.items()} for ref in refs]
                columns[name] = folded or value
        elif isinstance(value, str) and (name == "email" or name.endswith("__email")):
            columns[name] = fold(value)
        elif isinstance(value, str) and name == "content":
            columns[name] = value.strip()
    return columns
