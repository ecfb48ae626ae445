"""Runs Meltano as a user would run it, with all its files in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from .account import API_KEY, END_WITH_PARENT, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
DEMO_PLUGINS = ("tap-activecampaign-unified", "target-activecampaign", "target-duckdb", "tap-jsonl")
SECONDS_TO_STOP = 20
_FOREIGN = re.compile(r"(TAP|TARGET|MELTANO|ACTIVECAMPAIGN)_")


class PipelineFailedError(Exception):
    """Meltano failed; the text has its last lines and the path of its log."""


def install(*plugins: str) -> None:
    """Install plugins, by default those of the demo, in one process at a time.

    Plugins that are installed as meltano.yml declares them now are left as they are.
    """
    folder = ROOT / ".meltano"
    folder.mkdir(exist_ok=True)
    declared = _declarations()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamps = {name: folder / f"installed-{name}" for name in plugins or DEMO_PLUGINS}
        stale = [
            name
            for name, stamp in stamps.items()
            if not stamp.exists() or stamp.read_text(encoding="utf-8") != declared[name]
        ]
        if stale:
            run_meltano(["install", "--clean", *stale], _environment({}), folder / "install.log")
        for name in stale:
            stamps[name].write_text(declared[name], encoding="utf-8")


def _declarations() -> dict[str, str]:
    """Return the packages of each plugin, with a hash of this project where it is one of them."""
    declared = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))["plugins"]
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    wanted = {
        plugin["name"]: plugin.get("pip_url", "") for kind in declared.values() for plugin in kind
    }
    return {
        name: f"{packages} {project}" if "-e ." in packages else packages
        for name, packages in wanted.items()
    }


@dataclass(frozen=True)
class Pipeline:
    """The jobs that load an account into a DuckDB file and write back; ``folder`` has the state."""

    folder: Path
    url: str
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def database(self) -> Path:
        """The path of the DuckDB file."""
        return self.folder / "activecampaign.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a run, without the settings and files of the user."""
        defaults = {
            "MELTANO_DATABASE_URI": f"sqlite:///{self.folder / 'meltano.db'}",
            "ACTIVECAMPAIGN_API_URL": self.url,
            "ACTIVECAMPAIGN_API_KEY": API_KEY,
            # Set as well: a .env file of the user must not lead the demo to a real account.
            "TAP_ACTIVECAMPAIGN_UNIFIED_API_URL": self.url,
            "TAP_ACTIVECAMPAIGN_UNIFIED_API_KEY": API_KEY,
            "TAP_ACTIVECAMPAIGN_UNIFIED_RATE_LIMIT_STORE": str(self.folder / "rate.json"),
            "TAP_ACTIVECAMPAIGN_UNIFIED_RUN_REPORT_PATH": str(self.folder / "report.json"),
            "TARGET_DUCKDB_PATH": str(self.database),
            "TARGET_ACTIVECAMPAIGN_API_URL": self.url,
            "TARGET_ACTIVECAMPAIGN_API_KEY": API_KEY,
            "TARGET_ACTIVECAMPAIGN_RATE_LIMIT_STORE": str(self.folder / "rate.json"),
            "TARGET_ACTIVECAMPAIGN_LEDGER_PATH": str(self.folder / "ledger.sqlite"),
        }
        return _environment(defaults | dict(self.settings))

    def run(self, while_waiting: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Run the job `load`; return the report of the tap. Raises `PipelineFailedError`."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        log = self.folder / "meltano.log"
        run_meltano(["run", "--no-install", "load"], self.environment, log, while_waiting)
        try:
            return dict(json.loads(report.read_text(encoding="utf-8")))
        except OSError:
            raise PipelineFailedError(f"the tap wrote no run report: see {log}") from None

    def activate(
        self, *, dry_run: bool, while_waiting: Callable[[], None] = lambda: None
    ) -> dict[str, dict[str, Any]]:
        """Run the job `activate`; return the report of the target for each source."""
        environment = self.environment | {"TARGET_ACTIVECAMPAIGN_DRY_RUN": str(dry_run).lower()}
        log = self.folder / "meltano.log"
        run_meltano(["run", "--no-install", "activate"], environment, log, while_waiting)
        found = sorted((self.folder / "results").glob("*.json"))
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}


def _environment(settings: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    return kept | {
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "MELTANO_ENVIRONMENT": "sandbox",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
        **settings,
    }


def run_meltano(
    arguments: list[str],
    environment: dict[str, str],
    log: Path,
    while_waiting: Callable[[], None] = lambda: None,
) -> None:
    """Run Meltano in its own process group, so that all its processes can be stopped."""
    with log.open("a", encoding="utf-8") as output:
        output.write(f"\n$ meltano {shlex.join(arguments)}\n")
        output.flush()
        process = subprocess.Popen(
            [*END_WITH_PARENT, str(MELTANO), *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while process.poll() is None:
            while_waiting()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.25)
    except BaseException:
        stop(process)
        raise
    finally:
        if process.stdin is not None:
            process.stdin.close()
    if process.returncode:
        tail = "\n".join(f"    {line[:300]}" for line in _last_words(log))
        raise PipelineFailedError(
            f"meltano {arguments[0]} ended with {process.returncode}:\n{tail}\nThe whole log: {log}"
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process group: with SIGINT, then, or at a second interrupt, with SIGKILL."""
    for number in (signal.SIGINT, signal.SIGKILL):
        deadline = time.monotonic() + SECONDS_TO_STOP
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            return
        except KeyboardInterrupt:
            continue


def _last_words(log: Path) -> list[str]:
    """Return the last error lines of Meltano or a plugin."""
    text = log.read_text(encoding="utf-8", errors="replace").rpartition("\n$ meltano ")[2]
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    loud = [line for line in lines if re.search(r"\[(error|critical|warning) *\]|rror:", line)]
    return (loud or lines)[-5:]
