"""Stores the reports of runs for the overview, and finds failures that no retry can fix."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import psycopg

from account_runs.settings import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

# overview.py is not in the folder of DAGs, because it also runs without Airflow.
sys.path.append(str(REPOSITORY / "orchestrate"))
import overview

REFUSALS = ("401", "403")

logger = logging.getLogger(__name__)


def take(path: Path) -> dict[str, Any] | None:
    """Return the report in a file and delete the file; None where the run wrote none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    finally:
        path.unlink(missing_ok=True)
    return found if isinstance(found, dict) else None


def keep(report: dict[str, Any], warehouse: str) -> None:
    """Store a report for `overview.sql`; log it when that fails."""
    try:
        with psycopg.connect(warehouse) as session:
            overview.load(session, report)
    except psycopg.Error as problem:
        logger.warning("the report of the run could not be stored (%s)", type(problem).__name__)


def is_locked_out(report: dict[str, Any]) -> bool:
    """Return whether every request was refused: the key is wrong, or its user was deleted."""
    traffic = report.get("traffic") or {}
    refused = sum(traffic.get("by_status", {}).get(status, 0) for status in REFUSALS)
    return bool(report.get("exit_code")) and refused >= max(1, traffic.get("requests") or 0)
