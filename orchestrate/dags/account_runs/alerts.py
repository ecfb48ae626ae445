"""Whom to tell when an account's task has failed for good."""

from __future__ import annotations

import json
import logging
import urllib.request
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Airflow's connection whose host is the address that alerts are posted to; without it, Airflow's
#: own log is all there is.
ALERTS = "activecampaign_alerts"
SECONDS = 10

logger = logging.getLogger(__name__)


def tell_failure(context: Context) -> None:
    """Post which account failed at what, as JSON: no secret, and nothing a plugin said."""
    instance = context["task_instance"]
    account = (context.get("task") and getattr(context["task"], "account", None)) or {}
    label = account.get("label") if isinstance(account, dict) else None
    told = {
        "account": label,
        "dag": instance.dag_id,
        "task": instance.task_id,
        "run": instance.run_id,
        "map_index": instance.map_index,
        "tries": instance.try_number,
        "error": type(context.get("exception")).__name__,
    }
    logger.error("failed for good: %s", told)
    try:
        connection = Connection.get(ALERTS)
    except AirflowNotFoundException:
        return
    post(connection, told)


def post(connection: Any, told: dict[str, Any]) -> None:
    """Post a document to a connection's host; an alert that cannot be told fails nothing else."""
    body = json.dumps(told).encode()
    headers = {"Content-Type": "application/json"}
    if connection.password:
        headers["Authorization"] = f"Bearer {connection.password}"
    request = urllib.request.Request(connection.host, body, headers)  # noqa: S310 - an operator's
    try:
        urllib.request.urlopen(request, timeout=SECONDS).close()  # noqa: S310
    except OSError as problem:
        logger.error("the alert could not be posted (%s)", type(problem).__name__)
