"""Arrays in the form of text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.arrays import parse_structure


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('["a", "b"]', ["a", "b"]),
        ('[\n  "a",\n  "b"\n]', ["a", "b"]),
        ("{a,b}", ["a", "b"]),
        ('{a,"b, c"}', ["a", "b, c"]),
        ('{"say \\"hi\\"",NULL}', ['say "hi"', None]),
        ('{ a , "b" }', ["a", "b"]),
        ("||a||b||", ["a", "b"]),
        ("{}", {}),
        ("[]", []),
        ('{"id": "5"}', {"id": "5"}),
        ("['a', \"it's\", None, 7]", ["a", "it's", None, 7]),
        ("{'name': 'News', 'status': 'active'}", {"name": "News", "status": "active"}),
        ("null", "null"),
        ("plain, text", "plain, text"),
        ("{it's,'twas}", ["it's", "'twas"]),
    ],
)
def test_an_array_as_text_is_that_array(text: str, items: Any) -> None:
    """JSON text, PostgreSQL's array text, ActiveCampaign's form and Python's lists are arrays.

    Other text is not. DuckDB's own text of lists is refused: it does not show where items end.
    """
    assert parse_structure(text) == items


@pytest.mark.parametrize(
    "text",
    [
        "[a, b]",
        "{a,{b}}",
        "{a",
        '{"a',
        "{a,}",
        "['a', b]",
        '{a"b}',
        "{'name': News}",
        "['a' 'b']",  # numpy
        "['a'\n 'b']",
        "['a', 'b' \"c\"]",
        "{'a'}",  # a Python set
        "{'a', 'b'}",
    ],
)
def test_text_that_only_begins_like_an_array_is_refused(text: str) -> None:
    """Text that only begins like an array is an error that lists the accepted forms."""
    with pytest.raises(InvalidValue, match="SQL array text"):
        parse_structure(text)


def test_a_delimiter_splits_plain_text_alone() -> None:
    """A delimiter splits plain text; an array in another form is read as that array."""
    assert parse_structure("a; b;;c", ";") == ["a", "b", "c"]
    assert parse_structure("a", ";") == ["a"]
    assert parse_structure('["a;b"]', ";") == ["a;b"]
    assert parse_structure("{a;b}", ";") == ["a;b"]
    assert parse_structure("", ";") == ""
    assert parse_structure(["a;b"], ";") == ["a;b"]


@given(st.lists(st.text().filter(lambda text: "\0" not in text)))
def test_postgres_array_text_round_trips(items: list[str]) -> None:
    """Quotes, backslashes, commas and braces inside an item survive PostgreSQL's array text."""
    quoted = [json.dumps(item, ensure_ascii=False) for item in items if item.isprintable()]
    text = "{" + ",".join(quoted) + "}"
    wanted = [item for item in items if item.isprintable()]
    assert (parse_structure(text) or []) == wanted
