"""What a run reported: kept for the overview of all accounts, and read for what no retry mends."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import psycopg

from account_runs.settings import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

# Not a folder of DAGs: what Airflow need not be there for.
sys.path.append(str(REPOSITORY / "orchestrate"))
import overview

REFUSALS = ("401", "403")

logger = logging.getLogger(__name__)


def take(path: Path) -> dict[str, Any] | None:
    """Return the report in a file, and remove the file; None where a run wrote none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    finally:
        path.unlink(missing_ok=True)
    return found if isinstance(found, dict) else None


def keep(report: dict[str, Any], warehouse: str) -> None:
    """Put a report where `overview.sql` finds it; one that cannot be kept fails no run."""
    try:
        with psycopg.connect(warehouse) as session:
            overview.load(session, report)
    except psycopg.Error as problem:
        logger.warning("the report of the run could not be kept (%s)", type(problem).__name__)


def is_locked_out(report: dict[str, Any]) -> bool:
    """Say whether not one request was let in: the key is wrong, or its user was taken away."""
    traffic = report.get("traffic") or {}
    refused = sum(traffic.get("by_status", {}).get(status, 0) for status in REFUSALS)
    return bool(report.get("exit_code")) and refused >= max(1, traffic.get("requests") or 0)
