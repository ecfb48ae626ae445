"""Fixtures of all tests: a clean environment, no network, an injected clock, an account."""

from __future__ import annotations

import gc
import itertools
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests import length
from tests.tap.client.clients import ManualClock, client_of, world_of

from .cheap_databases import cheap_databases
from .postgres import Server
from .redis_server import running_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tap_activecampaign_unified.client import Client

    from .postgres import Database
    from .sandbox import World

# Examples of a property, unless it has a number of its own. The seed is fixed: a run of all days
# tries the same examples, and `make test-long` tries more.
EXAMPLES = max(10, length.of(50, 500))
settings.register_profile(
    "project", deadline=None, derandomize=True, print_blob=True, max_examples=EXAMPLES
)
settings.load_profile("project")

PREFIXES = ("TAP_", "TARGET_", "MELTANO_", "ACTIVECAMPAIGN_")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
FOLDERS = itertools.count()


# In these folders every test is long: it runs programs, kills them, or runs them under Airflow.
LONG_FOLDERS = ("tests/kills/", "tests/many/", "tests/recipes/", "tests/transform/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests as long by their folder, by Meltano or by a browser.

    Tests of properties, and those whose search time `tests.length` gives, run again in
    `make test-long`, for longer. Tests that run Meltano share one process, because Meltano keeps
    files of its own in a folder.
    """
    for item in items:
        # The order of a set differs between workers, which then disagree about the tests.
        assert "frozenset(" not in item.nodeid, f"a set names a test: {item.nodeid}"
        is_meltano = item.get_closest_marker("meltano") is not None
        if is_meltano:
            item.add_marker(pytest.mark.xdist_group("meltano"))
        is_browser = "browser" in getattr(item, "fixturenames", ())
        if is_meltano or is_browser or item.nodeid.startswith(LONG_FOLDERS):
            item.add_marker(pytest.mark.long)
        is_property = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        name = getattr(item, "originalname", "")
        if is_property or (name and name in length.searching_names(item.module)):
            item.add_marker(pytest.mark.search)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the modules and tests, which stay until the end."""
    gc.freeze()


@pytest.fixture
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a folder for one test, which does not exist yet."""
    return tmp_path_factory.getbasetemp() / str(next(FOLDERS))


@pytest.fixture
def tmp_path(own_folder: Path) -> Path:
    """Make a folder for one test. Pytest's own looks through the folders of all tests before it."""
    own_folder.mkdir(0o700)
    return own_folder


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, own_folder: Path) -> None:
    """Remove the machine's settings, state and proxies from the environment of each test."""
    for name in list(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", f"{own_folder}-state")


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Permit connections to this machine only."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            real = getattr(socket.socket, name)

            def guarded(own: socket.socket, address: Any, real: Any = real) -> Any:
                if own.family != socket.AF_UNIX and address[0] not in LOOPBACK:
                    raise RuntimeError(f"a test must not speak to {address[0]}")
                return real(own, address)

            patch.setattr(socket.socket, name, guarded)
        yield


@pytest.fixture(autouse=True, scope="session")
def _cheap_databases() -> Iterator[None]:
    """Let files of SQLite cost less; PostgreSQL and started programs are as they are."""
    with pytest.MonkeyPatch.context() as patch:
        cheap_databases(patch)
        yield


@pytest.fixture
def clock() -> ManualClock:
    """A clock that advances only when a client sleeps."""
    return ManualClock()


@pytest.fixture
def make_world(clock: ManualClock) -> Callable[..., World]:
    """Create accounts of given sizes and switches on the test's clock."""

    def make(**options: Any) -> World:
        return world_of(clock, **options)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A small account with rows of every kind and a limit of five requests a second."""
    return make_world(contacts=120, deals=30, accounts=25, requests_per_second=5)


@pytest.fixture
def make_client(clock: ManualClock) -> Callable[..., Client]:
    """Create clients of an account, a script or a collection, on the test's clock."""

    def make(adapter: Any, **options: Any) -> Client:
        return client_of(adapter, clock, **options)

    return make


@pytest.fixture
def client(world: World, make_client: Callable[..., Client], tmp_path: Path) -> Client:
    """A client of the account, with a limit of five requests a second."""
    return make_client(world, rate=5, store=tmp_path / "rate.json")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis server for the test session, at a socket."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield f"unix://{server.socket_file}?db=0"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL server for the test session."""
    with Server() as server:
        yield server


@pytest.fixture
def postgres_database(postgres: Server) -> Database:
    """An empty database of a real PostgreSQL server, reached over TCP with a password."""
    return postgres.database()
