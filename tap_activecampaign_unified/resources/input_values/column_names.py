"""Finds fields by names in other spellings: any case, camelCase, `%`, composed letters."""

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
    """Return a name for comparison: composed (NFC), without case and outer white space."""
    plain = name if name.isascii() else unicodedata.normalize("NFC", name)
    return plain.strip().casefold()


class FieldNames(Generic[T]):
    """Fields by name. If two fields have the same name, the first counts.

    Case does not matter. A name may stand in `%`, or be in camelCase.
    """

    def __init__(self, named: Iterable[tuple[str, T]]) -> None:
        self._fields: dict[str, T] = {}
        for name, field in named:
            if spelled := fold(name):
                self._fields.setdefault(spelled, field)
        self._cache: dict[str, T | None] = {}

    def find(self, name: str) -> T | None:
        """Return the field of a name, None without such a field."""
        if name not in self._cache:
            spellings = (fold(name), fold(name).strip("%"), snake_case(name.strip()))
            fields = (self._fields.get(spelled) for spelled in spellings)
            self._cache[name] = next((field for field in fields if field is not None), None)
        return self._cache[name]
