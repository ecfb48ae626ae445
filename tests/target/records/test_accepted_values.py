"""Every column accepts the values that docs/columns.md names for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.resources import record_writer
from tap_activecampaign_unified.resources.resource import Field
from target_activecampaign.config.write_policy import WritePolicy
from target_activecampaign.input.row_columns import RowColumns
from target_activecampaign.sinks import registry
from tests.render_columns import CODECS, WORDS_OF, accepts

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Values as warehouses write them, by the kind that the page names.
VALUES: dict[str, tuple[Any, ...]] = {
    "amount": (0.30000000000000004, "12.50", 3),
    "amount, which may be negative": (0.30000000000000004, "-12.50", 3),
    "array of texts": (["a"], '["a", "b"]', "{a,b}", "||a||b||", "a"),
    "currency code, such as `EUR`": ("eur", "EUR", "EUR   "),
    "flag": ("Y", "t", "on", 1.0, "0", False, "false"),
    "id": (7, 7.0, "7.0", "7"),
    "number": ("1.234", 2, 2.5),
    "reference": ({"id": 7.0}, {"id": "7"}),
    "text": ("x", 5, 5.0),
    "text, outer blanks kept": (" x ", 5),
    "the e-mail address, or `{email}`": ("a@b.example", {"email": "a@b.example"}),
    "time": ("2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05.678+00", "20260102", "2026/01/02"),
    "whole number": (2, 2.0, "2.0"),
    "`open`, `won` or `lost`": ("open", "Won", "LOST"),
}
REFUSED: dict[str, tuple[Any, ...]] = {
    "amount": ("1.234", "much", "1_0", True),
    "amount, which may be negative": ("1.234", "much", True),
    "flag": ("perhaps", 2, "2"),
    "number": ("much", "1_0", [1]),
    "time": ("yesterday", "1712011230123", "2026-13-01"),
    "whole number": ("2.5", "two"),
    "`open`, `won` or `lost`": ("sold",),
}


def columns() -> Iterator[tuple[str, str, str]]:
    """Return stream, column and kinds of every column that one value fills."""
    row_columns = RowColumns(WritePolicy(), {})
    for name, sink in registry.SINKS.items():
        table = row_columns.table(name)
        for entry in sink.resource.entries:
            is_written = isinstance(entry, Field) and not entry.read_only
            if is_written and entry.unified not in sink.resource.keys:
                yield name, entry.unified, accepts(table.columns[entry.unified], entry, name)


def test_every_kind_of_column_has_its_values_here() -> None:
    """The kinds of columns on the page are those of this test."""
    assert set(CODECS.values()) == set(VALUES)


@pytest.mark.parametrize(("stream", "column", "words"), list(columns()))
def test_a_column_accepts_what_the_page_says(stream: str, column: str, words: str) -> None:
    """A column accepts each form of its kind; a value of another kind names the column."""
    sink = registry.SINKS[stream]
    codec = next(
        e.codec for e in sink.resource.entries if isinstance(e, Field) and e.unified == column
    )
    good = codec.examples if codec.name in WORDS_OF else VALUES.get(words, codec.examples)
    row_columns = RowColumns(WritePolicy(unknown_columns="reject"), {})
    for value in good:
        if value is None:
            continue
        found, _ = row_columns.read(stream, {column: value}, [])
        problems = record_writer.write(sink.resource, found.record).problems
        assert problems == [], value
    bad = ("nonsense",) if codec.name in WORDS_OF else REFUSED.get(words, ())
    for value in bad:
        found, _ = row_columns.read(stream, {column: value}, [])
        [(named, _)] = record_writer.write(sink.resource, found.record).problems
        assert named == column
