"""The dbt project, run over tables that a real loader filled."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from tests.demo.account import ROOT
from tests.end_to_end.loaders import METADATA, SCHEMA, Row, plain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.loaders import Tables

PROJECT = ROOT / "transform"
DBT = ROOT / ".venv-dbt" / "bin" / "dbt"
MARTS, STAGING, ACTIVATION = "analytics", "analytics_staging", "activation"
SECONDS = 300
LINES_SHOWN = 40
# Both drivers return arrays of texts as lists.
JSON = ("json", "jsonb")


class BuildFailedError(Exception):
    """dbt ended with an error; the text is its last output."""


class Transform:
    """The project over one database, with a folder for dbt's output."""

    def __init__(
        self, tables: Tables, folder: Path, environment: dict[str, str], project: Path = PROJECT
    ) -> None:
        """Connect it to the loaded tables; ``environment`` names the database."""
        self.tables = tables
        #: The account whose rows are read, in a warehouse of many accounts.
        self.label: str | None = None
        self.folder = folder / "dbt"
        self.folder.mkdir()
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            # Far from UTC, because no time may depend on the machine's zone.
            "TZ": "Pacific/Auckland",
            "DBT_PROJECT_DIR": str(project),
            "DBT_PROFILES_DIR": str(project),
            "DBT_TARGET_PATH": str(self.folder),
            "DBT_LOG_PATH": str(self.folder),
            "DBT_ACTIVATION_FOLDER": str(self.folder),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_USE_COLORS": "false",
            **environment,
        }

    def build(self, *arguments: str, **variables: Any) -> dict[str, str]:
        """Run `dbt build`; return the status of each node by name."""
        self.run("build", *arguments, **variables)
        results = json.loads((self.folder / "run_results.json").read_text(encoding="utf-8"))
        return {
            result["unique_id"].split(".", 2)[2]: result["status"] for result in results["results"]
        }

    def run(self, command: str, *arguments: str, **variables: Any) -> str:
        """Run a command of dbt; return its output."""
        settings = {"loaded_schema": SCHEMA, **variables}
        done = subprocess.run(
            [str(DBT), command, *arguments, "--vars", json.dumps(settings)],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            timeout=SECONDS,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            output = done.stdout.rpartition("Completed with")[2]
            raise BuildFailedError("\n".join(output.splitlines()[:LINES_SHOWN]) + done.stderr)
        return done.stdout

    def manifest(self) -> dict[str, Any]:
        """Return dbt's manifest after a run."""
        return dict(json.loads((self.folder / "manifest.json").read_text(encoding="utf-8")))

    def columns(self, schema: str, name: str) -> dict[str, str]:
        """Return the columns and types of a table or view of dbt."""
        return dict(
            self.tables.query(
                "SELECT column_name, lower(data_type) FROM information_schema.columns "  # noqa: S608
                f"WHERE table_schema = '{schema}' AND table_name = '{name}'"
            )
        )

    def rows(self, name: str, schema: str = MARTS) -> list[Row]:
        """Return the rows of a model, JSON decoded, times in UTC with their offset."""
        columns = self.columns(schema, name)
        names = ", ".join(f'"{column}"' for column in columns)
        found = self.tables.query(f'SELECT {names} FROM {schema}."{name}"')  # noqa: S608
        rows = [
            {
                column: plain(value, "json" if kind in JSON else kind)
                for (column, kind), value in zip(columns.items(), row, strict=True)
                if not column.startswith(METADATA)
            }
            for row in found
        ]
        return [row for row in rows if row.get("account_label") == self.label]

    def all_rows(self, schema: str) -> dict[str, list[Row]]:
        """Return the rows of all models of a schema, by name."""
        names = self.tables.query(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'"  # noqa: S608
        )
        return {name: self.rows(name, schema) for (name,) in names}


def by(rows: list[Row], *keys: str) -> dict[Any, Row]:
    """Return rows by their key; raise on a key that appears twice."""
    found: dict[Any, Row] = {}
    for row in rows:
        key = row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys)
        assert key not in found, f"{key} appears twice"
        found[key] = row
    return found
