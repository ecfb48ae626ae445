"""What Meltano is told of an account: all of it in the environment of its process, nothing else.

A command line is seen by everybody on the machine, a file outlives a kill. So the key stands in
neither: Meltano writes settings to a file for each plugin, and secrets are left empty there; our
programs find theirs in ``ACTIVECAMPAIGN_API_KEY`` and so on, PostgreSQL's library the warehouse's
password in ``PGPASSWORD``. But tap-postgres wants that in its settings: on the way back it is in a
file of the run's folder, for this user only, and gone with the run.
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
#: What a run needs of the worker's own environment: none of Airflow's secrets.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
#: The jobs of meltano.yml.
JOBS = {"load": "load-postgres", "activate": "activate-postgres"}
#: What the tables of an account's activation schema are for ActiveCampaign.
ACTIVATION = {
    "contacts": "crm_contacts",
    "opportunities": "crm_opportunities",
    "notes": "crm_notes",
}
#: Airflow's connections that all accounts share.
WAREHOUSE = "activecampaign_warehouse"
MELTANO = "activecampaign_meltano"
BUDGET = "activecampaign_budget"


@dataclass(frozen=True)
class Place:
    """Where a worker finds Meltano, and keeps what runs need."""

    project: Path
    meltano: Path
    #: This machine's folder for runs under way.
    runs: Path

    @classmethod
    def of(cls, surroundings: Mapping[str, str]) -> Place:
        """Read the worker's environment; without settings, this repository is the project."""
        project = Path(surroundings.get("ACTIVECAMPAIGN_PROJECT", REPOSITORY))
        meltano = project / ".venv-meltano" / "bin" / "meltano"
        runs = Path(tempfile.gettempdir()) / "activecampaign-runs"
        return cls(
            project,
            Path(surroundings.get("ACTIVECAMPAIGN_MELTANO", meltano)),
            Path(surroundings.get("ACTIVECAMPAIGN_RUNS", runs)),
        )

    def folder(self, label: str) -> Path:
        """Return the folder that an account's run has to itself."""
        return self.runs / label

    def report(self, label: str) -> Path:
        """Return the file that a run's report is in until the task has kept it."""
        return self.runs / f"{label}.json"


def command(place: Place, way: str, label: str) -> list[str]:
    """Return Meltano's command line, which holds no secret.

    Meltano's own check for a run under way goes by a heartbeat, and refuses for five minutes after
    a machine was lost. The account's lock is surer: hence --force.
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
    """Return the environment of an account's run; ``connections`` are Airflow's, by their ids."""
    label = account["label"]
    activation = f"activation_{label}"
    own = connections[account["connection_id"]]
    warehouse = address(connections[WAREHOUSE])
    folder = place.folder(label)
    told = {
        "HOME": str(folder),
        "NO_COLOR": "1",
        # What Meltano keeps of a run, logs too, goes with the run's folder.
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
        # The warehouse keeps what was confirmed, and which ids there were, for every machine.
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
        told["TAP_POSTGRES_SQLALCHEMY_URL"] = address(connections[WAREHOUSE], "postgresql+psycopg2")
    for prefix in ("TAP_ACTIVECAMPAIGN_UNIFIED", "TARGET_ACTIVECAMPAIGN"):
        told |= {
            f"{prefix}_API_KEY": "",
            f"{prefix}_ACCOUNT_LABEL": label,
            f"{prefix}_RUN_REPORT_PATH": str(place.report(label)),
        }
    kept_of_worker = {name: surroundings[name] for name in KEPT if name in surroundings}
    return kept_of_worker | account["settings"] | told


def address(connection: Any, scheme: str = "postgresql", *, has_password: bool = True) -> str:
    """Return a connection as a URL of PostgreSQL."""
    user = quote(connection.login or "", safe="")
    if has_password and connection.password:
        user += ":" + quote(connection.password, safe="")
    where = f"{connection.host}:{connection.port or 5432}"
    return f"{scheme}://{user}@{where}/{quote(connection.schema or '', safe='')}"


def redis(connection: Any) -> str:
    """Return a connection as a URL of Redis; its host may be a URL already, of a socket say."""
    if "://" in (connection.host or ""):
        return str(connection.host)
    user = f":{quote(connection.password, safe='')}@" if connection.password else ""
    return f"redis://{user}{connection.host}:{connection.port or 6379}/{connection.schema or 0}"
