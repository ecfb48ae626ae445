"""Every account, on its schedule: into the warehouse, and back where the account says so.

A DAG for each schedule; its tasks are mapped over the rows of ``activecampaign.accounts``, so that
adding an account is adding a row.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from account_runs import accounts
from account_runs.alerts import tell_failure
from account_runs.meltano import MeltanoRun
from airflow.sdk import DAG, task, task_group

SCHEDULES = {"hourly": "@hourly", "daily": "@daily"}
#: Pools bound how many runs there are at once: loads must not keep the way back waiting.
LOADS, ACTIVATIONS = "activecampaign_loads", "activecampaign_activations"
TASKS = {
    # A lost machine, an account that is run elsewhere, a warehouse that restarts: all pass. The
    # first wait is Airflow's own setting, core.default_task_retry_delay.
    "retries": 5,
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": dt.timedelta(minutes=15),
    # A first load of a large account takes hours; what has come by then is kept by its state.
    "execution_timeout": dt.timedelta(hours=6),
    "on_failure_callback": tell_failure,
}


def load(account: Any) -> MeltanoRun:
    """Account to warehouse."""
    return MeltanoRun(task_id="load", account=account, way="load", pool=LOADS)


for name, schedule in SCHEDULES.items():
    with DAG(
        f"activecampaign_{name}",
        schedule=schedule,
        start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        catchup=False,
        max_active_runs=1,
        max_active_tasks=10_000,  # the pools are the bound
        default_args=TASKS,
        doc_md=__doc__,
        tags=["activecampaign"],
    ):

        @task
        def due(schedule: str, *, writes: bool) -> list[dict[str, Any]]:
            """List the accounts that are only read, or those that are written to too."""
            return accounts.due(schedule, writes=writes)

        @task_group
        def both_ways(account: Any) -> None:
            """Load, then activate: an account waits for no other."""
            activate = MeltanoRun(
                task_id="activate", account=account, way="activate", pool=ACTIVATIONS
            )
            load(account) >> activate

        only_read = due.override(task_id="only_read")(name, writes=False)
        written = due.override(task_id="written")(name, writes=True)
        MeltanoRun.partial(task_id="load", way="load", pool=LOADS).expand(account=only_read)
        both_ways.expand(account=written)
