"""Makes the environment of an account's run: the only place that its settings are in.

Every user of the machine can see a command line, and a file stays after a kill. So the key is in
neither. Meltano writes settings to a file for each plugin, and secrets are empty there; the tap and
the target read theirs from ``ACTIVECAMPAIGN_API_KEY`` and so on, and libpq reads the password of
the warehouse from ``PGPASSWORD``. tap-postgres needs that password in its settings: for
``activate`` it is in a file in the folder of the run, readable by this user only, and deleted with
the run.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[3]
#: The variables that a run gets from the environment of the worker: none of Airflow's secrets.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
#: The jobs of meltano.yml.
JOBS = {"load": "load-postgres", "activate": "activate-postgres"}
#: The stream of each table of the activation schema.
ACTIVATION = {
    "contacts": "crm_contacts",
    "opportunities": "crm_opportunities",
    "notes": "crm_notes",
}
#: The connections in Airflow that all accounts share.
WAREHOUSE = "activecampaign_warehouse"
MELTANO = "activecampaign_meltano"
BUDGET = "activecampaign_budget"


@dataclass(frozen=True)
class Place:
    """The paths of a worker: the project, Meltano and the folder of runs."""

    project: Path
    meltano: Path
    #: The folder of active runs on this machine.
    runs: Path

    @classmethod
    def of(cls, surroundings: Mapping[str, str]) -> Place:
        """Read the environment of the worker; by default, this repository is the project."""
        project = Path(surroundings.get("ACTIVECAMPAIGN_PROJECT", REPOSITORY))
        meltano = project / ".venv-meltano" / "bin" / "meltano"
        runs = Path(tempfile.gettempdir()) / "activecampaign-runs"
        return cls(
            project,
            Path(surroundings.get("ACTIVECAMPAIGN_MELTANO", meltano)),
            Path(surroundings.get("ACTIVECAMPAIGN_RUNS", runs)),
        )

    def folder(self, label: str) -> Path:
        """Return the folder of an account's run."""
        return self.runs / label

    def report(self, label: str) -> Path:
        """Return the path of a run's report, which the task stores and deletes."""
        return self.runs / f"{label}.json"


def command(place: Place, way: str, label: str) -> list[str]:
    """Return Meltano's command line, which holds no secret.

    Meltano's own check for an active run uses a heartbeat and refuses for five minutes after a
    machine was lost. The lock of the account is more reliable, so --force turns that check off.
    """
    options = ["--no-install", "--force", f"--state-id-suffix={label}"]
    return [str(place.meltano), "run", *options, JOBS[way]]


def environment(
    place: Place,
    way: str,
    account: Mapping[str, Any],
    connections: Mapping[str, Any],
    surroundings: Mapping[str, str],
) -> dict[str, str]:
    """Return the environment of an account's run; ``connections`` maps ids to connections."""
    label = account["label"]
    activation = f"activation_{label}"
    own = connections[account["connection_id"]]
    warehouse = address(connections[WAREHOUSE])
    folder = place.folder(label)
    variables = {
        "HOME": str(folder),
        "NO_COLOR": "1",
        # The files of Meltano, logs too, are deleted with the folder of the run.
        "XDG_STATE_HOME": str(folder / "state"),
        "MELTANO_SYS_DIR_ROOT": str(folder / "meltano"),
        "MELTANO_PROJECT_ROOT": str(place.project),
        "MELTANO_PROJECT_READONLY": "true",
        "MELTANO_ENVIRONMENT": surroundings.get("ACTIVECAMPAIGN_ENVIRONMENT", "production"),
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_DATABASE_URI": address(connections[MELTANO], "postgresql+psycopg"),
        "ACTIVECAMPAIGN_API_URL": own.host,
        "ACTIVECAMPAIGN_API_KEY": own.password or "",
        "ACTIVECAMPAIGN_RATE_LIMIT_STORE": redis(connections[BUDGET]),
        # The ledger and the known ids are in the warehouse, for every machine.
        "ACTIVECAMPAIGN_LEDGER_PATH": warehouse,
        "ACTIVECAMPAIGN_KNOWN_IDS_PATH": warehouse,
        "PGPASSWORD": connections[WAREHOUSE].password or "",
        "POSTGRES_URL": address(connections[WAREHOUSE], "postgresql+psycopg", has_password=False),
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": account["warehouse_schema"],
        "TAP_POSTGRES_FILTER_SCHEMAS": json.dumps([activation]),
        "TARGET_ACTIVECAMPAIGN_STREAM_ALIASES": json.dumps(
            {f"{activation}-{table}": stream for table, stream in ACTIVATION.items()}
        ),
    }
    if way == "activate":
        variables["TAP_POSTGRES_SQLALCHEMY_URL"] = address(
            connections[WAREHOUSE], "postgresql+psycopg2"
        )
    for prefix in ("TAP_ACTIVECAMPAIGN_UNIFIED", "TARGET_ACTIVECAMPAIGN"):
        variables |= {
            f"{prefix}_API_KEY": "",
            f"{prefix}_ACCOUNT_LABEL": label,
            f"{prefix}_RUN_REPORT_PATH": str(place.report(label)),
        }
    kept_of_worker = {name: surroundings[name] for name in KEPT if name in surroundings}
    return kept_of_worker | account["settings"] | variables


def address(connection: Any, scheme: str = "postgresql", *, has_password: bool = True) -> str:
    """Return a connection as a URL of PostgreSQL."""
    user = quote(connection.login or "", safe="")
    if has_password and connection.password:
        user += ":" + quote(connection.password, safe="")
    where = f"{connection.host}:{connection.port or 5432}"
    return f"{scheme}://{user}@{where}/{quote(connection.schema or '', safe='')}"


def redis(connection: Any) -> str:
    """Return a connection as a URL of Redis; its host may be a URL already, of a socket."""
    if "://" in (connection.host or ""):
        return str(connection.host)
    user = f":{quote(connection.password, safe='')}@" if connection.password else ""
    return f"redis://{user}{connection.host}:{connection.port or 6379}/{connection.schema or 0}"
