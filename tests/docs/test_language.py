"""The words of the documentation: those of the field, no metaphors."""

from __future__ import annotations

import re

import pytest

from tests.render import DOCUMENTS, ROOT

# Words of which a reader must guess what they stand for, or who acts.
METAPHORS = re.compile(
    r"\b(tells|told|telling|mends?|mended|anew|heeds?|heeded|hangs on|bury|buried|settled"
    r"|nobody|somebody|everybody|whoever|wish|wishes|lanes?|the house)\b",
    re.IGNORECASE,
)
TEXTS = ("SECURITY.md", "CHANGELOG.md", *DOCUMENTS)


@pytest.mark.parametrize("name", TEXTS)
def test_the_documentation_uses_the_words_of_the_field(name: str) -> None:
    """No page and no description of a setting or a field uses a metaphor of the list."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    assert [line for line in lines if METAPHORS.search(line)] == []
