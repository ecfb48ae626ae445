"""Realistic values for custom fields, from small sets so that large accounts need little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.sandbox.rows import CustomField, Field
    from tests.sandbox.world import World

_STOCK = 64
_SPAN = 730 * 86400


class Samples:
    """Sets of values, one per field."""

    def __init__(self, w: World, dice: Random) -> None:
        """Keep the random generator. Values lie before the present moment."""
        self.w = w
        self.dice = dice
        self.now = w.now()

    def of(self, field: Field) -> Callable[[int], str | None]:
        """Return a function that gives a contact's value of a field, by the contact's id."""
        options = [o.value for o in self.w.tables["fieldOptions"].by("field", field.id)]
        if field.type == "hidden":
            return lambda number: f"ext-{number:07}"
        stock: list[str | None] = [self._text(field.type, options) for _ in range(_STOCK)]
        if options and field.type in ("checkbox", "listbox"):
            stock = [f"||{'||'.join(self._several(options))}||" for _ in range(_STOCK)]
        stock[0], stock[1] = "", None  # cleared in either of two ways
        choice = self.dice.choice
        return lambda _number: choice(stock)

    def datum(self, field: CustomField) -> tuple[Any, str | None]:
        """Return a value and a currency for an account or deal field."""
        kind, options = field.fieldType, field.fieldOptions or []
        if kind in ("multiselect", "checkbox"):
            return self._several(options), None
        if kind == "currency":
            return str(self.dice.randrange(1000, 5_000_000)), self.dice.choice(("usd", "EUR"))
        if field.personalization == "ACCT_CITY":
            return self.dice.choice(names.CITIES), None
        if field.personalization == "ACCT_COUNTRY":
            return self.dice.choice(names.COUNTRIES), None
        if kind == "hidden":
            return f"key-{self.dice.randrange(10**6)}", None
        return self._text(kind, options), None

    def _several(self, options: list[str]) -> list[str]:
        return [o for o in options if self.dice.random() < 0.5] or options[:1]

    def _text(self, kind: str, options: list[str]) -> str:
        dice = self.dice
        if options:
            return dice.choice(options)
        at = self.now - int(_SPAN * dice.random())
        match kind:
            case "number":
                return str(dice.randrange(1000)) if dice.random() < 0.8 else f"{dice.random():.2f}"
            case "date":
                return self.w.zone.day(at)
            case "datetime":
                return self.w.zone.stamp(at)
            case "textarea":
                return dice.choice(names.NOTES)
        return f"{dice.choice(names.ADJECTIVE)} {dice.choice(names.SOURCES)}"
