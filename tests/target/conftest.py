"""A small account and a runner for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .combinations import parameters, settings_of
from .runner import TargetRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox import World
    from tests.tap.client.clients import ManualClock


@pytest.fixture
def make_runner(
    make_world: Callable[..., World], clock: ManualClock, tmp_path: Path
) -> Callable[..., TargetRunner]:
    """Make runners of accounts of given sizes and switches."""

    def make(**options: Any) -> TargetRunner:
        return TargetRunner(
            make_world(**({"contacts": 30, "deals": 10, "accounts": 8} | options)), clock, tmp_path
        )

    return make


def give_combination(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give all targets of a test the settings of the fixture's parameter."""

    def besides(folder: Path) -> dict[str, Any]:
        return settings_of(request.param, folder)

    monkeypatch.setattr(TargetRunner, "besides", staticmethod(besides))


@pytest.fixture(params=parameters())
def every_combination(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with every combination of the settings of `combinations`."""
    give_combination(request, monkeypatch)


@pytest.fixture(params=parameters(daily=[0]))
def long_combinations(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, where `make test` runs the test with the defaults alone."""
    give_combination(request, monkeypatch)


@pytest.fixture
def runner(make_runner: Callable[..., TargetRunner]) -> TargetRunner:
    """A runner of a small account."""
    return make_runner()
