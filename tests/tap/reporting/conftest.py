"""Skips the browser tests where no browser is installed, and reports that."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from . import browser as browsers

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect browser tests without a browser; a browser that CHROMIUM names must exist."""
    if browsers.find() is not None or os.environ.get("CHROMIUM"):
        return
    in_browser = [item for item in items if "browser" in getattr(item, "fixturenames", ())]
    if in_browser:
        items[:] = [item for item in items if item not in in_browser]
        config.hook.pytest_deselected(items=in_browser)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report the deselected tests and what they need."""
    if browsers.find() is None:
        terminalreporter.write_line(f"Tests in a browser were left out. {browsers.MISSING}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browsers.Browser]:
    """A real browser."""
    command = browsers.find()
    if command is None:
        pytest.fail(browsers.MISSING, pytrace=False)
    found = browsers.Browser(command, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()
