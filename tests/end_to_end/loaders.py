"""The real loaders as programs, and the content of their tables in the contract's form."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import duckdb
import yaml

from tests.demo.account import ROOT
from tests.demo.pipeline import install
from tests.faults.truth import KEYS
from tests.faults.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.postgres import Database

Row = dict[str, Any]
SCHEMA = "activecampaign"
METADATA = "_sdc_"
DELETED = "_sdc_deleted_at"
SECONDS = 120
LINES_SHOWN = 12


class LoaderFailedError(Exception):
    """The loader ended with an error; the text is its last output."""


class Tables:
    """The tables that a loader filled, one per stream, in one schema."""

    #: The database's names of the types of text, numbers, JSON, …
    types: ClassVar[dict[str, str]]

    def __init__(self) -> None:
        """The keys of unified streams are known; those of others come from their messages."""
        self.keys: dict[str, Iterable[str]] = dict(KEYS)

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        raise NotImplementedError

    def streams(self) -> list[str]:
        """Return the names of the tables."""
        found = self.query(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{SCHEMA}'"  # noqa: S608
        )
        return sorted(str(name) for (name,) in found)

    def columns(self, stream: str) -> dict[str, str]:
        """Return the columns of a table, and their types."""
        return dict(
            self.query(
                "SELECT column_name, lower(data_type) FROM information_schema.columns "  # noqa: S608
                f"WHERE table_schema = '{SCHEMA}' AND table_name = '{stream}'"
            )
        )

    def rows(self, stream: str) -> list[Row]:
        """Return all rows of a table, with values in the contract's form."""
        columns = self.columns(stream)
        names = ", ".join(f'"{name}"' for name in columns)
        found = self.query(f'SELECT {names} FROM {SCHEMA}."{stream}"')  # noqa: S608
        return [
            {
                name: plain(value, kind)
                for (name, kind), value in zip(columns.items(), row, strict=True)
            }
            for row in found
        ]

    def deleted(self, stream: str) -> list[tuple[str, ...]]:
        """Return the keys of rows that are marked as deleted."""
        marked = [row for row in self.rows(stream) if row.get(DELETED) is not None]
        return sorted(self._key(stream, row) for row in marked)

    def warehouse(self) -> Warehouse:
        """Return all rows that are not marked as deleted; raise on a key that appears twice."""
        held = Warehouse()
        for stream in self.streams():
            table: dict[tuple[str, ...], Row] = {}
            for row in self.rows(stream):
                key = self._key(stream, row)
                assert key not in table, f"{stream} {key} is there twice"
                table[key] = row
            held.tables[stream] = {
                key: {name: value for name, value in row.items() if not name.startswith(METADATA)}
                for key, row in table.items()
                if row.get(DELETED) is None
            }
        return held

    def _key(self, stream: str, row: Row) -> tuple[str, ...]:
        return tuple(row[name] for name in self.keys.get(stream, ("id",)))


class PostgresTables(Tables):
    """The tables of a PostgreSQL database."""

    types: ClassVar = {
        "text": "text",
        "number": "numeric",
        "date": "date",
        "time": "timestamp without time zone",
        "json": "jsonb",
        "list": "array",
    }

    def __init__(self, database: Database) -> None:
        """Use a database."""
        super().__init__()
        self.database = database

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        return self.database.rows(query)


class DuckDBTables(Tables):
    """The tables of a DuckDB file, which is opened for each query: a loader needs it alone."""

    types: ClassVar = {
        "text": "varchar",
        "number": "double",
        "date": "varchar",
        "time": "timestamp",
        "json": "json",
        "list": "json",
    }

    def __init__(self, path: Path) -> None:
        """Use a file."""
        super().__init__()
        self.path = path

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(query).fetchall()


class Loader:
    """A loader's program with its settings, and the tables it fills."""

    def __init__(self, program: str, folder: Path, tables: Tables, settings: Row) -> None:
        """Install the program if it is not installed, and write its settings."""
        install(program)
        self.tables = tables
        document = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
        [declared] = [
            loader for loader in document["plugins"]["loaders"] if loader["name"] == program
        ]
        self._environment: dict[str, str] = declared.get("env", {})
        self._program = ROOT / ".meltano" / "loaders" / program / "venv" / "bin" / program
        self._config = folder / f"{program}.json"
        self._config.write_text(json.dumps(settings), encoding="utf-8")

    def load(self, lines: str) -> Row:
        """Load the messages of a run; return the state that the loader emits."""
        for line in lines.splitlines():
            if '"type":"SCHEMA"' in line[:100].replace(" ", ""):
                message = json.loads(line)
                self.tables.keys[message["stream"]] = message["key_properties"]
        done = subprocess.run(
            [str(self._program), "--config", str(self._config)],
            env=os.environ | self._environment,
            input=lines,
            capture_output=True,
            timeout=SECONDS,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise LoaderFailedError("\n".join(done.stderr.splitlines()[-LINES_SHOWN:]))
        states = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return dict(json.loads(states[-1])) if states else {}


def into_postgres(folder: Path, database: Database, **settings: Any) -> Loader:
    """Return MeltanoLabs' target-postgres with the settings of meltano.yml."""
    url = database.url("postgresql+psycopg")
    config = {"sqlalchemy_url": url, "default_target_schema": SCHEMA, **settings}
    return Loader("target-postgres", folder, PostgresTables(database), config)


def into_duckdb(folder: Path, **settings: Any) -> Loader:
    """Return target-duckdb with the settings of meltano.yml."""
    path = folder / "loaded.duckdb"
    config = {"path": str(path), "default_target_schema": SCHEMA, "add_metadata_columns": True}
    return Loader("target-duckdb", folder, DuckDBTables(path), config | settings)


def plain(value: Any, kind: str) -> Any:
    """Return a loaded value as the tap wrote it: JSON types, and times in UTC with an offset."""
    if kind == "json" and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return aware.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
