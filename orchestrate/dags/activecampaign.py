"""Loads every account on its schedule, and writes back where its row says so.

There is one DAG per schedule. Its tasks are mapped over the rows of ``activecampaign.accounts``: to
add an account, add a row.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from account_runs import accounts
from account_runs.alerts import post_failure
from account_runs.meltano import MeltanoRun
from airflow.sdk import DAG, task, task_group

SCHEDULES = {"hourly": "@hourly", "daily": "@daily"}
#: Each pool limits the runs at once. There are two, so that activations do not wait for loads.
LOADS, ACTIVATIONS = "activecampaign_loads", "activecampaign_activations"
TASKS = {
    # A lost machine, another run of the account and a warehouse that restarts are temporary.
    # The setting core.default_task_retry_delay of Airflow is the first wait.
    "retries": 5,
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": dt.timedelta(minutes=15),
    # A first load of a large account takes hours; its state covers what was loaded.
    "execution_timeout": dt.timedelta(hours=6),
    "on_failure_callback": post_failure,
}


def load(account: Any) -> MeltanoRun:
    """Return the task that loads an account into the warehouse."""
    return MeltanoRun(task_id="load", account=account, way="load", pool=LOADS)


for name, schedule in SCHEDULES.items():
    with DAG(
        f"activecampaign_{name}",
        schedule=schedule,
        start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        catchup=False,
        max_active_runs=1,
        max_active_tasks=10_000,  # the pools are the limit
        default_args=TASKS,
        doc_md=__doc__,
        tags=["activecampaign"],
    ):

        @task
        def due(schedule: str, *, writes: bool) -> list[dict[str, Any]]:
            """List the accounts that are due, with or without writing back."""
            return accounts.due(schedule, writes=writes)

        @task_group
        def both_ways(account: Any) -> None:
            """Load an account, then activate it; accounts do not wait for each other."""
            activate = MeltanoRun(
                task_id="activate", account=account, way="activate", pool=ACTIVATIONS
            )
            load(account) >> activate

        only_read = due.override(task_id="only_read")(name, writes=False)
        written = due.override(task_id="written")(name, writes=True)
        MeltanoRun.partial(task_id="load", way="load", pool=LOADS).expand(account=only_read)
        both_ways.expand(account=written)
