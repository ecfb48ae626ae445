"""The command line of a connector: options, the check, and errors as TRACE messages."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from airbyte_protocol_dataclasses.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    Status,
    Type,
)

from .. import cli
from ..api import ActiveCampaignError
from ..connection import distribution_version
from ..settings import SettingsError
from .errors import failure_type
from .protocol import error
from .writer import AirbyteWriter, log_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _path(name: str, what: str, *, required: bool) -> Callable[..., Any]:
    return click.option(f"--{name}", required=required, metavar="FILE", help=what)


config = _path("config", "The settings as JSON: see `spec`.", required=True)
catalog = _path("catalog", "The configured catalog.", required=True)
state = _path("state", "The states of the last read.", required=False)


def group(name: str, what: str) -> click.Group:
    """Return a connector's command, still without subcommands."""
    found = click.Group(name, help=what)
    version = click.version_option(distribution_version(), prog_name=name)
    return version(found)


def main(name: str, command: click.Command, writer: AirbyteWriter) -> None:
    """Run a connector and end the process with its exit code; its log goes to Airbyte.

    A run that SIGTERM stopped ends by that signal, which PyAirbyte does not take for a fault. A
    shell sees 143 either way, and so does Docker, where the signal does not end the first process.
    """
    log_to(writer)
    try:
        cli.run(name, lambda: command)
    except SystemExit as end:
        if end.code == 128 + signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        raise


def read_settings(path: str) -> dict[str, Any]:
    """Return the settings of a config file; raise `SettingsError` where it holds none."""
    return cli.read_json(read_text(path, "config"), f"config file {path}")


def read_text(path: str, what: str) -> str:
    """Return the text of a file; raise `SettingsError` where that is not possible."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            return cli.read_file(file, what)[0]
    except OSError as problem:
        line = f"{what} file {path} cannot be read ({problem.strerror}): give another"
        raise SettingsError([line]) from None


def check(writer: AirbyteWriter, attempt: Callable[[], None]) -> None:
    """Write whether an attempt to reach the account succeeds, and why it does not."""
    status = AirbyteConnectionStatus(Status.SUCCEEDED)
    try:
        attempt()
    except (SettingsError, ActiveCampaignError) as problem:
        text = "; ".join(cli.ending_of(problem).lines)
        status = AirbyteConnectionStatus(Status.FAILED, text)
    answer(writer, AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status))


def answer(writer: AirbyteWriter, message: AirbyteMessage) -> None:
    """Write the one message that a command is run for, after which nothing is left to do.

    Airbyte may end the process as soon as it has the message, and takes that for a fault unless the
    signal itself ends the process.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    writer.send(message)


@contextlib.contextmanager
def traced(
    writer: AirbyteWriter, is_reported: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Write a TRACE message about what ends a run early, unless ``is_reported`` says it was."""
    try:
        yield
    except BaseException as problem:
        lines = [] if isinstance(problem, SystemExit) else cli.ending_of(problem).lines
        if lines and not is_reported():
            with contextlib.suppress(OSError, ValueError):
                writer.send(error("; ".join(lines), failure_type(problem)))
        raise
