"""A table of accounts and everything that runs it, as the guide describes it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Self

from tests.demo.account import ROOT
from tests.demo.pipeline import MELTANO
from tests.end_to_end.loaders import SCHEMA, PostgresTables

from . import processes
from .broker import Broker
from .engine import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.end_to_end.loaders import Row
    from tests.postgres import Database, Server

    from .accounts import Accounts

LABEL = "account_label"
TAP = "bin/tap-activecampaign-unified"
LABEL_VARIABLE = "TAP_ACTIVECAMPAIGN_UNIFIED_ACCOUNT_LABEL"
SETTINGS = {"TAP_ACTIVECAMPAIGN_UNIFIED_DETECT_DELETES": "true"}
POOLS = ("activecampaign_loads", "activecampaign_activations")
SLOTS = 2
# Airflow notices a lost machine after seconds here, not after a minute.
IMPATIENT = {
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}


class TablesOfOne(PostgresTables):
    """The rows of one account in tables that hold many."""

    def __init__(self, database: Database, label: str) -> None:
        """Use a database."""
        super().__init__(database)
        self._label = label

    def streams(self) -> list[str]:
        """Return the tables that accounts are loaded into."""
        found = self.query(
            "SELECT table_name FROM information_schema.columns "  # noqa: S608
            f"WHERE table_schema = '{SCHEMA}' AND column_name = '{LABEL}'"
        )
        return sorted(str(name) for (name,) in found)

    def rows(self, stream: str) -> list[Row]:
        """Return the account's rows, without the label."""
        found = [row for row in super().rows(stream) if row[LABEL] == self._label]
        return [{name: row[name] for name in row if name != LABEL} for row in found]


def make_meltanos_tables(database: Database, environment: Mapping[str, str]) -> None:
    """Let Meltano create its tables, which several processes at once cannot."""
    settings = {
        "MELTANO_DATABASE_URI": database.url("postgresql+psycopg"),
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    subprocess.run(
        [str(MELTANO), "state", "list"],
        cwd=ROOT,
        env={**environment, **settings},
        check=True,
        capture_output=True,
    )


class Fleet:
    """Accounts with an Airflow of their own."""

    def __init__(self, folder: Path, server: Server, accounts: Accounts) -> None:
        """Set up everything except accounts and workers; return when Airflow answers."""
        self.folder, self.accounts = folder, accounts
        self.airflow, self.meltano, self.warehouse = (server.database() for _ in range(3))
        for name in ("accounts.sql", "overview.sql"):
            self.warehouse.rows((ROOT / "orchestrate" / name).read_text(encoding="utf-8"))
        self.broker = Broker(folder)
        self.engine = Engine(folder, self.airflow, self.broker.url(0), IMPATIENT)
        try:
            self.engine.start()
            make_meltanos_tables(self.meltano, self.engine.environment)
            self._connect()
        except BaseException:
            self.close()
            raise

    def add(self, label: str, *, key: str | None = None, writes: bool = False) -> None:
        """Add an account: a connection, and a row of the table."""
        connection = f"activecampaign_{label}"
        password = key or self.accounts.sizes[label].key
        self.engine.add_connection(connection, "http", self.accounts.urls[label], password=password)
        self.warehouse.rows(
            "INSERT INTO activecampaign.accounts (label, connection_id, settings, writes) "
            "VALUES (%s, %s, %s, %s)",
            label,
            connection,
            json.dumps(SETTINGS),
            writes,
        )

    def add_worker(self, name: str) -> None:
        """Start a worker with its own files, as on a separate machine."""
        self.engine.add_worker(name, SLOTS, ACTIVECAMPAIGN_RUNS=str(self.folder / name))

    def loads_on(self, worker: str) -> set[str]:
        """Return the labels of the accounts that a worker is reading."""
        members = processes.family(self.engine.processes[worker].pid)
        taps = [pid for pid in members if TAP in processes.words(pid)]
        return {label for pid in taps if (label := processes.environment_of(pid, LABEL_VARIABLE))}

    def differences(self, label: str) -> list[str]:
        """Return the differences between an account and its rows in the warehouse."""
        held = TablesOfOne(self.warehouse, label).warehouse()
        return self.accounts.differences(label, held)

    def standings(self) -> dict[str, str]:
        """Return the status of each account's tap in the overview."""
        return dict(
            self.warehouse.rows(
                "SELECT account, standing FROM activecampaign.overview "
                "WHERE program IS DISTINCT FROM 'target-activecampaign'"
            )
        )

    def places_of(self, secret: str) -> list[str]:
        """Return the files of the folder and the tables that hold a secret in plain text."""
        found = [
            str(path)
            for path in self.folder.rglob("*")
            if path.is_file() and secret.encode() in path.read_bytes()
        ]
        for database in (self.airflow, self.meltano, self.warehouse):
            for schema, table in database.rows(
                "SELECT schemaname, tablename FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ):
                held = database.rows(
                    f'SELECT count(*) FROM "{schema}"."{table}" t WHERE t::text LIKE %s',  # noqa: S608
                    f"%{secret}%",
                )
                found += [f"{schema}.{table}"] * bool(held[0][0])
        return found

    def _connect(self) -> None:
        for name, database in (("warehouse", self.warehouse), ("meltano", self.meltano)):
            parts: dict[str, Any] = {
                "login": database.user,
                "password": database.password,
                "port": database.port,
                "schema": database.name,
            }
            self.engine.add_connection(f"activecampaign_{name}", "postgres", database.host, **parts)
        self.engine.add_connection(
            "activecampaign_budget",
            "redis",
            "127.0.0.1",
            password=self.broker.password,
            port=self.broker.port,
            schema="1",
        )
        for name in POOLS:
            self.engine.add_pool(name, 2 * SLOTS)

    def close(self) -> None:
        """End Airflow and the broker."""
        self.engine.close()
        self.broker.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
