"""The law of modules: their length, names and docstrings, and the number in a folder."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

from tests.sources import PRODUCT, files_of, shown, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "shared", "tools"}
MAX_MODULES = 16
MAX_LINES = 400


def test_no_module_has_a_vague_name():
    """A module that cannot be named by what it holds should not exist."""
    parts = {part.removesuffix(".py") for path in PRODUCT for part in path.parts}
    assert parts & VAGUE_NAMES == set()


def too_long(paths: list[Path]) -> set[str]:
    """Return the modules that have more than 400 lines."""
    return {shown(path) for path in paths if len(path.read_text().splitlines()) > MAX_LINES}


def test_no_module_is_too_large():
    """A module has at most 400 lines."""
    assert too_long(PRODUCT) == set()


def test_no_module_of_tests_is_too_large():
    """A module of tests or benchmarks has at most 400 lines."""
    assert too_long([*files_of("tests"), *files_of("bench")]) == set()


def test_no_folder_is_too_full():
    """A folder has at most sixteen modules."""
    folders = Counter(path.parent for path in PRODUCT if path.name != "__init__.py")
    assert {shown(folder): count for folder, count in folders.items() if count > MAX_MODULES} == {}


def test_each_class_name_has_one_meaning():
    """No two classes of the packages share a name."""
    names = Counter(
        node.name
        for path in PRODUCT
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in names.items() if count > 1} == set()


def undocumented(path: Path) -> Iterator[str]:
    """Return the module, and its public classes and functions, without a docstring."""
    tree = tree_of(path)
    if not ast.get_docstring(tree):
        yield shown(path)
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{shown(path)}:{node.lineno} {node.name}"
        if isinstance(node, ast.ClassDef):
            waiting.extend(node.body)


def test_every_public_name_has_a_docstring():
    """Modules, classes and functions have a docstring each."""
    assert {shown(path): names for path in PRODUCT if (names := [*undocumented(path)])} == {}
