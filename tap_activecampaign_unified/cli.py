"""Command line of both programs: error messages, exit codes, stop signals."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.storage.private_files import DISK_FULL

from .client import ActiveCampaignError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import SystemClock

EXIT_FAILED = 1
EXIT_SETTINGS = 2
GRACE_SECONDS = 10
# Exceptions of simpleeval for a wrong expression, independent of the row.
_EXPRESSION_ERRORS = {"FeatureNotAvailable", "FunctionNotDefined", "NameNotDefined"}
_MAPPING_MODULES = {"singer_sdk.mapper", "singer_sdk.helpers._flattening", "simpleeval"}


class Stopped(Exception):
    """The program received a stop signal, SIGINT or SIGTERM. ``signum`` is its number."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class ExitProgram(BaseException):
    """Ends the process: the program logs ``line`` and exits with ``code``.

    It is no `Exception`, so that ``except Exception`` does not catch it.
    """

    def __init__(self, line: str, code: int) -> None:
        super().__init__(line)
        self.line, self.code = line, code


def exit_because(problem: Exception) -> ExitProgram:
    """Return the exception that ends the program with the message of ``problem``."""
    exit_program = ExitProgram(str(problem), EXIT_FAILED)
    exit_program.__cause__ = problem
    return exit_program


class StopSignal:
    """Handles stop signals: the program finishes the present request, for up to 10 s.

    A signal also ends the sleeps of ``clock``.
    """

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._signum: int | None = None

    def raise_if_stopped(self) -> None:
        """Raise `Stopped` after a signal. The program calls this when it can stop safely."""
        if self._signum is not None:
            raise Stopped(self._signum)

    def on_signal(self, signum: int, _: object = None) -> None:
        """Handle a signal. A second signal, or the end of the 10 s, stops at once."""
        if self._signum is not None:
            raise Stopped(self._signum)
        self._signum = signum
        self._clock.wake()
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self.on_signal)
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    @staticmethod
    def cancel_deadline() -> None:
        """Cancel the 10 s timer, because the program has written everything."""
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def is_on_terminal() -> bool:
    """Return whether stderr is a terminal that can show the live view and the summary.

    If stdout is a terminal too, it shows the Singer messages, so the answer is False.
    """
    terminal = os.environ.get("TERM", "dumb" if os.name == "posix" else "")
    is_capable = terminal not in {"dumb", "unknown"}
    return is_capable and sys.stderr.isatty() and not sys.stdout.isatty()


def _mute_log(name: str) -> None:
    """Log only warnings during the live view, unless the user configured the log."""
    prefix = name.upper().replace("-", "_")
    variables = (f"{prefix}_LOGLEVEL", "LOGLEVEL", "SINGER_SDK_LOG_CONFIG")
    if is_on_terminal() and not any(os.environ.get(variable) for variable in variables):
        logging.disable(logging.INFO)


def unmute_log() -> None:
    """Undo `_mute_log`."""
    logging.disable(logging.NOTSET)


def run(name: str, command: Callable[[], click.Command]) -> None:
    """Run a program and end the process with its exit code. Never prints a traceback."""
    logger = logging.getLogger(name)
    _mute_log(name)
    lines, code = _run(logger, name, command)
    for line in lines:
        logger.error(line)
    _silence_stdout_if_broken()
    sys.exit(code)


def _run(
    logger: logging.Logger, name: str, command: Callable[[], click.Command]
) -> tuple[list[str], int]:
    """Run a program. Return its last log lines and its exit code."""
    try:
        return [], _main(name, command)
    except (ExitProgram, KeyboardInterrupt, Exception) as problem:  # noqa: BLE001 - every error gets an exit code
        ending = run_ending_of(problem)
        if ending.is_defect:
            # Log the places, not the message, which may contain a value of a row.
            frames = traceback.extract_tb(problem.__traceback__)
            places = (
                f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames
            )
            logger.debug("%s: %s", type(problem).__name__, ", ".join(places))
        return ending.lines, ending.code


@dataclass(frozen=True)
class RunEnding:
    """The end of a run: last log lines, exit code, and whether the cause is a defect."""

    lines: list[str]
    code: int
    is_defect: bool = False


def run_ending_of(problem: BaseException) -> RunEnding:
    """Return the ending for an exception. Its lines contain no API key and no personal data."""
    if isinstance(problem, ExitProgram):
        return RunEnding([problem.line], problem.code)
    if isinstance(problem, SettingsError):
        return RunEnding(problem.lines, EXIT_SETTINGS)
    if isinstance(problem, click.ClickException):
        return RunEnding([problem.format_message()], EXIT_SETTINGS)
    if isinstance(problem, (KeyboardInterrupt, click.Abort)):
        return RunEnding([], 128 + signal.SIGINT)
    if isinstance(problem, Stopped):
        return RunEnding([str(problem)], 128 + problem.signum)
    if isinstance(problem, ActiveCampaignError):
        return RunEnding([str(problem)], EXIT_FAILED)
    if isinstance(problem, OSError):
        return RunEnding([describe_os_error(problem)], EXIT_FAILED)
    if _is_from_stream_map(problem):
        line = f"stream_maps or flattening cannot be applied ({type(problem).__name__}): "
        return RunEnding([line + _remedy_of(problem)], EXIT_SETTINGS)
    line = f"a defect of this program ({type(problem).__name__}): "
    line += "run again with LOGLEVEL=DEBUG and report the output"
    return RunEnding([line], EXIT_FAILED, is_defect=True)


def _is_from_stream_map(problem: BaseException) -> bool:
    """Return whether the SDK raised the exception for the user's stream maps or flattening."""
    frames = traceback.walk_tb(problem.__traceback__)
    return any(str(frame.f_globals.get("__name__")) in _MAPPING_MODULES for frame, _ in frames)


def _remedy_of(problem: BaseException) -> str:
    """Return the SDK's messages about its settings, because they name the fix.

    Other exceptions come from the user's expressions, and may repeat a value of a row.
    """
    causes = [problem, problem.__cause__]
    messages = [
        " ".join(str(cause).split()) for cause in causes if cause and _is_of_settings(cause)
    ]
    return ": ".join(filter(None, messages)) or "correct the setting of that name"


def _is_of_settings(problem: BaseException) -> bool:
    kind = type(problem)
    return kind.__module__ == "singer_sdk.exceptions" or kind.__name__ in _EXPRESSION_ERRORS


def _main(name: str, command: Callable[[], click.Command]) -> int:
    """Run the command, flush stdout, and return the exit code."""
    stdout = sys.stdout
    try:
        result = command().main(prog_name=name, standalone_mode=False)
    except SystemExit as end:
        if sys.stdout is not stdout:  # click replaces stdout when a pipe breaks
            raise BrokenPipeError from None
        result = end.code
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def describe_os_error(problem: OSError) -> str:
    """Return one line for an error of a file or pipe: its name, the cause and the fix."""
    if isinstance(problem, BrokenPipeError):
        return "the program that reads the output has ended: check its log, then run again"
    name, cause = problem.filename or "the output", problem.strerror or type(problem).__name__
    fix = "free some space there" if problem.errno in DISK_FULL else "fix that"
    return f"{name} cannot be used ({cause}): {fix} and run again"


def _silence_stdout_if_broken() -> None:
    """Redirect a closed or full stdout, so that the interpreter's flush at exit does not fail."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_config_files(paths: tuple[str, ...]) -> None:
    """Raise `SettingsError` unless each path is ``ENV`` or a file with a JSON object."""
    for path in paths:
        if path != "ENV":
            try:
                text = Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as problem:
                raise SettingsError([_unreadable(f"config file {path}", problem)]) from None
            read_json(text, f"config file {path}")


def read_file(handle: Any, kind: str) -> tuple[str, str]:
    """Return the text of the user's file and its name for messages. Raises `SettingsError`."""
    name = f"{kind} file {handle.name}"
    try:
        return str(handle.read()), name
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError([_unreadable(name, problem)]) from None


def is_not_skip_line(line: logging.LogRecord) -> bool:
    """Return False for the SDK's log lines about deselected streams, about a hundred."""
    return line.msg != "Skipping deselected stream '%s'."


def _unreadable(name: str, problem: OSError | UnicodeDecodeError) -> str:
    """Return one line with the reason why a file cannot be read, without its content."""
    cause = problem.strerror if isinstance(problem, OSError) else "not UTF-8 text"
    return f"{name} cannot be read ({cause}): name another file or fix that"


def read_json(text: str, description: str) -> dict[str, Any]:
    """Parse the user's file. Raises `SettingsError` if it is not a JSON object."""
    if not text.strip():
        # `tail -n 1` of the output of a load without a state is an empty state file.
        is_state = description.startswith("state file ")
        fix = "leave out --state" if is_state else "fill it, or name another file"
        raise SettingsError([f"the {description} is empty: {fix}"])
    try:
        document = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise SettingsError([f"the {description} is nested too deeply: correct it"]) from None
    except ValueError as problem:
        line_number = (
            f" (line {problem.lineno})" if isinstance(problem, json.JSONDecodeError) else ""
        )
        raise SettingsError([f"the {description} is not JSON{line_number}: correct it"]) from None
    if not isinstance(document, dict):
        raise SettingsError([f"the {description} must hold a JSON object, {{…}}"])
    return document


def _no_number(name: str) -> Any:
    """Reject NaN and Infinity, which Python's parser accepts and the SDK's parser rejects."""
    raise ValueError(name)
