"""The words of documentation, code, tests and benchmarks: those of the field, no metaphors."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING

import pytest

from tests.render import DOCUMENTS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

# Words that do not say who acts, or that a reader has to translate into a term of the field.
METAPHORS = re.compile(
    r"\b(tells|told(?! apart)|telling|mends?|mended|anew|heeds?|heeded|hangs on|bury|buried|settled"
    r"|nobody|somebody|everybody|whoever|wish|wishes|lanes?|desks?|the house)\b",
    re.IGNORECASE,
)
TEXTS = ("SECURITY.md", "CHANGELOG.md", *DOCUMENTS)
PRODUCT = ("tap_activecampaign_unified", "target_activecampaign")
FOLDERS = sorted(
    {path.parent for top in ("tests", "bench", *PRODUCT) for path in (ROOT / top).rglob("*.py")}
    # PostgreSQL's programs run as an unprivileged user whose name is on the list.
    - {ROOT / "tests" / "postgres"}
)
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("name", TEXTS)
def test_the_documentation_uses_the_words_of_the_field(name: str) -> None:
    """No page and no description of a setting or a field uses a metaphor of the list."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    assert [line for line in lines if METAPHORS.search(line)] == []


def words_of(source: str) -> Iterator[str]:
    """Return docstrings, comments and names of a module; words of names are separated by blanks."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
        elif token.type == tokenize.NAME:
            yield token.string.replace("_", " ")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_code_uses_the_words_of_the_field(folder) -> None:
    """No docstring, comment or name in the packages, tests and benchmarks is on the list."""
    found = {
        f"{path.name}: {words}"
        for path in folder.glob("*.py")
        for words in words_of(path.read_text("utf-8"))
        if METAPHORS.search(words)
    }
    assert found == set()
