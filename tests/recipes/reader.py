"""A reader who follows a document: writes its files, runs its SQL and commands, compares."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sqlite3
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from . import killed

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.sandbox import World

    from .document import Block

SECONDS = 120
TARGET = "target-activecampaign"
PLAN = ["--config", "plan.json"]
# Far from UTC, so that SQL with the wrong time zone is wrong by half a day.
ZONE = "Pacific/Auckland"
# The start of a log line: time, level, program.
_LOGGED = re.compile(r"\S+ \S+ \| \w+ +\| (?:tap|target)[-_]activecampaign[\w.-]* +\| (.*)")
_SDK = re.compile(
    r"Skipping parse of env|Reader '|Detected `__else__|Set null transform|METRIC|Run \d"
)


@dataclass(frozen=True)
class Memory:
    """The data that readers of one session share: messages of tap-jsonl, and real outputs."""

    messages: dict[str, bytes] = field(default_factory=dict)
    outputs: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """A finished command: its exit code, the log of the programs, its output."""

    command: str
    code: int
    output: str
    writes: list[str]


class Reader:
    """Follows sections of a document in a folder of its own, with its accounts."""

    def __init__(
        self, folder: Path, worlds: list[World], path: list[Path], memory: Memory | None = None
    ) -> None:
        """Use a folder and accounts; ``path`` has the folders of programs.

        With ``is_forked`` each target is planned first, and its output is not compared. With
        ``kills`` it is also killed at a request that the generator chooses, and run again. With
        ``is_scribe`` outputs are recorded, not compared.
        """
        self.folder, self.worlds, self.path = folder, worlds, path
        self.memory = memory or Memory()
        self.is_forked = False
        self.kills: Random | None = None
        self.is_scribe = False
        #: The exit codes that a command may have.
        self.codes = {0}
        self.environment = {
            "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "LANG": "C.UTF-8",
            "DBT_TARGET_PATH": str(folder / "dbt"),
            "DBT_LOG_PATH": str(folder / "dbt"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }

    @property
    def world(self) -> World:
        """The account."""
        return self.worlds[0]

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write a file of settings."""
        (self.folder / name).write_text(json.dumps(content), encoding="utf-8")

    def follow(self, blocks: list[Block]) -> list[Ran]:
        """Run each block, and check each command for the properties of every command."""
        found: list[Ran] = []
        output = ""
        for block in blocks:
            if block.file:
                (self.folder / block.file).write_text(block.text, encoding="utf-8")
            if block.kind == "text":
                self._compare(block, output)
            elif block.kind == "sql":
                output = self.ask(block.text)
            elif block.kind == "sh":
                ran = [self._run(line) for line in block.text.splitlines()]
                found += ran
                output = "".join(command.output for command in ran)
        return found

    def _compare(self, block: Block, output: str) -> None:
        if self.is_scribe:
            self.memory.outputs[block.line] = output
        elif not self.is_forked:
            assert output == block.text, f"line {block.line}: it really says\n{output}"

    def ask(self, query: str) -> str:
        """Run SQL on the loaded tables; return the last answer as DuckDB prints it."""
        query = re.sub(r"(?m)^\.read (\S+)$", lambda m: (self.folder / m[1]).read_text(), query)
        database = self.folder / "activecampaign.duckdb"
        with contextlib.chdir(self.folder), duckdb.connect(str(database)) as connection:
            connection.execute(f"SET TimeZone = '{ZONE}'")
            answer: duckdb.DuckDBPyRelation | None = connection.sql(query)
            return "" if answer is None else f"{answer}".rstrip("\n") + "\n"

    # --- commands -----------------------------------------------------------------------------

    def _run(self, line: str) -> Ran:
        is_target = TARGET in line
        if is_target and self.is_forked:
            return self._run_forked(line, self._messages(line))
        seen = self._seen()
        received = self.folder / "received.singer"
        command = line.replace(f"| {TARGET}", f"| tee {received.name} | {TARGET}")
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        ran = self._ended(line, done.returncode, done.stderr, seen)
        if is_target and "|" in line:
            self.memory.messages[self._rows(line)] = received.read_bytes()
        if is_target:
            assert PLAN[1] not in self._arguments(line) or ran.writes == [], f"a plan wrote: {line}"
            self._again(line, self._messages(line))
        return ran

    def _run_forked(self, line: str, messages: bytes) -> Ran:
        """Plan, run and kill, run to the end, and run once more."""
        arguments = self._arguments(line)
        seen = self._seen()
        if PLAN[1] not in arguments:
            self._fork([*arguments, *PLAN], messages)
            assert self._writes(seen) == [], f"a plan wrote: {line}"
        if self.kills and PLAN[1] not in arguments:
            # Up to three times the requests of a plan, so some runs end before the kill.
            most = 2 * (sum(self._seen()) - sum(seen))
            self._fork(arguments, messages, kill_at=self.kills.randint(1, max(most, 2)))
        code, log = self._fork(arguments, messages)
        ran = self._ended(line, code, log, seen)
        self._again(line, messages)
        return ran

    def _again(self, line: str, messages: bytes) -> None:
        arguments = self._arguments(line)
        seen = self._seen()
        # Its results would be those of the undo.
        results = {path: path.read_bytes() for path in self.folder.glob("*.results.jsonl")}
        self._fork(arguments, messages)
        for path, content in results.items():
            path.write_bytes(content)
        assert self._writes(seen) == [], f"the second run wrote: {line}"

    def _fork(
        self, arguments: list[str], messages: bytes, kill_at: int | None = None
    ) -> tuple[int, str]:
        return killed.run(
            arguments, messages, self.folder, self.environment, worlds=self.worlds, kill_at=kill_at
        )

    def _ended(self, line: str, code: int, log: str, seen: list[int]) -> Ran:
        assert "Traceback" not in log, log
        words = (words for words in _LOGGED.findall(log) if not _SDK.match(words))
        output = "".join(f"{word}\n" for word in words)
        assert code in self.codes, f"{line}\n{log}"
        return Ran(line, code, output, self._writes(seen))

    def _seen(self) -> list[int]:
        return [len(world.log) for world in self.worlds]

    def _writes(self, seen: list[int]) -> list[str]:
        news = [e for w, old in zip(self.worlds, seen, strict=True) for e in w.log[old:]]
        return [f"{e.method} {e.path}" for e in news if e.method != "GET" and not _is_query(e)]

    def undo_all(self, *files: str) -> None:
        """Undo every run of the undo file, the newest first; options follow the settings files."""
        with contextlib.closing(sqlite3.connect(self.folder / "undo.sqlite")) as file:
            found = file.execute("SELECT run FROM runs ORDER BY started DESC").fetchall()
        names = [word for file in files if file.endswith(".json") for word in ("--config", file)]
        options = [file for file in files if not file.endswith(".json")]
        for (run,) in found:
            code, log = self._fork([*names, *options, "--undo", run], b"")
            assert code == 0, log

    # --- the target's input -------------------------------------------------------------------

    def _messages(self, line: str) -> bytes:
        """Return the output of the command's source; equal rows give earlier messages."""
        if redirected := self._redirected(line):
            return redirected
        if "|" not in line:
            return b""  # an undo reads no rows
        known = self._rows(line)
        if known not in self.memory.messages:
            done = subprocess.run(
                shlex.split(line.split("|", maxsplit=1)[0]),
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                timeout=SECONDS,
                check=True,
            )
            self.memory.messages[known] = done.stdout
        return self.memory.messages[known]

    def _rows(self, line: str) -> str:
        rows = (self.folder / line.split("|", maxsplit=1)[0].rsplit(maxsplit=1)[-1]).read_text()
        data = self.folder / str(json.loads(rows)["path"])
        return rows + data.read_text()

    def _redirected(self, line: str) -> bytes:
        found = re.search(r"< (\S+)$", line)
        return (self.folder / found[1]).read_bytes() if found else b""

    def _arguments(self, line: str) -> list[str]:
        """Return the target's arguments, as the shell passes them."""
        words = line.rsplit(f"{TARGET} ", maxsplit=1)[1].split("<", maxsplit=1)[0]
        command = ["/bin/bash", "-c", f"printf '%s\\0' {words}"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.split("\0")[:-1]


def _is_query(entry: Any) -> bool:
    """Return whether a request asks GraphQL and changes nothing."""
    return entry.path.endswith("/ecom/graphql") and b"mutation" not in entry.body
