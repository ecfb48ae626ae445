"""Unusual values, and values that look almost valid."""

from __future__ import annotations

from hypothesis import strategies as st

# A lone surrogate is valid in JSON and not in UTF-8.
LETTERS = st.characters(min_codepoint=0, max_codepoint=0x10FFFF, categories=None)
TEXT = st.text(LETTERS, max_size=12)
ALMOST = (
    st.from_regex(r"[-+]?[0-9.,eE_ ]{0,12}", fullmatch=True)
    | st.from_regex(r"[0-9]{3,5}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9:.]{0,15}[Z+-]?[0-9:]{0,6})?")
    | st.from_regex(r"\|{0,3}([a-z]{0,3}\|{0,2}){0,4}", fullmatch=True)
    | st.from_regex(r"[A-Z%$€]{0,4} ?[0-9]{0,6}([.,][0-9]{0,3})?", fullmatch=True)
    | st.sampled_from(["[1]", '["a",', "{}", "null", "true", "TRUE", "0", "1", "-0", "0000-00-00"])
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 1 << 63])
    | st.floats()  # with NaN and infinities, which lenient servers send
    | TEXT
    | ALMOST
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | ALMOST, inner, max_size=3),
    max_leaves=6,
)
