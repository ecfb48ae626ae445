"""Reads the table of accounts."""

from __future__ import annotations

from typing import Any

import psycopg2
from airflow.sdk import Connection

from account_runs import settings

QUERY = """
SELECT label, connection_id, warehouse_schema, settings FROM activecampaign.accounts
WHERE enabled AND schedule = %s AND writes = %s ORDER BY label
"""


def due(schedule: str, *, writes: bool) -> list[dict[str, Any]]:
    """Return the enabled accounts of a schedule: those that are written back, or the others."""
    address = settings.address(Connection.get(settings.WAREHOUSE))
    with psycopg2.connect(address) as session, session.cursor() as cursor:
        cursor.execute(QUERY, [schedule, writes])
        columns = [one.name for one in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor]
