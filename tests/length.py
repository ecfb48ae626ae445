"""How long the searching tests search.

`make test` searches briefly. `make test-long` sets ``SEARCH=full``. ``SEARCH=longest`` looks for
rare failures. ``SEED=n`` runs the seeded tests with that seed alone, as their failures print it.
"""

from __future__ import annotations

import ast
import inspect
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

FULL, LONGEST = "full", "longest"
SEARCH = os.environ.get("SEARCH", "")
LONG = SEARCH == LONGEST
_SEED = os.environ.get("SEED", "")
# The share of a full search's examples that a brief search tries.
BRIEF_SHARE = 10
FEWEST = 2


def of(full: int, longest: int) -> int:
    """Return how many examples, rows or seeds to try."""
    if SEARCH == LONGEST:
        return longest
    return full if SEARCH == FULL else max(min(FEWEST, full), full // BRIEF_SHARE)


def seeds(full: int, longest: int) -> list[int]:
    """Return the seeds to try: so many, or the seed in ``SEED``."""
    return [int(_SEED)] if _SEED else list(range(of(full, longest)))


@cache
def searching_names(module: ModuleType) -> frozenset[str]:
    """Return the names of a module's tests, fixtures and values that use this module.

    `LONG` is the same in a brief and in a full search.
    """
    statements = ast.parse(inspect.getsource(module)).body
    found = {
        alias.asname or alias.name
        for node in statements
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if __name__ in {node.module, f"{node.module}.{alias.name}"}
        and (alias.name != "LONG" or LONG)
    }
    parts = [_names_of(node) for node in statements] if found else []
    before = -1
    while len(found) != before:
        before = len(found)
        for defined, used in parts:
            if used & found:
                found |= defined
    return frozenset(found)


def _names_of(node: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the names that a statement of a module defines, and those that it uses."""
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
    used = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}, used | {
            part.arg for part in ast.walk(node) if isinstance(part, ast.arg)
        }
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}, used
