"""Names of columns and fields in other spellings."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """Return a name in snake_case: `firstName` and `FirstName` are `first_name`."""
    return _HUMP.sub("_", name).lower()


def fold(name: str) -> str:
    """Return a name as it is compared: composed (NFC), without case and outer white space."""
    plain = name if name.isascii() else unicodedata.normalize("NFC", name)
    return plain.strip().casefold()


class FieldNames(Generic[T]):
    """Fields by their names; of two fields with one name, the first counts.

    Case does not matter, a name may stand in `%`, and it may be in camelCase.
    """

    def __init__(self, named: Iterable[tuple[str, T]]) -> None:
        self._fields: dict[str, T] = {}
        for name, field in named:
            if spelled := fold(name):
                self._fields.setdefault(spelled, field)
        self._found: dict[str, T | None] = {}

    def find(self, name: str) -> T | None:
        """Return the field of a name, None where there is none."""
        if name not in self._found:
            spellings = (fold(name), fold(name).strip("%"), snake_case(name.strip()))
            found = (self._fields.get(spelled) for spelled in spellings)
            self._found[name] = next((value for value in found if value is not None), None)
        return self._found[name]
