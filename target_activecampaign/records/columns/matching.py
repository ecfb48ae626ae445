"""Finds the field of a column of the input: by name in any case, from camelCase, or by alias."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tap_activecampaign_unified.resources.input_values.column_names import snake_case

from .conflicts import columns_conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

BYTE_ORDER_MARK = "\ufeff"
SEPARATOR = "__"
CUSTOM_FIELDS = "custom_fields"
#: Prefix of the columns that Singer loaders add. The target never reports them as unknown.
SINGER_PREFIX = "_sdc_"
#: How the columns begin that loaders add to each row: Singer's, dlt's, Airbyte's and Fivetran's.
LOADER_PREFIXES = (SINGER_PREFIX, "_dlt_", "_airbyte_", "_fivetran_")
_NUMBERED = re.compile(r"(?<=[a-z])(?=[0-9])")
# How similar a column is to the field that it misspells, from 0 to 1. A lower bound names fields
# of another meaning: `country` is no misspelling of `account`.
_SIMILAR = 0.8
#: The most sets of columns of which the places are kept. Rows of a stream mostly have one set.
MAX_LAYOUTS = 1_000
_WORD = re.compile(r"[^\W\d_][\w -]*")


def did_you_mean(name: str | None) -> str:
    """Return what to add to a message that an unknown name may be ``name``; empty for None."""
    return f"; did you mean {name}?" if name else ""


class NameIndex:
    """Finds known names by exact name, else without regard to case, else from camelCase."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """Map every accepted spelling, the keys of ``names``, to its known name."""
        self._names = dict(names)
        self._lower = {spelled.lower(): name for spelled, name in names.items()}

    def find(self, name: str) -> str | None:
        """Return the known name of a spelling, None for an unknown spelling."""
        snake = snake_case(name)
        return (
            self._names.get(name)
            or self._lower.get(name.lower())
            or self._lower.get(snake)
            or self._lower.get(_NUMBERED.sub("_", snake))  # street1 is street_1
        )

    def nearest(self, name: str) -> str | None:
        """Return the known name with the most similar spelling."""
        matches = difflib.get_close_matches(snake_case(name), self._lower, 1, _SIMILAR)
        return self._lower[matches[0]] if matches else None


@dataclass(frozen=True)
class RecordColumn:
    """A column that a stream takes.

    ``keys`` are the keys of its objects, by accepted spelling: None for a column of single values,
    empty for objects with keys of any name. ``is_array``: the column holds an array of values.
    ``has_field``: ActiveCampaign has a field for the column. Where it has none, the tap emits null.
    ``is_read_only``: the target never writes the column. ``native``: ActiveCampaign's own name.
    """

    name: str
    keys: Mapping[str, str] | None = None
    is_array: bool = False
    has_field: bool = True
    is_read_only: bool = False
    native: str = ""

    @property
    def is_written(self) -> bool:
        """Whether the target can write the column."""
        return self.has_field and not self.is_read_only

    @property
    def is_structured(self) -> bool:
        """Whether its values are arrays or objects; the input may hold these as text."""
        return self.is_array or self.keys is not None


@dataclass(frozen=True)
class UnknownColumn:
    """A column of the input, or a key in an object, that matches no field of ActiveCampaign."""

    path: str
    nearest: str | None = None
    problem: str = "no such column"

    @property
    def text(self) -> str:
        """The problem, and a similar name if there is any."""
        return f"{self.path}: not written, {self.problem}{did_you_mean(self.nearest)}"


@dataclass(frozen=True)
class ColumnPlace:
    """The place of a column's value: a field, or ``key`` of a field's object."""

    column: str
    key: str | None = None
    unknown: UnknownColumn | None = None

    @property
    def path(self) -> str:
        """The place as a user writes it."""
        return self.column if self.key is None else f"{self.column}.{self.key}"

    @property
    def flat_name(self) -> str:
        """The place as the name of a flat column."""
        return self.column if self.key is None else f"{self.column}{SEPARATOR}{self.key}"


class PlacedColumn(NamedTuple):
    """A column of the input, and its place: ``field``, or ``key`` of the field's object.

    ``structure`` is the stream's column if its values are arrays or objects. ``is_lost``:
    ActiveCampaign has no field for a value of the column.
    """

    name: str
    field: str
    key: str | None
    structure: RecordColumn | None
    is_lost: bool


@dataclass(frozen=True)
class RowLayout:
    """The places of a row's columns in their order.

    ``fields`` maps each column of the input to its field, and ``sources`` each field to its column.
    """

    places: tuple[PlacedColumn, ...]
    fields: Mapping[str, str]
    sources: Mapping[str, str]
    unknown: tuple[UnknownColumn, ...]


@dataclass
class ColumnTable:
    """The columns of a stream; ``aliases``, the user's own names of columns, take precedence."""

    columns: Mapping[str, RecordColumn]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the names."""
        self._names = NameIndex({name: name for name in self.columns})
        written = [column for column in self.columns.values() if column.is_written]
        natives = {snake_case(column.native): column.name for column in written}
        self._hints = NameIndex(natives | {column.name: column.name for column in written})
        self._keys = {
            column.name: NameIndex(column.keys) for column in self.columns.values() if column.keys
        }
        self._places: dict[str, ColumnPlace] = {}
        self._layouts: dict[tuple[str, ...], RowLayout] = {}
        self._inner: dict[tuple[str, str], str | None] = {}

    def place_of(self, name: str) -> ColumnPlace:
        """Return the place of a column's value; an unknown column keeps its name."""
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = self._find(name)
        return place

    def layout_of(self, names: tuple[str, ...]) -> RowLayout:
        """Return the places of a row's columns. Raises `RowRejected` if two name the same field."""
        layout = self._layouts.get(names)
        if layout is None:
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            layout = self._layouts[names] = self._arrange(names)
        return layout

    def _arrange(self, names: tuple[str, ...]) -> RowLayout:
        places = {name: self.place_of(name) for name in names}
        by_path: dict[str, str] = {}
        for name, place in places.items():
            other = by_path.setdefault(place.path, name)
            if other != name:
                raise columns_conflict(place.path, other, name)
        return RowLayout(
            tuple(self._placed(name, place) for name, place in places.items()),
            {name: place.flat_name for name, place in places.items()},
            {place.flat_name: name for name, place in places.items()},
            tuple(place.unknown for place in places.values() if place.unknown is not None),
        )

    def _placed(self, name: str, place: ColumnPlace) -> PlacedColumn:
        column = self.columns.get(place.column)
        is_structured = column is not None and column.is_structured and place.key is None
        is_lost = column is not None and not column.has_field and place.unknown is None
        structure = column if is_structured else None
        return PlacedColumn(name, place.column, place.key, structure, is_lost)

    def key_of(self, column: str, key: str) -> str | None:
        """Return the key of a spelling in a field's object, None for an unknown spelling."""
        at = (column, key)
        if at not in self._inner:
            names = self._keys.get(column)
            self._inner[at] = key if names is None else names.find(key)
        return self._inner[at]

    def nearest_key(self, column: str, key: str) -> str | None:
        """Return the known key with the most similar spelling."""
        names = self._keys.get(column)
        return names.nearest(key) if names else None

    def is_known(self, name: str) -> bool:
        """Return whether a name stands for a field."""
        return self.place_of(name).unknown is None

    def _key_alone(self, name: str) -> str | None:
        """Return the flat column of the object, else of the array, that has a key of this name.

        `list_name` may stand for a key of several columns, and the shortest is returned. `name`
        alone does not say which column is meant.
        """
        for is_array in (False, True):
            keys = {
                column: key
                for column, names in self._keys.items()
                if self.columns[column].is_array is is_array
                and self.columns[column].is_written
                and (key := names.find(name)) is not None
            }
            if keys:
                column = min(keys, key=len)
                is_clear = len(keys) == 1 or keys[column] != snake_case(name)
                return f"{column}{SEPARATOR}{keys[column]}" if is_clear else None
        return None

    def _as_custom(self, name: str) -> str | None:
        """Return the column of a custom field of this name, if the stream has custom fields."""
        is_plain = CUSTOM_FIELDS in self.columns and _WORD.fullmatch(name)
        return f"{CUSTOM_FIELDS}{SEPARATOR}{name}" if is_plain else None

    def _find(self, name: str) -> ColumnPlace:
        plain = name.removeprefix(BYTE_ORDER_MARK)
        plain = self.aliases.get(plain, plain)
        if plain.lower().startswith(SINGER_PREFIX):
            return ColumnPlace(plain.lower())
        matched = self._names.find(plain)
        if matched is not None:
            return ColumnPlace(matched)
        head, mark, tail = plain.partition(SEPARATOR)
        column = self._names.find(head) if mark and tail else None
        if column is None or self.columns[column].keys is None:
            flat = f"{head}_{tail}" if mark and tail else plain
            near = self._key_alone(flat) or self._hints.nearest(plain) or column
            near = near or self._as_custom(plain)
            return ColumnPlace(name, unknown=UnknownColumn(plain, near))
        key = self.key_of(column, tail)
        if key is not None:
            return ColumnPlace(column, key)
        near = self.nearest_key(column, tail)
        hint = f"{column}{SEPARATOR}{near}" if near else None
        return ColumnPlace(column, tail, UnknownColumn(plain, hint))
