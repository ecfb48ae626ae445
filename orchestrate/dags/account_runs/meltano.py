"""The Airflow task that runs Meltano for one account, in one direction."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, Connection
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from account_runs import guard, reports, settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context


class MeltanoRun(BaseOperator):
    """Runs ``load`` or ``activate`` of an account; guard.py keeps a second run of it out.

    ``account`` is a row of ``activecampaign.accounts``, which holds no secret.
    """

    template_fields: ClassVar[Sequence[str]] = ("account",)

    def __init__(self, *, account: Mapping[str, Any], way: str, **kwargs: Any) -> None:
        """Store what to run."""
        super().__init__(**kwargs)
        self.account, self.way = account, way
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Run Meltano; raise where its exit code is not 0."""
        label = self.account["label"]
        place = settings.Place.of(os.environ)
        ids = (self.account["connection_id"], settings.WAREHOUSE, settings.MELTANO, settings.BUDGET)
        connections = {one: Connection.get(one) for one in ids}
        code = self._run(place, label, connections)
        if code == guard.TAKEN:
            raise AirflowException(
                f"another run of {label} is active: Airflow retries this one later"
            )
        report = reports.take(place.report(label))
        if report is not None:
            reports.keep(report, settings.address(connections[settings.WAREHOUSE]))
            if reports.is_locked_out(report):
                raise AirflowFailException(
                    f"ActiveCampaign does not accept the key of {label}; no retry can fix that: "
                    f"put a new key into the connection {self.account['connection_id']}"
                )
        if code:
            raise AirflowException(
                f"{self.way} of {label} ended with exit code {code}: see its log"
            )

    def on_kill(self) -> None:
        """Close the stdin of guard.py, which then ends the run."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _run(self, place: settings.Place, label: str, connections: Mapping[str, Connection]) -> int:
        variables = settings.environment(place, self.way, self.account, connections, os.environ)
        variables["ACCOUNT_LOCK_DSN"] = settings.address(connections[settings.MELTANO])
        command = [sys.executable, str(Path(guard.__file__)), label, str(place.folder(label))]
        command += [str(place.project), *settings.command(place, self.way, label)]
        self._process = subprocess.Popen(
            command,
            cwd=place.project,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            for line in self._process.stdout:
                self.log.info("%s", line.rstrip())
            return self._process.wait()
        finally:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
