"""One account, one way: a task of Airflow that runs Meltano for it."""

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
    """Runs an account's ``load`` or ``activate``; the guard beside this file sees that it is alone.

    ``account`` is a row of ``activecampaign.accounts``, which holds no secret.
    """

    template_fields: ClassVar[Sequence[str]] = ("account",)

    def __init__(self, *, account: Mapping[str, Any], way: str, **kwargs: Any) -> None:
        """Keep what to run."""
        super().__init__(**kwargs)
        self.account, self.way = account, way
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Run Meltano; raise when it did not end well."""
        label = self.account["label"]
        place = settings.Place.of(os.environ)
        ids = (self.account["connection_id"], settings.WAREHOUSE, settings.MELTANO, settings.BUDGET)
        connections = {one: Connection.get(one) for one in ids}
        code = self._run(place, label, connections)
        if code == guard.TAKEN:
            raise AirflowException(f"{label} is being run elsewhere: the next try is due later")
        report = reports.take(place.report(label))
        if report is not None:
            reports.keep(report, settings.address(connections[settings.WAREHOUSE]))
            if reports.is_locked_out(report):
                raise AirflowFailException(
                    f"ActiveCampaign lets nobody in with the key of {label}: no retry mends that; "
                    f"put a new one into the connection {self.account['connection_id']}"
                )
        if code:
            raise AirflowException(f"{self.way} of {label} ended with {code}: its log says why")

    def on_kill(self) -> None:
        """Let the guard end the run: it does so when its stdin closes, whoever closes it."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _run(self, place: settings.Place, label: str, connections: Mapping[str, Connection]) -> int:
        told = settings.environment(place, self.way, self.account, connections, os.environ)
        told["ACCOUNT_LOCK_DSN"] = settings.address(connections[settings.MELTANO])
        command = [sys.executable, str(Path(guard.__file__)), label, str(place.folder(label))]
        command += [str(place.project), *settings.command(place, self.way, label)]
        self._process = subprocess.Popen(
            command,
            cwd=place.project,
            env=told,
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
