"""Finds the options of a custom field that a row names by value or label, in any case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.input_values.numbers import plain_text
from target_activecampaign.outcome import position

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.custom_fields import FieldDefinition

NO_OPTION = "add it in ActiveCampaign or correct the row"
MAX_POSITIONS = 5


def option_text(value: Any) -> str:
    """Return an option as text; a whole float has no fraction there."""
    return plain_text(value) if isinstance(value, float) else str(value)


def choose_options(definition: FieldDefinition, value: Any) -> tuple[Any, str | None]:
    """Return the values of the options that a row names by value or label, and the problem."""
    by_name = definition.options_by_name
    wanted = value if isinstance(value, list) else [value]
    found = [
        None if isinstance(option, (dict, list)) else by_name.get(fold(option_text(option)))
        for option in wanted
    ]
    chosen = [option for option in dict.fromkeys(found) if option is not None]
    if None in found:
        numbers = [number for number, option in enumerate(found, 1) if option is None]
        where = ", ".join(map(position, numbers[:MAX_POSITIONS]))
        which = f" ({where})" if len(found) > 1 else ""
        return value, f"the field has no such option{which}; {NO_OPTION}"
    if definition.is_choices:
        return chosen, None
    if len(chosen) != 1:
        return value, "the field takes one option"
    return chosen[0], None
