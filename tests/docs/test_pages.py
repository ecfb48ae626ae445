"""The pages: rendered blocks are up to date, and every picture, link and path exists."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.render import BLOCKS, DOCUMENTS, ROOT, fill

PAGES = sorted((ROOT / "docs").rglob("*.md"))
MAX_README_LINES = 250


def text_of(path: Path | str) -> str:
    """Return a file of the project."""
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_rendered_blocks_are_up_to_date(name: str) -> None:
    """Tables of streams, fields and settings equal the code; `make render` updates them."""
    assert fill(text_of(name)) == text_of(name)


def test_every_block_is_rendered_in_one_place() -> None:
    """Each table and each stream's fields are in exactly one document."""
    found = Counter(
        name
        for document in DOCUMENTS
        for name in re.findall(r"rendered: ([a-z_ -]+?)(?: -->)?\n", text_of(document))
    )
    assert found == dict.fromkeys(BLOCKS, 1)


def test_readme_is_short() -> None:
    """README has at most 250 lines: everything else is a page under docs/."""
    assert len(text_of("README.md").splitlines()) <= MAX_README_LINES


def test_readme_leads_to_every_page() -> None:
    """A reader of README reaches each page under docs/ by links."""
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        linked = {
            (page.parent / target).resolve()
            for page in new
            for target in re.findall(r"\]\((?!http)([^)#]+\.md)", page.read_text("utf-8"))
        }
        new = {page for page in linked if page.exists()} - reached
    assert set(PAGES) <= reached


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_of_the_pages_beside_the_site_work(page: str) -> None:
    """Every link of the pages outside the site leads to a file."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text_of(page)):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("page", ["README.md", *[str(p.relative_to(ROOT)) for p in PAGES]])
def test_programs_and_targets_that_a_page_names_exist(page: str) -> None:
    """Each `python -m …` is a module of the project, and each `make …` a target of the Makefile."""
    text = text_of(page)
    for module in re.findall(r"python -m ([\w.]+)", text):
        path = ROOT / Path(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    for target in re.findall(r"`(?:PYTHON=\S+ )?make ([a-z][\w-]*)`", text):
        assert re.search(rf"^{target}:", text_of("Makefile"), re.MULTILINE), target
    for path in re.findall(r"`((?:tests|bench|orchestrate|plugins)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path
