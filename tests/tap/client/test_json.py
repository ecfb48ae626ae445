"""How the client decodes the bytes of an answer."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .clients import ManualClock, Script, client_of

# A NUL is replaced: its own test is below.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def read(body: bytes) -> object:
    """Return what a client decodes from an answer's body."""
    return client_of(Script((200, body)), ManualClock()).get("contacts").body


@given(st.dictionaries(TEXT, JSON, max_size=4), st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(document, is_ascii):
    """The client decodes JSON to the same values and types as the standard library."""
    body = json.dumps(document, ensure_ascii=is_ascii).encode()
    assert repr(read(body)) == repr(json.loads(body))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
def test_other_encodings_of_unicode_are_read(encoding):
    """The client decodes UTF-16 and UTF-32 with and without a byte order mark."""
    assert read('{"name": "Zoë"}'.encode(encoding)) == {"name": "Zoë"}


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("18446744073709551616", 1 << 64),
        ("-9223372036854775809", -(1 << 63) - 1),
        ("1" + "0" * 400, 10**400),
        ("1e400", math.inf),
        ("-Infinity", -math.inf),
        ("1e-400", 0.0),
        ("0.1000000000000000055511151231257827", 0.1),
    ],
)
def test_numbers_that_few_send_are_read(number, value):
    """The client reads integers beyond 64 bits, floats beyond the range, and NaN and Infinity."""
    assert read(f'{{"n": {number}}}'.encode()) == {"n": value}


def test_nan_is_read():
    """A NaN in an answer does not lose the page."""
    found = read(b'{"n": NaN}')
    assert isinstance(found, dict)
    assert math.isnan(found["n"])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"a\ud83d"', "a\ufffd"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\uD83D z"', "\ufffd z"),
        (b'"\xed\xa0\xbd z"', "\ufffd z"),
        (rb'"a\u0000b"', "a\ufffdb"),
        (rb'"\u0000\ud83d"', "\ufffd\ufffd"),
    ],
)
def test_characters_that_loaders_reject_are_replaced(body, text):
    """The client replaces lone surrogates and NUL, which loaders refuse."""
    assert read(b'{"name": ' + body + b', "n": [{' + body + b": 1}]}") == {
        "name": text,
        "n": [{text: 1}],
    }
