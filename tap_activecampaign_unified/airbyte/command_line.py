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

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.client import ActiveCampaignError
from tap_activecampaign_unified.config.connection import distribution_version
from tap_activecampaign_unified.config.read_settings import SettingsError

from .errors import failure_type
from .protocol import error
from .writer import AirbyteWriter, log_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _path(name: str, help_text: str, *, required: bool) -> Callable[..., Any]:
    return click.option(f"--{name}", required=required, metavar="FILE", help=help_text)


config = _path("config", "The settings as JSON: see `spec`.", required=True)
catalog = _path("catalog", "The configured catalog.", required=True)
state = _path("state", "The states of the last read.", required=False)


def group(name: str, help_text: str) -> click.Group:
    """Return a connector's command without subcommands. ``help_text`` is its help."""
    command = click.Group(name, help=help_text)
    version = click.version_option(distribution_version(), prog_name=name)
    return version(command)


def main(name: str, command: click.Command, writer: AirbyteWriter) -> None:
    """Run a connector and end the process with its exit code. Its log goes to Airbyte.

    After SIGTERM, the process ends itself with that signal, which PyAirbyte does not report as a
    fault. A shell and Docker see the exit code 143.
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
    """Return the settings of a config file. Raise `SettingsError` if it is not a JSON object."""
    return cli.read_json(read_text(path, "config"), f"config file {path}")


def read_text(path: str, kind: str) -> str:
    """Return the text of a file. Raise `SettingsError` if the file cannot be read."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            return cli.read_file(file, kind)[0]
    except OSError as problem:
        line = f"{kind} file {path} cannot be read ({problem.strerror}): give another"
        raise SettingsError([line]) from None


def check(writer: AirbyteWriter, attempt: Callable[[], None]) -> None:
    """Write a CONNECTION_STATUS message: whether ``attempt`` succeeds, with the error if not."""
    status = AirbyteConnectionStatus(Status.SUCCEEDED)
    try:
        attempt()
    except (SettingsError, ActiveCampaignError) as problem:
        text = "; ".join(cli.run_ending_of(problem).lines)
        status = AirbyteConnectionStatus(Status.FAILED, text)
    write_result(writer, AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status))


def write_result(writer: AirbyteWriter, message: AirbyteMessage) -> None:
    """Write the only message of a command. It must be the command's last step.

    Airbyte may stop the process as soon as it has the message. It reports a fault unless the signal
    itself ends the process.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    writer.send(message)


@contextlib.contextmanager
def traced(
    writer: AirbyteWriter, is_reported: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Write a TRACE message for an exception of the block, unless ``is_reported`` returns true."""
    try:
        yield
    except BaseException as problem:
        lines = [] if isinstance(problem, SystemExit) else cli.run_ending_of(problem).lines
        if lines and not is_reported():
            with contextlib.suppress(OSError, ValueError):
                writer.send(error("; ".join(lines), failure_type(problem)))
        raise
