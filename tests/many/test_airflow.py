"""Many accounts under Airflow: each keeps its limit, and a lost machine loses no row."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests import length
from tests.demo.pipeline import install

from . import processes
from .accounts import Accounts, Size
from .engine import ENDED
from .fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import Server

pytestmark = [pytest.mark.meltano, pytest.mark.slow]

PLUGINS = (
    "tap-activecampaign-unified",
    "target-activecampaign",
    "target-postgres",
    "tap-postgres",
)
LABELS = [f"account_{number:02}" for number in range(1, length.of(5, 20) + 1)]
WRITTEN = LABELS[: length.of(2, 5)]
LATE, LAPSED = LABELS[-1], "lapsed"
NOTES = 4
# Of the thirty or more requests of a first load.
REQUESTS_IN_MID_RUN = 10
SECONDS = length.of(300, 1200)
# As in the DAG. The last try has the number six.
RETRIES = 5


class Alerts:
    """A server for alerts."""

    def __init__(self) -> None:
        """Listen."""
        self.received: list[dict[str, Any]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def alerts() -> Iterator[Alerts]:
    """A server that receives alerts."""
    found = Alerts()
    yield found
    found.close()


@pytest.fixture
def fleet(tmp_path: Path, postgres: Server, alerts: Alerts) -> Iterator[Fleet]:
    """All accounts except the late account, and two workers."""
    install(*PLUGINS)
    sizes = {label: Size(number) for number, label in enumerate([*LABELS, LAPSED], 1)}
    with Accounts(sizes) as accounts, Fleet(tmp_path, postgres, accounts) as fleet:
        fleet.engine.add_connection("activecampaign_alerts", "http", alerts.url)
        for label in LABELS[:-1]:
            fleet.add(label, writes=label in WRITTEN)
        for label in WRITTEN:
            give_notes(fleet, label)
        fleet.add_worker("one")
        fleet.add_worker("two")
        yield fleet


def give_notes(fleet: Fleet, label: str) -> None:
    """Create a table of notes to write to an account."""
    schema = f"activation_{label}"
    fleet.warehouse.rows(f"CREATE SCHEMA {schema}")
    fleet.warehouse.rows(
        f"CREATE TABLE {schema}.notes AS "  # noqa: S608
        "SELECT %s::text AS account_label, 'Called by ' || %s AS content, id AS contact__id "
        "FROM unnest(%s::text[]) id",
        label,
        label,
        [number for number, _ in fleet.accounts.people(label, NOTES)],
    )


def finished(fleet: Fleet, run: str, seen: set[str]) -> str:
    """Wait for the end of a DAG run; collect the command lines seen meanwhile."""

    def ended() -> str:
        seen.update(filter(None, map(processes.words, processes.parents())))
        state = fleet.engine.state(run)
        return state if state in ENDED else ""

    return str(fleet.engine.wait(ended, f"an end of {run}", SECONDS))


def test_a_lost_worker_costs_no_account_a_row_and_a_new_account_is_a_table_row(
    fleet: Fleet, alerts: Alerts
) -> None:
    """A worker that is lost in mid-run costs no account a row; a new account is a table row.

    The other worker runs its accounts again. A second run emits changes, and loads an account that
    was added meanwhile. An account whose key lapsed fails alone, before its retries are used up,
    and an alert is sent. In the end every account's tables equal it, and each note was written
    once. No budget of an account gave six requests places in one second. No key is in a file, a
    table or a command line.
    """
    accounts, seen = fleet.accounts, set[str]()
    first = fleet.engine.unpause()

    def in_mid_run() -> set[str]:
        return {
            label
            for label in fleet.loads_on("one")
            if accounts.requests(label) >= REQUESTS_IN_MID_RUN
        }

    victims = fleet.engine.wait(in_mid_run, "a load in mid-run", SECONDS)
    fleet.engine.lose("one")
    assert finished(fleet, first, seen) == "success"
    tries = [task["try_number"] for task in fleet.engine.tasks(first)]
    assert max(tries) > 1, (victims, tries)

    fleet.add_worker("three")
    for label in LABELS[:-1]:
        accounts.change(label)
    fleet.add(LATE)
    fleet.add(LAPSED, key="a-key-that-lapsed")
    assert finished(fleet, fleet.engine.trigger(), seen) == "failed"

    # Airflow runs a task again whose worker does not answer; its second failure posts an alert too.
    posted = {(alert["account"], alert["task"]) for alert in alerts.received}
    assert posted == {(LAPSED, "load")}, alerts.received
    assert max(alert["tries"] for alert in alerts.received) <= RETRIES, alerts.received
    # On a busy machine, requests can arrive closer together than they were sent, and be refused.
    standings = {k: v.replace("throttled", "fresh") for k, v in fleet.standings().items()}
    assert standings == dict.fromkeys(LABELS, "fresh") | {LAPSED: "out of permission"}
    for label in LABELS:
        assert fleet.differences(label) == [], label
        written = accounts.notes(label).count(f"Called by {label}")
        assert (accounts.creates(label), written) == (NOTES * (label in WRITTEN),) * 2, label
    assert fleet.places_of(LABELS[0]), "what is there is found"
    busiest = fleet.broker.slots.busiest_seconds()
    assert len(busiest) >= len(LABELS)
    assert max(busiest.values()) <= 5, busiest
    for key in [*(size.key for size in accounts.sizes.values()), "a-key-that-lapsed"]:
        assert not fleet.places_of(key)
        assert not any(key in line for line in seen)
