"""Custom fields: their definitions, the keys of their columns, and their types.

`sync/lookups.py` fetches the rows of the definitions. `sync/stream_writer.py` warns of renamed
fields.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import amount_codecs, array_codecs, codecs, time_codecs
from .custom_field_rows import currency_of, field_id_of, value_of
from .input_values import InvalidValue
from .input_values.column_names import FieldNames, fold
from .input_values.ids import id_number, id_order
from .schema_types import NUMBER, STRING, Schema, object_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .codecs import Zone
    from .custom_field_rows import Row


#: The collection of each entity's definitions.
FIELD_PATHS = {
    "contact": "fields",
    "account": "accountCustomFieldMeta",
    "opportunity": "dealCustomFieldMeta",
}
ENTITIES = tuple(FIELD_PATHS)
KEY_MODES = ("perstag", "title", "id")

# Attributes that every account has as custom fields: the tag, and the initial label.
STANDARD_LABELS = {
    "ACCT_DESCRIPTION": "Description",
    "ACCT_ADDRESS_1": "Address 1",
    "ACCT_ADDRESS_2": "Address 2",
    "ACCT_CITY": "City",
    "ACCT_STATE_PROVINCE": "State/Province",
    "ACCT_POSTAL_CODE": "Postal Code",
    "ACCT_COUNTRY": "Country",
    "ACCT_NUMBER_OF_EMPLOYEES": "Number of Employees",
    "ACCT_ANNUAL_REVENUE": "Annual Revenue",
    "ACCT_INDUSTRY_VERTICAL": "Industry/Vertical",
    "ACCT_PHONE_NUMBER": "Phone Number",
    "DEAL_FORECASTED_CLOSE_DATE": "Forecasted Close Date",
}
STANDARD_TYPES = {"ACCT_ANNUAL_REVENUE": "currency", "DEAL_FORECASTED_CLOSE_DATE": "date"}
_STANDARD_PREFIX = {"account": "ACCT_", "opportunity": "DEAL_"}

_SIMPLE = {
    "number": codecs.number,
    "date": time_codecs.date,
    "datetime": time_codecs.instant,
    "currency": amount_codecs.cents,
}
_CHOICES = {"listbox", "checkbox", "multiselect"}
MONEY: Schema = object_of(amount=NUMBER, currency=STRING)


@dataclass(frozen=True)
class Option:
    """One choice of a field. Options of accounts' and deals' fields have no id."""

    id: str | None
    value: str
    label: str


@dataclass(frozen=True)
class FieldDefinition:
    """A custom field. ``tag`` is its personalization tag without ``%``, in its own case."""

    entity: str
    id: str
    title: str
    type: str
    tag: str = ""
    options: tuple[Option, ...] = ()
    row: Row = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_choices(self) -> bool:
        """Whether the field holds several values."""
        return self.type in _CHOICES

    @functools.cached_property
    def options_by_name(self) -> dict[str, str]:
        """The value of each option by its value and by its label, in the form of `fold`."""
        return {fold(option.label): option.value for option in self.options} | {
            fold(option.value): option.value for option in self.options
        }

    @property
    def codec(self) -> codecs.Codec:
        """The codec of one value; for a currency field, of its amount."""
        if self.is_choices:
            return array_codecs.piped if self.entity == "contact" else array_codecs.choices
        return _SIMPLE.get(self.type, codecs.verbatim)

    @property
    def schema(self) -> Schema:
        """The JSON schema of one value, with the title of the field."""
        schema = MONEY if self.type == "currency" else self.codec.schema
        return {**schema, "title": self.title} if self.title else schema


def definition_of(entity: str, row: Row, options: dict[str, Row]) -> FieldDefinition:
    """Read a row of ``/fields`` or of ``…CustomFieldMeta``. ``options`` are sideloads by id."""
    if entity == "contact":
        rows = [options[key] for key in map(str, row.get("options") or ()) if key in options]
        rows = rows or [
            option for option in options.values() if str(option.get("field")) == str(row["id"])
        ]
        choices = [
            Option(
                str(option.get("id")), *(str(option.get(key) or "") for key in ("value", "label"))
            )
            for option in rows
        ]
        choices.sort(key=lambda option: id_order(option.id))
        title, kind, tag = row.get("title"), row.get("type"), row.get("perstag")
    else:
        texts = row.get("fieldOptions")
        choices = [
            Option(None, str(text), str(text))
            for text in (texts if isinstance(texts, list) else ())
        ]
        title, kind, tag = row.get("fieldLabel"), row.get("fieldType"), row.get("personalization")
    return FieldDefinition(
        entity,
        str(row.get("id")),
        str(title or "").strip(),
        str(kind or "text").lower(),
        str(tag or "").strip().strip("%"),
        tuple(choices),
        row,
    )


def definitions_of(entity: str, rows: list[Row], body: Row) -> list[FieldDefinition]:
    """Read the rows of a page of definitions. ``body`` is the response, which holds options."""
    sideloads = body.get("fieldOptions") or ()
    options = {str(row.get("id")): row for row in sideloads if isinstance(row, dict)}
    return [definition_of(entity, row, options) for row in rows]


def slug(text: str) -> str:
    """Return a label as a column name: ASCII, lower case, ``[a-z0-9_]``."""
    return _plain(text).strip("_")


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9_]+", "_", ascii_text.lower())


def keys_of(definitions: list[FieldDefinition], mode: str) -> dict[str, str]:
    """Return the key in ``custom_fields`` by field id.

    If two fields have an equal key, the field with the lower id keeps it. A flattened currency
    field becomes two columns. No key is equal to the column of another field.
    """
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for definition in sorted(definitions, key=lambda definition: id_order(definition.id)):
        if mode == "id":
            key = ""
        elif mode == "title":
            key = definition.title
        else:
            key = _plain(definition.tag) or slug(definition.title)
        key = key or f"field_{definition.id}"
        while not taken.isdisjoint(_columns_of(definition, key)):
            key = f"{key}_{definition.id}"
        taken.update(_columns_of(definition, key))
        keys[definition.id] = key
    return keys


def _columns_of(definition: FieldDefinition, key: str) -> set[str]:
    """Return the column names of a field, nested and flattened."""
    parts = MONEY["properties"] if definition.type == "currency" else ()
    return {key, *(f"{key}__{part}" for part in parts)}


class CustomFields:
    """The custom fields of one entity of one account, in ascending order of id."""

    def __init__(self, definitions: list[FieldDefinition], mode: str = "perstag") -> None:
        self.definitions = sorted(definitions, key=lambda definition: id_order(definition.id))
        self._mode = mode
        self.keys = keys_of(self.definitions, mode)
        # In every mode, records may name fields by the default keys.
        self._by_perstag = keys_of(self.definitions, "perstag")
        self._by_id = {
            definition.id: (
                self.keys[definition.id],
                definition.codec.decode,
                definition.type == "currency",
            )
            for definition in self.definitions
        }
        self._blank: dict[str, Any] = dict.fromkeys(
            self.keys[definition.id] for definition in self.definitions
        )
        self._array_keys = [
            self.keys[definition.id] for definition in self.definitions if definition.is_choices
        ]
        spellings: tuple[Callable[[FieldDefinition], str], ...] = (
            lambda definition: self.keys[definition.id],
            lambda definition: definition.tag,
            lambda definition: self._by_perstag[definition.id],
            lambda definition: f"field_{definition.id}",
            lambda definition: definition.title,
            lambda definition: definition.id,
        )
        self._by_name = FieldNames(
            (spelling(definition), definition)
            for spelling in spellings
            for definition in self.definitions
        )
        self._standard = self._standard_fields()
        self._tags = {tag: self.keys[field.id] for tag, field in self._standard.items()}

    def _standard_fields(self) -> dict[str, FieldDefinition]:
        """Return the fields of `STANDARD_LABELS` by tag. A field without a tag has the label."""
        fields: dict[str, FieldDefinition] = {}
        for definition in self.definitions:
            prefix = _STANDARD_PREFIX.get(definition.entity)
            if prefix and definition.tag.upper() in STANDARD_LABELS:
                fields.setdefault(definition.tag.upper(), definition)
        for tag, label in STANDARD_LABELS.items():
            for definition in self.definitions:
                prefix = _STANDARD_PREFIX.get(definition.entity)
                has_label = definition.title.lower() == label.lower() and not definition.tag
                if prefix and tag.startswith(prefix) and has_label:
                    fields.setdefault(tag, definition)
        return fields

    def schema(self) -> Schema:
        """Return the schema of the ``custom_fields`` object, a typed property per field."""
        return {
            "type": ["object", "null"],
            "properties": {
                self.keys[definition.id]: definition.schema for definition in self.definitions
            },
        }

    def renamed(self, former: dict[str, str]) -> list[tuple[str, str]]:
        """Return (old key, new key) of the fields whose key differs in ``former``."""
        current = ((definition.id, self.keys[definition.id]) for definition in self.definitions)
        return [(former[id_], key) for id_, key in current if former.get(id_, key) != key]

    def collisions(self) -> list[tuple[str, str]]:
        """Return pairs of titles of fields that would become the same column when flattened.

        The second field of each pair has another key for this reason.
        """
        owners: dict[str, FieldDefinition] = {}
        pairs = []
        for definition in self.definitions:
            key = keys_of([definition], self._mode)[definition.id]
            columns = _columns_of(definition, key)
            others = [owners[name] for name in sorted(columns & owners.keys())]
            is_flat = bool(others) and key not in {
                keys_of([other], self._mode)[other.id] for other in others
            }
            pairs += [(others[0].title, definition.title)] if is_flat else []
            owners |= dict.fromkeys(columns - owners.keys(), definition)
        return pairs

    def keys_by_title(self) -> dict[str, str]:
        """Return, by field id, the keys that a new title of the field would change."""
        return {
            definition.id: self.keys[definition.id]
            for definition in self.definitions
            if self._mode == "title" or (self._mode == "perstag" and not _plain(definition.tag))
        }

    def read(
        self, rows: list[Row], zone: Zone, errors: list[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values by key, and the values of `STANDARD_LABELS` by tag.

        Add a message to ``errors`` for each unreadable value and each unknown field.
        """
        record = self._blank.copy()
        for key in self._array_keys:
            record[key] = []
        by_id = self._by_id
        for row in rows:
            field_id = row.get("field")
            if not isinstance(field_id, str):
                field_id = field_id_of(row)
            reader = by_id.get(field_id)
            if reader is None:
                path = (
                    f"custom_fields.field_{field_id}"
                    if id_number(field_id) is not None
                    else "custom_fields"
                )
                errors.append(f"{path}: the account defines no such field")
                continue
            key, decode, is_money = reader
            try:
                value = decode(row["value"] if "value" in row else value_of(row), zone)
            except InvalidValue as problem:
                errors.append(f"custom_fields.{key}: {problem}")
                continue
            if is_money and value is not None:
                value = {
                    "amount": value,
                    "currency": amount_codecs.decode_currency(currency_of(row)),
                }
            record[key] = value
        if not self._tags:
            return record, {}
        return record, {tag: record[key] for tag, key in self._tags.items()}

    def find(self, name: str) -> FieldDefinition | None:
        """Return the field with this key, tag, title or id, or None without such a field.

        Case does not matter. A tag may have its `%`, and a key may be in camelCase.
        """
        return self._by_name.find(name)

    def by_tag(self, tag: str) -> FieldDefinition | None:
        """Return the field of an attribute of `STANDARD_LABELS`, None if the account lacks it."""
        return self._standard.get(tag)


def encode_value(definition: FieldDefinition, value: Any) -> tuple[Any, str | None]:
    """Return the native form of a unified value, and its currency or None."""
    if definition.type != "currency":
        return definition.codec.encode(value), None
    if value is None:
        return "", None
    if isinstance(value, dict):
        return amount_codecs.encode_cents(value.get("amount")), amount_codecs.encode_currency(
            value.get("currency")
        ) or None
    return amount_codecs.encode_cents(value), None
