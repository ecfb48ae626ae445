"""The account, loaded once by the real tap and loader, and a reader with a copy of both."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests import length
from tests.demo.account import ROOT
from tests.demo.pipeline import install
from tests.postgres.server import Server, programs_folder
from tests.sandbox import serve

from .account import KEY, make_account
from .document import Block, fill, sections
from .reader import Memory, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCUMENT = ROOT / "docs" / "recipes.md"
PLUGINS = {
    "tap-jsonl": ROOT / ".meltano/extractors/tap-jsonl/venv/bin/tap-jsonl",
    "target-duckdb": ROOT / ".meltano/loaders/target-duckdb/venv/bin/target-duckdb",
}
HERE = Path(sys.executable).parent
DBT = ROOT / ".venv-dbt/bin/dbt"
# `WRITE=1 pytest tests/recipes` writes the real output into the document. Review it afterwards.
IS_SCRIBE = bool(os.environ.get("WRITE"))


@pytest.fixture(scope="session")
def recipes() -> dict[str, list[Block]]:
    """The document's blocks by heading."""
    return sections(DOCUMENT)


@pytest.fixture(scope="session")
def memory() -> Iterator[Memory]:
    """The data that all readers share."""
    memory = Memory()
    yield memory
    if IS_SCRIBE:
        fill(DOCUMENT, memory.outputs)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of the commands: ours, and the two that Meltano installed."""
    install(*PLUGINS)
    folder = tmp_path_factory.mktemp("bin")
    for name, place in PLUGINS.items():
        (folder / name).symlink_to(place)
    (folder / "dbt").symlink_to(DBT)
    (folder / "psql").symlink_to(programs_folder() / "psql")
    return [folder, HERE]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of the shop's database."""
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def tables(
    recipes: dict[str, list[Block]], programs: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The account in DuckDB, loaded by the document's first command."""
    folder = tmp_path_factory.mktemp("loaded")
    with serve(make_account()) as served:
        reader = Reader(folder, [served.world], programs)
        reader.write("account.json", settings_of(served.url))
        reader.follow([recipe for recipe in recipes["Before the first"] if recipe.kind != "text"])
    return folder


@pytest.fixture
def make_reader(
    tmp_path: Path, tables: Path, programs: list[Path], memory: Memory
) -> Iterator[Callable[[str], Reader]]:
    """Create readers with the loaded tables and the account as it was at that time."""
    with contextlib.ExitStack() as served:

        def make(name: str = "workspace") -> Reader:
            folder = tmp_path / name
            folder.mkdir()
            for file in ("activecampaign.duckdb", "plan.json", "duckdb.json", "choose_streams.py"):
                shutil.copy(tables / file, folder)
            account = served.enter_context(serve(make_account()))
            reader = Reader(folder, [account.world], programs, memory)
            reader.is_scribe = IS_SCRIBE
            reader.write("account.json", settings_of(account.url))
            (folder / "transform").symlink_to(ROOT / "transform")
            return reader

        yield make


@pytest.fixture(params=["as it stands", *length.seeds(1, 40)])
def reader(request: pytest.FixtureRequest, make_reader: Callable[[], Reader]) -> Reader:
    """A reader of the document; with a seed its targets are killed and run again."""
    reader = make_reader()
    if isinstance(request.param, int):
        reader.is_forked = True
        reader.kills = Random(f"{request.node.originalname} {request.param}")
    return reader


@pytest.fixture
def at_ease(make_reader: Callable[[], Reader]) -> Reader:
    """A reader whose targets are forked and not killed, for steps without a shown output."""
    reader = make_reader()
    reader.is_forked = True
    return reader


def settings_of(url: str) -> dict[str, Any]:
    """Return the settings to connect to a sandbox account without a limit."""
    return {"api_url": url, "api_key": KEY, "requests_per_second": 0}
