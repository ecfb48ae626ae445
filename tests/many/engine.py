"""Airflow as its users run it: an API server, a scheduler, a DAG processor and Celery workers."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from tests.demo.account import END_WITH_PARENT, ROOT

from . import processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres import Database

BIN = ROOT / ".venv-airflow" / "bin"
SETTINGS = ROOT / "orchestrate" / "airflow.env"
SECONDS_TO_START = 180.0
SECONDS_TO_ANSWER = 30.0
SECONDS_TO_END = 5.0
HOURLY = "activecampaign_hourly"
ENDED = ("success", "failed")


class EngineFailedError(Exception):
    """A part of Airflow did not start, or ended; the text is its last output."""


def settings_of(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Engine:
    """One Airflow with as many workers as added, each as a separate machine."""

    def __init__(
        self, folder: Path, metadata: Database, broker: str, environment: dict[str, str]
    ) -> None:
        """Prepare without starting; ``environment`` is for the workers, beside Airflow's own."""
        self.folder = folder
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._token = ""
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        url = f"http://127.0.0.1:{self.port}"
        defaults = {
            "AIRFLOW_HOME": str(folder),
            "HOME": str(folder),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(),
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{metadata.url('postgresql+psycopg2')}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "orchestrate" / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": key,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.url("postgresql+psycopg2"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata.url("postgresql+asyncpg"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        self.environment = settings_of(SETTINGS) | defaults | environment

    def start(self) -> None:
        """Create the tables and start everything except the workers.

        Return when the API answers.
        """
        made = subprocess.run(
            [str(BIN / "airflow"), "db", "migrate"],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise EngineFailedError(made.stderr[-2000:])
        where = ("--host=127.0.0.1", f"--port={self.port}", "--workers=1")
        self.run("api-server", "api-server", *where)
        self.run("scheduler", "scheduler")
        self.run("dag-processor", "dag-processor")
        self.wait(self._answers, "the API server")

    def add_worker(self, name: str, slots: int, **environment: str) -> None:
        """Start a worker that runs up to so many tasks at once."""
        options = (f"--concurrency={slots}", f"--celery-hostname={name}@%h", "--skip-serve-logs")
        self.run(name, "celery", "worker", *options, "--without-mingle", **environment)

    def run(self, name: str, *arguments: str, **environment: str) -> None:
        """Start a part of Airflow that ends with this process."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [*END_WITH_PARENT, str(BIN / "airflow"), *arguments],
                cwd=ROOT,
                env=self.environment | environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self, name: str) -> str:
        """Return the output of a part."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def wait(
        self, is_done: Callable[[], Any], description: str, seconds: float = SECONDS_TO_START
    ) -> Any:
        """Wait until a condition is true; return its value. Raise after a time-out or an end."""
        over = time.monotonic() + seconds
        while not (found := is_done()):
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise EngineFailedError(f"{name} ended:\n{self.log(name)[-2000:]}")
            if time.monotonic() > over:
                raise EngineFailedError(f"{description}: not so after {seconds:.0f} s")
            time.sleep(0.25)
        return found

    def lose(self, name: str) -> set[int]:
        """Kill all processes of a worker; return them."""
        process = self.processes.pop(name)
        lost = processes.lose(process.pid)
        process.wait()
        if process.stdin:
            process.stdin.close()
        return lost

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call Airflow's public API; raises `urllib.error.HTTPError`."""
        return self._call(method, f"/api/v2/{path}", body)

    def add_connection(self, name: str, kind: str, host: str, **parts: Any) -> None:
        """Store an address and its password, encrypted, in Airflow's database."""
        options = {"connection_id": name, "conn_type": kind, "host": host, **parts}
        self.ask("POST", "connections", {k: v for k, v in options.items() if v is not None})

    def add_pool(self, name: str, slots: int) -> None:
        """Permit so many tasks of a kind at once."""
        self.ask("POST", "pools", {"name": name, "slots": slots})

    def unpause(self) -> str:
        """Start the hourly DAG's schedule; return its first run."""
        self.wait(self._is_parsed, "the DAG is known")
        self.ask("PATCH", f"dags/{HOURLY}", {"is_paused": False})
        found = self.wait(
            lambda: self.ask("GET", f"dags/{HOURLY}/dagRuns")["dag_runs"], "the schedule's run"
        )
        return str(found[0]["dag_run_id"])

    def trigger(self) -> str:
        """Start another run."""
        made = self.ask("POST", f"dags/{HOURLY}/dagRuns", {"logical_date": None})
        return str(made["dag_run_id"])

    def state(self, run: str) -> str:
        """Return the state of a run."""
        return str(self.ask("GET", f"dags/{HOURLY}/dagRuns/{run}")["state"])

    def tasks(self, run: str) -> list[dict[str, Any]]:
        """Return the tasks of a run, those of each account too."""
        path = f"dags/{HOURLY}/dagRuns/{run}/taskInstances?limit=1000"
        return list(self.ask("GET", path)["task_instances"])

    def _is_parsed(self) -> bool:
        if broken := self.ask("GET", "importErrors")["import_errors"]:
            raise EngineFailedError(broken[0]["stack_trace"])
        return HOURLY in {dag["dag_id"] for dag in self.ask("GET", "dags")["dags"]}

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            # Every user of this Airflow is an administrator and gets a token without a password.
            self._token = str(self._call("GET", "/auth/token")["access_token"])
        return bool(self._token)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def close(self) -> None:
        """End every part and all its processes."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        over = time.monotonic() + SECONDS_TO_END
        while time.monotonic() < over and any(p.poll() is None for p in self.processes.values()):
            time.sleep(0.05)
        for name in list(self.processes):
            self.lose(name)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def free_port() -> int:
    """Return an unused port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
