"""Columns of several resources: last changes, words of codes, references, schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .codecs import decode_id, decode_text
from .schema_types import STRING, Schema, array_of, object_of
from .time_codecs import decode_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from .resource import Row, RowContext


def last_changed(row: Row, row_context: RowContext) -> str | None:
    """Return ``mdate``, or ``cdate`` of a row that was never modified."""
    return decode_instant(row.get("mdate"), row_context.zone) or decode_instant(
        row.get("cdate"), row_context.zone
    )


def word_of_code(words: dict[str, str], raw: Any) -> str | None:
    """Return the word of a native code, or an unknown code unchanged. None without a code."""
    code = decode_text(raw)
    return words.get(code, code) if code else None


def word_in(column: str, words: dict[str, str]) -> Callable[[Row, RowContext], str | None]:
    """Return a reader of the word of the code in a column."""
    return lambda row, _: word_of_code(words, row.get(column))


def id_in(*columns: str) -> Callable[[Row, RowContext], str | None]:
    """Return a reader of the first id in several columns."""

    def read(row: Row, _: RowContext) -> str | None:
        return next((found for name in columns if (found := decode_id(row.get(name)))), None)

    return read


def ref_in(*columns: str) -> Callable[[Row, RowContext], Row | None]:
    """Return a reader of ``{id}`` with the first id in several columns."""
    read_id = id_in(*columns)

    def read(row: Row, row_context: RowContext) -> Row | None:
        found = read_id(row, row_context)
        return {"id": found} if found else None

    return read


def named_ref_in(names: str, *columns: str) -> Callable[[Row, RowContext], Row | None]:
    """Return a reader of ``{id, name}``, with a name of the table ``names`` of `NameTables`."""
    read_id = id_in(*columns)

    def read(row: Row, row_context: RowContext) -> Row | None:
        found = read_id(row, row_context)
        table = getattr(row_context.names, names)
        return {"id": found, "name": table.get(found)} if found else None

    return read


NAMED_REF: Schema = object_of(id=STRING, name=STRING)
URLS: Schema = array_of(object_of(url=STRING, type=STRING))
TAGS: Schema = array_of(NAMED_REF)
ADDRESSES: Schema = array_of(
    object_of(
        id=STRING,
        street_1=STRING,
        street_2=STRING,
        city=STRING,
        state=STRING,
        postal_code=STRING,
        country=STRING,
        type=STRING,
    )
)
