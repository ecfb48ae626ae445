"""Rejections of rows in which two columns, or two keys of an object, name the same field.

`nested.py`, `plain_contact_columns.py`, `records/custom_field_values.py` and
`sinks/fields/encode_custom_fields.py` find such columns.
"""

from __future__ import annotations

from target_activecampaign.outcome import RowRejected


def columns_conflict(path: str, first: str, second: str) -> RowRejected:
    """Return the rejection of a row with two columns for the field ``path``."""
    return RowRejected(
        f"{path}: the columns {first} and {second} both name this field; "
        "keep one of them, or map one in column_aliases"
    )


def keys_conflict(path: str) -> RowRejected:
    """Return the rejection of a row with an object of which two keys name the field ``path``."""
    return RowRejected(f"{path}: two keys of one object name this field; keep one of them")
