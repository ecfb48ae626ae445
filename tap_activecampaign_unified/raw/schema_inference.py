"""Infers the schema of raw streams from their rows: every column, with the types of its values.

A loader drops columns that no SCHEMA declares. So the tap declares each column before its values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.resources.resource import Row
    from tap_activecampaign_unified.resources.schema_types import Schema

# In the order in which a schema names them.
TYPES: dict[type, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
}
_KINDS = {name: kind for kind, name in TYPES.items()}
_NESTED = {dict, list}
# A loader's integer column holds numbers from `_LEAST` on and below `_BEYOND`.
_LEAST, _BEYOND = -(1 << 63), 1 << 63


class InferredSchema:
    """The declared columns of a stream, and the columns inferred from its rows.

    A declared type stays: a column with values of two types has both types. A column with only
    nulls is text, like nearly all columns of ActiveCampaign.

    A column with several scalar types also allows text, as its first type. A loader's column has
    one type. Text can hold all values; other types round, drop or reject some values.
    """

    def __init__(self, declared: Schema, learned: Any = None, without: Iterable[str] = ()) -> None:
        """``learned`` is from an earlier run. The columns ``without`` are ignored."""
        self._declared = declared
        self._keys = frozenset(declared.get("required", ()))
        self._without = frozenset(without)
        self._types: dict[str, set[type]] = {}
        for name, schema in declared.get("properties", {}).items():
            self._types[name] = _kinds_of(schema.get("type"))
        self._declared_types = {name: set(kinds) for name, kinds in self._types.items()}
        for name, types in learned.items() if isinstance(learned, dict) else ():
            self._types.setdefault(name, set()).update(_kinds_of(types))

    def learn(self, rows: Iterable[Row]) -> bool:
        """Add the columns and types of rows. Return whether the schema changed."""
        types, without = self._types, self._without
        previous = {name: frozenset(kinds) for name, kinds in types.items()}
        for row in rows:
            for name, value in row.items():
                kinds = types.get(name)
                if kinds is None:
                    if name in without:
                        continue
                    kinds = types[name] = set()
                if value is not None:
                    kinds.add(type(value))
                    if type(value) is int and not _LEAST <= value < _BEYOND:
                        kinds.add(str)
        for name, kinds in self._types.items():
            # int and float are one type, unless a loader already has an integer column.
            numbers = kinds == {int, float} and previous.get(name) != frozenset({int})
            if not kinds or (len(kinds) > 1 and not numbers and not kinds & _NESTED):
                kinds.add(str)
        return previous != types

    def schema(self) -> Schema:
        """Return the present schema."""
        properties = dict(self._declared.get("properties", {}))
        for name, kinds in self._types.items():
            types = [text for kind, text in TYPES.items() if kind in kinds or not kinds]
            nullable = [] if name in self._keys else ["null"]
            properties[name] = {**properties.get(name, {}), "type": [*types, *nullable]}
            if str in kinds and len(kinds) > 1 and not kinds & _NESTED:
                # From a list of types a loader may choose the narrowest; from `anyOf`, the first.
                json_types = properties[name].pop("type")
                properties[name]["anyOf"] = [{"type": json_type} for json_type in json_types]
        return {**self._declared, "properties": properties}

    def learned(self) -> dict[str, list[str]]:
        """Return the types that the first declaration lacks, in a form for the state."""
        return {
            name: [text for kind, text in TYPES.items() if kind in kinds]
            for name, kinds in sorted(self._types.items())
            if kinds != self._declared_types.get(name)
        }


def _kinds_of(types: Any) -> set[type]:
    names = types if isinstance(types, list) else [types]
    return {_KINDS[name] for name in names if isinstance(name, str) and name in _KINDS}
