"""Runs of the tap in this process: output, state and requests."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib import Catalog

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.client import ActiveCampaignError
from tap_activecampaign_unified.tap import TapActiveCampaignUnified
from tests.sandbox import FakeClock, SandboxAdapter, World, session_of
from tests.tap.client.clients import KEY, ORIGIN, EagerClient, ManualClock, RandomOrder

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests

CONTACT_STREAMS = ("crm_contacts", "marketing_contacts")


@dataclass
class Ran:
    """One run: its output by kind, its last state, its requests, and how it ended."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)
    code: int = 0
    line: str | None = None
    tap: Any = None
    text: str = ""

    @property
    def state(self) -> dict[str, Any]:
        """The last state, empty where none was written."""
        return self.states[-1] if self.states else {}

    @property
    def requests(self) -> int:
        """The number of requests that the account got."""
        return len(self.received)

    def ids(self, stream: str) -> list[str]:
        """Return the ids of a stream's records in order."""
        return [record["id"] for record in self.records.get(stream, [])]

    def by_id(self, stream: str) -> dict[str, dict[str, Any]]:
        """Return a stream's records by id, the last of each."""
        return {record["id"]: record for record in self.records.get(stream, [])}

    def paths(self) -> list[str]:
        """Return the paths of the requests, without the API's prefix."""
        return [entry.path.removeprefix("/api/3/") for entry in self.received]


class Account:
    """A sandbox account with its clock, and runs of the tap against it."""

    def __init__(self, **options: Any) -> None:
        """Create the account; ``clock`` is its start time, else the sandbox's default."""
        self.under_way: Any = None
        self.order = 1  # chooses the order in which prefetched requests are sent
        self.reads_far_ahead = False
        self.moments: FakeClock = options.setdefault("clock", FakeClock())
        self.clock = ManualClock(self.moments)
        self.world = World(**({"requests_per_second": 0} | options))

    def wait(self, **time: float) -> None:
        """Advance the clock."""
        seconds = time.get("seconds", 0) + 60 * time.get("minutes", 0) + 3600 * time.get("hours", 0)
        self.moments.advance(seconds)

    def tap_class(self) -> type[TapActiveCampaignUnified]:
        """Return the tap, connected to this account."""
        account = self

        class InProcess(TapActiveCampaignUnified):
            make_clock = staticmethod(lambda: account.clock)

            @staticmethod
            def make_session() -> requests.Session:
                return session_of(SandboxAdapter(account.world))

            @staticmethod
            def make_workers() -> RandomOrder:
                return RandomOrder(account.order)

        return InProcess

    def config(self, **settings: Any) -> dict[str, Any]:
        """Return settings for this account; sweeps are rare unless a test sets them."""
        usual = {"api_url": ORIGIN, "api_key": KEY, "requests_per_second": 5}
        return usual | {"full_sweep_hours": 168} | settings

    def stop(self, signum: int) -> None:
        """Raise the exception of a signal in the current run."""
        self.under_way._handle_termination(signum, None)

    def revive(self) -> None:
        """Let sleeps wait again after a stop."""
        self.clock.is_woken = False

    def discover(self, **settings: Any) -> Catalog:
        """Return the catalog of a new discovery."""
        tap = self.tap_class()(config=self.config(**settings))
        return Catalog.from_dict(json.loads(tap.catalog_json_text))

    def catalog_of(self, names: Iterable[str], **settings: Any) -> Catalog:
        """Return a catalog of these streams alone, selected. It costs a tenth of a discovery."""
        streams = self.tap_class()(config=self.config(**settings), setup_mapper=False).streams
        entries = [streams[name]._singer_catalog_entry.to_dict() for name in names]
        return select(Catalog.from_dict(json.loads(json.dumps({"streams": entries}))), names)

    def run(
        self,
        state: dict[str, Any] | None = None,
        *,
        only: Iterable[str] | None = None,
        catalog: Catalog | None = None,
        **settings: Any,
    ) -> Ran:
        """Run the tap once.

        ``only`` selects streams, by a catalog whose requests are not counted.
        """
        if only is not None:
            catalog = select(catalog, only) if catalog else self.catalog_of(only, **settings)
        before = len(self.world.log)
        ran = Ran()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                ran.tap = self.under_way = self.tap_class()(
                    config=self.config(**settings),
                    state=state,
                    catalog=catalog,
                    setup_mapper=False,
                )
                if self.reads_far_ahead:
                    ran.tap.context.client.__class__ = EagerClient
                with ran.tap._reported():
                    ran.tap.prepare()
                    ran.tap.sync_all()
            except SystemExit as end:
                ran.code = int(end.code or 0)
            except (cli.ExitProgram, cli.Stopped, ActiveCampaignError) as problem:
                ending = cli.run_ending_of(problem)
                ran.code, ran.line = ending.code, "; ".join(ending.lines)
        ran.received = list(self.world.log[before:])
        ran.text = out.getvalue()
        for line in ran.text.splitlines():
            read_message(ran, json.loads(line))
        return ran


def read_message(ran: Ran, message: dict[str, Any]) -> None:
    """Add one Singer message to a run."""
    ran.messages.append(message)
    if message["type"] == "RECORD":
        ran.records.setdefault(message["stream"], []).append(message["record"])
    elif message["type"] == "SCHEMA":
        ran.schemas[message["stream"]] = message
    elif message["type"] == "STATE":
        ran.states.append(message["value"])


def select(catalog: Catalog, streams: Iterable[str]) -> Catalog:
    """Select these streams and no others."""
    chosen = set(streams)
    for name, entry in catalog.items():
        entry.metadata.root.selected = name in chosen
    return catalog
