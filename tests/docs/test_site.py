"""The site: `make docs` builds it, and a missing page or link fails the build."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.render import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILDER = Path(sys.executable).with_name("zensical")
# What a browser would fetch from another server when it opens a page.
FETCHED = re.compile(r"""<(?:script|img|link)\b[^>]*\b(?:src|href)=["']https?:[^>]*>""")


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, in which a tag names a function."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda *_: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of what the site is built from."""
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    return tmp_path


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a folder, as `make docs` does."""
    return subprocess.run(
        [BUILDER, "build", "--strict"], cwd=folder, capture_output=True, text=True, check=False
    )


def named(entries: list[Any]) -> Iterator[str]:
    """Return the pages of a navigation in their order."""
    for entry in entries:
        for page in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(page, list):
                yield from named(page)
            else:
                yield page


def pages() -> list[str]:
    """Return the pages that the navigation names."""
    settings = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), _Loader)  # noqa: S506
    return list(named(settings["nav"]))


def test_the_site_builds_with_every_page_and_a_search_index(folder: Path) -> None:
    """The strict build has every page, and its search index has the name of a stream."""
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in pages():
        assert (folder / "site" / page).with_suffix(".html").exists(), page
    index = json.loads((folder / "site" / "search.json").read_text("utf-8"))
    assert "marketing_contact_tags" in json.dumps(index)


def test_a_page_fetches_nothing_from_another_server(folder: Path) -> None:
    """A page loads no font, script, picture or style from another server."""
    build(folder)
    for page in (folder / "site").rglob("*.html"):
        assert FETCHED.findall(page.read_text("utf-8")) == [], page.name


@pytest.mark.parametrize(
    "line",
    ["[a page](nowhere.md)", "[a section](streams.md#nowhere)"],
    ids=["page", "section"],
)
def test_a_dead_link_fails_the_build(folder: Path, line: str) -> None:
    """A link to a missing page or section ends the build with exit code 1."""
    with (folder / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{line}\n")
    done = build(folder)
    assert done.returncode == 1
    assert "index.md" in done.stdout + done.stderr


def test_every_page_is_in_the_navigation_once() -> None:
    """mkdocs.yml names each file under docs/ once, and no file that does not exist."""
    files = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(pages()) == sorted(files)
