"""Infers the schema of raw streams from their rows: every column, with the types of its values.

A loader drops columns that no SCHEMA declares, so the tap declares each first.
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
# The range of a loader's integer column.
_LEAST, _BEYOND = -(1 << 63), 1 << 63


class InferredSchema:
    """The declared columns of a stream, and those inferred from its rows.

    A declared type stays: a column with values of two types has both. A column that was always
    null is declared as text, the type of nearly all columns of ActiveCampaign.

    A column of several scalar types also allows text, as its first type. A loader's column has one
    type: text can hold all values, other types round, drop or reject some.
    """

    def __init__(self, declared: Schema, learned: Any = None, without: Iterable[str] = ()) -> None:
        """``learned`` comes from an earlier run; the columns ``without`` are ignored."""
        self._declared = declared
        self._keys = frozenset(declared.get("required", ()))
        self._without = frozenset(without)
        self._known: dict[str, set[type]] = {}
        for name, schema in declared.get("properties", {}).items():
            self._known[name] = _kinds_of(schema.get("type"))
        self._before = {name: set(kinds) for name, kinds in self._known.items()}
        for name, types in learned.items() if isinstance(learned, dict) else ():
            self._known.setdefault(name, set()).update(_kinds_of(types))

    def learn(self, rows: Iterable[Row]) -> bool:
        """Add the columns and types of rows. Return whether the schema changed."""
        before = {name: frozenset(kinds) for name, kinds in self._known.items()}
        known, without = self._known, self._without
        for row in rows:
            for name, value in row.items():
                kinds = known.get(name)
                if kinds is None:
                    if name in without:
                        continue
                    kinds = known[name] = set()
                if value is not None:
                    kinds.add(type(value))
                    if type(value) is int and not _LEAST <= value < _BEYOND:
                        kinds.add(str)
        for name, kinds in known.items():
            # Numbers are one type where a loader has not made a column of whole ones yet.
            numbers = kinds == {int, float} and before.get(name) != frozenset({int})
            if not kinds or (len(kinds) > 1 and not numbers and not kinds & _NESTED):
                kinds.add(str)
        return before != known

    def schema(self) -> Schema:
        """Return the schema as of now."""
        properties = dict(self._declared.get("properties", {}))
        for name, kinds in self._known.items():
            types = [text for kind, text in TYPES.items() if kind in kinds or not kinds]
            nullable = [] if name in self._keys else ["null"]
            properties[name] = {**properties.get(name, {}), "type": [*types, *nullable]}
            if str in kinds and len(kinds) > 1 and not kinds & _NESTED:
                # Of a list of types a loader may take the narrowest, of these it takes the first.
                every = properties[name].pop("type")
                properties[name]["anyOf"] = [{"type": json_type} for json_type in every]
        return {**self._declared, "properties": properties}

    def learned(self) -> dict[str, list[str]]:
        """Return what is known beyond what was declared at first, as state can keep it."""
        return {
            name: [text for kind, text in TYPES.items() if kind in kinds]
            for name, kinds in sorted(self._known.items())
            if kinds != self._before.get(name)
        }


def _kinds_of(types: Any) -> set[type]:
    names = types if isinstance(types, list) else [types]
    return {_KINDS[name] for name in names if isinstance(name, str) and name in _KINDS}
