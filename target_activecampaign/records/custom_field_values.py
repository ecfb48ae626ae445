"""Values of custom fields: choices and money, as arrays and objects or as text.

The codecs of the tap encode them: `resources/array_codecs.py`, `resources/amount_codecs.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.arrays import FORMS, parse_structure
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import RowRejected

from .clean_values import is_nothing, without_nulls
from .columns.conflicts import columns_conflict
from .columns.matching import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.custom_fields import FieldDefinition

MONEY_KEYS = {"amount", "currency"}


def joined_money(values: dict[str, Any], is_field: Callable[[str], bool]) -> dict[str, Any]:
    """Return values in which a flattened amount and its currency form one money value again.

    ``is_field`` returns whether a name is a field of its own. Such a field keeps its value.
    """
    if not any(SEPARATOR in name for name in values):
        return values
    joined: dict[str, Any] = {}
    columns: dict[tuple[str, str], str] = {}
    for name, value in values.items():
        head, _, part = name.rpartition(SEPARATOR)
        key = part.strip().lower()
        if not head or key not in MONEY_KEYS or is_field(name):
            if joined.get(name) is None:
                joined[name] = value
            elif value is not None:  # an earlier column had the amount or the currency
                raise columns_conflict(f"custom_fields.{name}", _column_of(name, columns), name)
            continue
        if joined.get(head) is None:
            joined[head] = {}
        money = joined[head]
        if not isinstance(money, dict) or money.get(key) is not None:
            raise columns_conflict(f"custom_fields.{head}", columns.get((head, key), head), name)
        money[key], columns[head, key] = value, name
    return {
        name: structure_of(value) if isinstance(value, dict) else value
        for name, value in joined.items()
    }


def _column_of(field: str, columns: dict[tuple[str, str], str]) -> str:
    return next(column for (head, _), column in columns.items() if head == field)


def structure_of(value: Any) -> Any:
    """Return the array or object that a text holds; other text is unchanged.

    An object without any value is None, such as flattened money that is null.
    """
    try:
        structure = without_nulls(parse_structure(value))
    except InvalidValue:
        return value
    is_empty = isinstance(structure, dict) and all(map(is_nothing, structure.values()))
    return None if is_empty else structure


def read_custom_value(
    definition: FieldDefinition, value: Any, name: str, delimiter: str | None = None
) -> Any:
    """Return the value of a field of choices or money; the row may hold it as text."""
    if definition.type == "currency":
        money = structure_of(value)
        is_object = isinstance(money, dict)
        return {key.strip().lower(): part for key, part in money.items()} if is_object else money
    if not definition.is_choices or not isinstance(value, str):
        return value
    if fold(value) in definition.options_by_name:
        return value
    try:
        choices = without_nulls(parse_structure(value, delimiter))
    except InvalidValue as problem:
        raise RowRejected(f"custom_fields.{name}: {problem}") from None
    if isinstance(choices, dict):
        if not choices:  # PostgreSQL's empty array is the text {}
            return []
        raise RowRejected(f"custom_fields.{name}: must be {FORMS}")
    return choices
