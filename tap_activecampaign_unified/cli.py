"""The command line of both programs: clear last lines, exit codes, clean stops."""

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

from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.storage.files import NO_ROOM

from .client import ActiveCampaignError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import SystemClock

EXIT_FAILED = 1
EXIT_SETTINGS = 2
GRACE_SECONDS = 10
_MAPS = {"singer_sdk.mapper", "singer_sdk.helpers._flattening", "simpleeval"}


class Stopped(Exception):
    """SIGINT or SIGTERM came; ``signum`` says which."""

    def __init__(self, signum: int) -> None:
        """Keep the signal's number."""
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class ExitProgram(BaseException):
    """End the process with ``code`` and ``line`` as the last word; passes every handler."""

    def __init__(self, line: str, code: int) -> None:
        """Keep both."""
        super().__init__(line)
        self.line, self.code = line, code


def exit_because(problem: Exception) -> ExitProgram:
    """Return the exception that ends the program because of ``problem``, its cause."""
    ending = ExitProgram(str(problem), EXIT_FAILED)
    ending.__cause__ = problem
    return ending


class StopSignal:
    """Turns signals into an orderly end: the request in flight is finished, for up to 10 s."""

    def __init__(self, clock: SystemClock) -> None:
        """Remember whose sleeps to end."""
        self._clock = clock
        self._signum: int | None = None

    def raise_if_stopped(self) -> None:
        """Raise `Stopped` when a signal came: called wherever stopping is safe."""
        if self._signum is not None:
            raise Stopped(self._signum)

    def on_signal(self, signum: int, _: object = None) -> None:
        """Handle a signal; a second one, or the end of the grace time, stops at once."""
        if self._signum is not None:
            raise Stopped(self._signum)
        self._signum = signum
        self._clock.wake()
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self.on_signal)
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    @staticmethod
    def cancel_deadline() -> None:
        """Let the grace time go: everything that had to be written is."""
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def is_watched() -> bool:
    """Whether a person sees stderr, on a terminal that can be drawn on and shows nothing else.

    Where stdout is a terminal too, it shows Singer messages.
    """
    terminal = os.environ.get("TERM", "dumb" if os.name == "posix" else "")
    able = terminal not in {"dumb", "unknown"}
    return able and sys.stderr.isatty() and not sys.stdout.isatty()


def _mute_log(name: str) -> None:
    """Keep the log to warnings where a person watches the run, unless the user set up the log."""
    own = name.upper().replace("-", "_")
    asked = (f"{own}_LOGLEVEL", "LOGLEVEL", "SINGER_SDK_LOG_CONFIG")
    if is_watched() and not any(os.environ.get(one) for one in asked):
        logging.disable(logging.INFO)


def unmute_log() -> None:
    """Let the log have every line again."""
    logging.disable(logging.NOTSET)


def run(name: str, command: Callable[[], click.Command]) -> None:
    """Run a program and end the process with its exit code, and never with a traceback."""
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
    """Run a program; return its last words and its exit code."""
    try:
        return [], _main(name, command)
    except (ExitProgram, KeyboardInterrupt, Exception) as problem:  # noqa: BLE001 - the last line of defence
        ending = run_ending_of(problem)
        if ending.is_defect:
            # Where it happened, and not in which words: those may hold a value of a row.
            frames = traceback.extract_tb(problem.__traceback__)
            places = (f"{Path(one.filename).name}:{one.lineno} in {one.name}" for one in frames)
            logger.debug("%s: %s", type(problem).__name__, ", ".join(places))
        return ending.lines, ending.code


@dataclass(frozen=True)
class RunEnding:
    """How a run ends: its last words, its exit code, and whether the program itself is at fault."""

    lines: list[str]
    code: int
    is_defect: bool = False


def run_ending_of(problem: BaseException) -> RunEnding:
    """Return what ends with a problem; its words hold neither the key nor a person."""
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
        return RunEnding([describe(problem)], EXIT_FAILED)
    if _is_of_a_map(problem):
        line = f"stream_maps or flattening cannot be applied ({type(problem).__name__}): "
        return RunEnding([line + "fix the setting of that name"], EXIT_SETTINGS)
    line = f"a defect of this program ({type(problem).__name__}): "
    line += "run again with LOGLEVEL=DEBUG and report what it says"
    return RunEnding([line], EXIT_FAILED, is_defect=True)


def _is_of_a_map(problem: BaseException) -> bool:
    """Whether it was raised where the SDK carries out the user's own expressions."""
    frames = traceback.walk_tb(problem.__traceback__)
    return any(str(frame.f_globals.get("__name__")) in _MAPS for frame, _ in frames)


def _main(name: str, command: Callable[[], click.Command]) -> int:
    """Return the exit code; whichever way out the program takes, stdout is written by then."""
    stdout = sys.stdout
    try:
        result = command().main(prog_name=name, standalone_mode=False)
    except SystemExit as end:
        if sys.stdout is not stdout:  # click muffles it when a pipe breaks, and says nothing
            raise BrokenPipeError from None
        result = end.code
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def describe(problem: OSError) -> str:
    """Return what the system says of a file or pipe, in one line."""
    if isinstance(problem, BrokenPipeError):
        return "the reader of our output went away: see what ended it, then run again"
    where, why = problem.filename or "our output", problem.strerror or type(problem).__name__
    fix = "free some space there" if problem.errno in NO_ROOM else "fix that"
    return f"{where} cannot be used ({why}): {fix} and run again"


def _silence_stdout_if_broken() -> None:
    """Keep the interpreter from flushing into a closed or full stdout once more at exit."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_json_files(paths: tuple[str, ...], what: str) -> None:
    """Raise `SettingsError` unless each path is ``ENV`` or a file that holds a JSON object."""
    for path in paths:
        if path != "ENV":
            try:
                text = Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as problem:
                raise SettingsError([_unreadable(f"{what} file {path}", problem)]) from None
            read_json(text, f"{what} file {path}")


def read_file(handle: Any, what: str) -> tuple[str, str]:
    """Return the text of a file the user gave, and what to call it; raise `SettingsError`."""
    called = f"{what} file {handle.name}"
    try:
        return str(handle.read()), called
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError([_unreadable(called, problem)]) from None


def is_news(line: logging.LogRecord) -> bool:
    """Keep out of the log a line for each of a hundred streams that nobody selected."""
    return line.msg != "Skipping deselected stream '%s'."


def _unreadable(called: str, problem: OSError | UnicodeDecodeError) -> str:
    """Say why a file cannot be read, and nothing of what it holds."""
    why = problem.strerror if isinstance(problem, OSError) else "not UTF-8 text"
    return f"{called} cannot be read ({why}): name another one or fix that"


def read_json(text: str, what: str) -> dict[str, Any]:
    """Parse a file the user gave; raise `SettingsError` with one line when it is no JSON object."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise SettingsError([f"the {what} is nested too deeply"]) from None
    except ValueError as problem:
        where = f" (line {problem.lineno})" if isinstance(problem, json.JSONDecodeError) else ""
        raise SettingsError([f"the {what} is not JSON{where}: correct it"]) from None
    if not isinstance(found, dict):
        raise SettingsError([f"the {what} must hold a JSON object, {{…}}"])
    return found


def _no_number(name: str) -> Any:
    """Refuse NaN and Infinity, which Python's reader takes for JSON and the SDK's does not."""
    raise ValueError(name)
