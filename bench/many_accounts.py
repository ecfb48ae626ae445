"""Many accounts on one machine: total time against the sum of their limits, cost per account.

200 made-up accounts are loaded into one PostgreSQL, each by its own Meltano, as the tasks of
``orchestrate/`` run it, so many at a time. A fifth of them is loaded again without changes.
Airflow's share is measured separately, with tasks that run nothing. ``--short`` takes twelve
accounts; ``--accounts=N`` and ``--at-once=N`` choose. It needs `make meltano airflow` and is no
part of `make bench`, because it takes twenty minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.demo.account import ROOT
from tests.demo.pipeline import install
from tests.many import processes
from tests.many.accounts import Accounts, Size
from tests.many.broker import Broker
from tests.many.engine import ENDED
from tests.many.fleet import Fleet, make_meltanos_tables
from tests.postgres import Server

from .figures import Figure, Found, show
from .measuring import temp_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import Database

DAGS = ROOT / "orchestrate" / "dags"
GUARD = DAGS / "account_runs" / "guard.py"
PYTHON = ROOT / ".venv-airflow" / "bin" / "python"
LIMIT = 5
SECONDS_BETWEEN_LOOKS = 0.2
TASKS = 60
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """One account's run: exit code, seconds of the clock, and CPU seconds of all its processes."""

    code: int
    seconds: float
    cpu: float


class Machine:
    """One worker's machine without Airflow: runs accounts as the DAG's tasks do."""

    def __init__(self, folder: Path, server: Server, broker: Broker, accounts: Accounts) -> None:
        """Set up warehouse, Meltano's database and budget."""
        sys.path.insert(0, str(DAGS))
        self._settings: Any = import_module("account_runs.settings")
        self.warehouse, self.meltano = server.database(), server.database()
        self._accounts = accounts
        place = {"ACTIVECAMPAIGN_RUNS": str(folder / "runs")}
        self._place = self._settings.Place.of(place)
        make_meltanos_tables(self.meltano, os.environ | {"HOME": str(folder)})
        self._shared = {
            self._settings.WAREHOUSE: _connection(self.warehouse),
            self._settings.MELTANO: _connection(self.meltano),
            self._settings.BUDGET: SimpleNamespace(host=broker.url(1), password=None),
        }

    def start(self, label: str) -> subprocess.Popen[bytes]:
        """Start an account's load."""
        key = self._accounts.sizes[label].key
        own = {label: SimpleNamespace(host=self._accounts.urls[label], password=key)}
        account = {
            "label": label,
            "connection_id": label,
            "warehouse_schema": "activecampaign",
            "settings": {},
        }
        environment = self._settings.environment(
            self._place, "load", account, self._shared | own, os.environ
        )
        environment["ACCOUNT_LOCK_DSN"] = self.meltano.url()
        command = [str(PYTHON), str(GUARD), label, str(self._place.folder(label)), str(ROOT)]
        command += self._settings.command(self._place, "load", label)
        return subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, label: str) -> Run:
        """Load an account; return its figures."""
        began = time.monotonic()
        process = self.start(label)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(
            status
        )  # the process has already been waited for
        _release(process)
        cpu = usage.ru_utime + usage.ru_stime
        return Run(process.returncode, time.monotonic() - began, cpu)

    def peak_mb(self, label: str) -> float:
        """Load an account alone; return the peak memory of its processes together."""
        process = self.start(label)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(_own_mb, processes.family(process.pid))))
            time.sleep(SECONDS_BETWEEN_LOOKS)
        _release(process)
        return peak

    def transactions(self) -> int:
        """Return the number of transactions of both databases."""
        found = self.warehouse.rows(
            "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database "
            "WHERE datname IN (%s, %s)",
            self.warehouse.name,
            self.meltano.name,
        )
        return int(found[0][0])


def _connection(database: Database) -> SimpleNamespace:
    return SimpleNamespace(
        host=database.host,
        port=database.port,
        login=database.user,
        password=database.password,
        schema=database.name,
    )


def _release(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _own_mb(pid: int) -> float:
    """Return a process's memory, with its part of shared memory."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _cpu(pids: set[int]) -> float:
    """Return the CPU seconds of processes and of their children that ended."""
    found = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found += sum(map(int, fields[11:15]))
    return found / CLOCK_TICKS


def all_loaded(
    machine: Machine, broker: Broker, accounts: Accounts, labels: list[str], at_once: int
) -> tuple[tuple[Figure, ...], tuple[tuple[bool, str], ...]]:
    """Load accounts; return the figures."""
    before = [accounts.requests(label) for label in labels]
    commands, transactions = broker.commands(), machine.transactions()
    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        runs = list(pool.map(machine.run, labels))
    seconds = time.monotonic() - began
    time.sleep(1)  # until the server's counters are up to date
    requests = sum(accounts.requests(label) for label in labels) - sum(before)
    count = len(labels)

    figures = (
        Figure("seconds in all", seconds, "seconds"),
        Figure("the sum of their limits, seconds", requests / LIMIT, "seconds"),
        Figure("accounts per minute", 60 * count / seconds, "rate"),
        Figure("an account's seconds", statistics.fmean(run.seconds for run in runs), "seconds"),
        Figure("an account's CPU seconds", statistics.fmean(run.cpu for run in runs), "cpu"),
        Figure("requests per account", requests / count, "count"),
        Figure("Redis commands per account", (broker.commands() - commands) / count, "count"),
        Figure(
            "transactions per account", (machine.transactions() - transactions) / count, "count"
        ),
    )
    failed = sum(run.code != 0 for run in runs)
    return figures, ((failed == 0, f"{failed} runs failed"),)


def airflows_share(folder: Path, server: Server) -> tuple[Figure, ...]:
    """Return the cost of a task that runs nothing."""
    labels = [f"account_{number:03}" for number in range(TASKS)]
    nothing = {"ACTIVECAMPAIGN_MELTANO": "/bin/true"}
    sizes = {label: Size(1, 0, 0, 0) for label in labels}
    with Accounts(sizes) as accounts, Fleet(folder, server, accounts) as fleet:
        fleet.engine.environment |= nothing
        for label in labels:
            fleet.add(label)
        for worker in ("one", "two"):
            fleet.add_worker(worker)
        run = fleet.engine.unpause()
        fleet.engine.wait(lambda: len(fleet.engine.tasks(run)) > TASKS, "the accounts are known")

        def parts() -> dict[str, float]:
            found = fleet.engine.processes.items()
            return {name: _cpu(processes.family(process.pid)) for name, process in found}

        before, began = parts(), time.monotonic()
        fleet.engine.wait(lambda: fleet.engine.state(run) in ENDED, "an end", 900)
        seconds, after = time.monotonic() - began, parts()
        workers = sum(after[name] - before[name] for name in ("one", "two"))
        others = sum(after[name] - before[name] for name in after if name not in {"one", "two"})
        memory = sum(
            _own_mb(pid)
            for process in fleet.engine.processes.values()
            for pid in processes.family(process.pid)
        )
    return (
        Figure("tasks per minute", 60 * TASKS / seconds, "rate"),
        Figure("a task's CPU seconds on its worker", workers / TASKS, "cpu"),
        Figure("and in scheduler, API server, DAG processor", others / TASKS, "cpu"),
        Figure("memory of all its parts, two workers, MB", memory, "memory"),
    )


def survey(count: int, at_once: int) -> Iterator[Found]:
    """Measure; print each figure at once, because it takes a while."""
    install("tap-activecampaign-unified", "target-postgres")
    labels = [f"account_{number:03}" for number in range(count)]
    sizes = {label: Size(number) for number, label in enumerate(labels, 1)}
    with temp_folder() as folder, Server() as server:
        with Broker(folder) as broker, Accounts(sizes) as accounts:
            machine = Machine(folder, server, broker, accounts)
            # The first account creates the tables, which is not measured.
            machine.run(labels[0])
            peak = Figure("memory of a run, MB", machine.peak_mb(labels[1]), "memory")
            yield Found("One run, alone", (peak,))
            for name, chosen in (("load", labels), ("nothing changed", labels[:: 1 + count // 50])):
                figures, claims = all_loaded(machine, broker, accounts, chosen, at_once)
                worst = max(accounts.busiest_second(label) for label in labels)
                claims += ((worst <= LIMIT, f"an account saw {worst} requests in a second"),)
                yield Found(f"{len(chosen)} accounts, {at_once} at once: {name}", figures, claims)
        own = folder / "airflow"
        own.mkdir()
        yield Found(f"Airflow's share, {TASKS} tasks", airflows_share(own, server))


def main() -> None:
    """Measure and print; end with 1 if a claim fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.many_accounts", description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--accounts", type=int)
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    missed = []
    for found in survey(options.accounts or (12 if options.short else 200), options.at_once):
        show(found)
        missed += found.missed
    if missed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
