"""Follows a section of the recipes, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.recipes.document import Block
    from tests.recipes.reader import Ran, Reader

Recipes = dict[str, list["Block"]]


def blocks_of(recipes: Recipes, title: str) -> list[Block]:
    """Return a section's blocks, by its number or the end of its heading."""
    found = [
        heading
        for heading in recipes
        if heading.endswith(f"› {title}")
        or (heading.startswith(f"{title} ") and "›" not in heading)
    ]
    assert len(found) == 1, title
    return recipes[found[0]]


def follow(reader: Reader, recipes: Recipes, title: str) -> list[Ran]:
    """Follow a section."""
    return reader.follow(blocks_of(recipes, title))
