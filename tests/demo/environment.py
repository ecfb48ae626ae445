"""Creates a virtual environment and installs packages into it, or prints one line with the reason.

It runs before anything is installed: standard library only, and syntax that Pythons too old for the
project can read.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)  # DuckDB 1.2.2 has wheels for these
ROOT = Path(__file__).resolve().parents[2]


class SetupError(Exception):
    """Why the environment cannot be created, in one sentence."""


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="environment", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--project", action="store_true", help="install this project, editable")
    parser.add_argument("--group", help="install a dependency group of pyproject.toml")
    parser.add_argument("--package", action="append", default=[], help="install a package")
    parser.add_argument("--lock", type=Path, help="install what a file of requirements lists")
    options = parser.parse_args()
    try:
        check_python()
        python = make_environment(options.folder)
        wanted = list(options.package)
        if options.group:
            wanted += group(options.group)
        if options.project:
            wanted += ["--editable", str(ROOT)]
        if options.lock:
            wanted += ["--requirement", str(options.lock)]
        install(python, wanted, options.folder)
    except SetupError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def check_python() -> None:
    """Check the version of Python; restart with another version that fits, if it is installed."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    version = "{}.{}".format(*sys.version_info)
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        name = f"python3.{minor}"
        found = shutil.which(name)
        if found and run([found, "-c", ""]).returncode == 0:
            sys.stderr.write(f"Python {version} does not fit: continuing with {name}\n")
            sys.stderr.flush()
            os.execv(found, [found, *sys.argv])  # noqa: S606
    why = "is too old" if sys.version_info[:2] < OLDEST else "has no DuckDB 1.2.2 yet"
    raise SetupError(
        f"Python {version} {why}: install Python 3.11, 3.12 or 3.13, "
        "or name one: PYTHON=python3.12 make …"
    )


def make_environment(folder: Path) -> Path:
    """Return the Python of the environment; create it unless it is complete and fits."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    check = f"import pip, sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    if python.exists() and run([str(python), "-c", check]).returncode == 0:
        return python
    version = "{}.{}".format(*sys.version_info)
    say(f"Creating {folder.name} with Python {version} …")
    made = run([sys.executable, "-m", "venv", "--clear", str(folder)])
    if made.returncode:
        raise SetupError(
            f"Python's venv does not work here ({last_line(made)}): "
            f"on Debian and Ubuntu, install python{version}-venv"
        )
    return python


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group and of the groups that it includes."""
    import tomllib  # noqa: PLC0415 - only now is it sure that this Python has it

    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    found = []
    for requirement in groups[name]:
        found += (
            group(requirement["include-group"]) if isinstance(requirement, dict) else [requirement]
        )
    return found


def install(python: Path, wanted: list[str], folder: Path) -> None:
    """Install packages with pip; show only the last line of its errors."""
    packages = [word for word in wanted if not word.startswith("--")]
    named = ", ".join("this project" if package == str(ROOT) else package for package in packages)
    say(f"Installing {named} …")
    done = run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    )
    if done.returncode:
        log = folder / "setup.log"
        log.write_text(done.stdout + done.stderr, "utf-8")
        raise SetupError(
            f"{last_line(done)}\nThe packages of {folder.name} could not be installed: check the "
            f"network and the package index of pip. The output of pip is in {log}"
        )


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command and capture its output."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last error line of a command."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no reason given"])[-1]


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
