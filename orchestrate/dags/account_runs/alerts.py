"""Posts an alert when the task of an account has failed for good."""

from __future__ import annotations

import json
import logging
import urllib.request
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from airflow.sdk import Context

#: The connection in Airflow whose host is the address for alerts. Without it, alerts are only in
#: the log.
ALERTS = "activecampaign_alerts"
SECONDS = 10

logger = logging.getLogger(__name__)


def post_failure(context: Context) -> None:
    """Post the account and the task as JSON, without secrets and without the output of a plugin."""
    instance = context["task_instance"]
    account = (context.get("task") and getattr(context["task"], "account", None)) or {}
    label = account.get("label") if isinstance(account, dict) else None
    alert = {
        "account": label,
        "dag": instance.dag_id,
        "task": instance.task_id,
        "run": instance.run_id,
        "map_index": instance.map_index,
        "tries": instance.try_number,
        "error": type(context.get("exception")).__name__,
    }
    logger.error("failed for good: %s", alert)
    try:
        connection = Connection.get(ALERTS)
    except AirflowNotFoundException:
        return
    post(connection, alert)


def post(connection: Any, alert: dict[str, Any]) -> None:
    """Post a document to the host of a connection; log it when that fails."""
    body = json.dumps(alert).encode()
    headers = {"Content-Type": "application/json"}
    if connection.password:
        headers["Authorization"] = f"Bearer {connection.password}"
    request = urllib.request.Request(connection.host, body, headers)  # noqa: S310 - an operator's
    try:
        urllib.request.urlopen(request, timeout=SECONDS).close()  # noqa: S310
    except OSError as problem:
        logger.error("the alert could not be posted (%s)", type(problem).__name__)
