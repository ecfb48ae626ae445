"""The sources of both packages, and what each imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
TAP = "tap_activecampaign_unified"
TARGET = "target_activecampaign"


def files_of(package: str) -> list[Path]:
    """Return the sources of a package."""
    return sorted((ROOT / package.replace(".", "/")).rglob("*.py"))


PRODUCT = [*files_of(TAP), *files_of(TARGET)]


def shown(path: Path) -> str:
    """Return a source's path as people write it."""
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a source as a tree."""
    return ast.parse(path.read_text())


def is_type_checking(node: ast.AST) -> bool:
    """Say whether a statement is only for type checkers."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def nodes_of(path: Path, *, typing: bool) -> Iterator[ast.AST]:
    """Walk a source; without ``typing`` what runs, not what only type checkers see."""
    waiting: list[ast.AST] = [tree_of(path)]
    while waiting:
        node = waiting.pop()
        yield node
        if is_type_checking(node) and not typing:
            waiting.extend(node.orelse)  # type: ignore[attr-defined]  # it is an If
        else:
            waiting.extend(ast.iter_child_nodes(node))


@cache
def imports_of(path: Path, *, typing: bool = True) -> frozenset[str]:
    """Return the full dotted names of what a source imports, relative names resolved."""
    package = list(path.relative_to(ROOT).parts[:-1])
    found: set[str] = set()
    for node in nodes_of(path, typing=typing):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def importers_of(module: str, paths: list[Path], *, typing: bool = True) -> set[str]:
    """Return which sources import a module or anything in it."""
    return {
        shown(path)
        for path in paths
        if any(name.split(".")[0] == module for name in imports_of(path, typing=typing))
    }
