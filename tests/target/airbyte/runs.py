"""Runs of the destination in this process: Airbyte messages in, messages and results out."""

from __future__ import annotations

import contextlib
import json
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.airbyte.writer import AirbyteWriter
from target_activecampaign.airbyte.destination import DestinationTarget
from target_activecampaign.airbyte.destination_commands import NAME, destination
from tests.tap.airbyte.runs import Answer, run_command
from tests.tap.client.clients import KEY, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.target.runner import TargetRunner

Message = dict[str, Any]


class Destination:
    """The destination for a runner's account, with the files that Airbyte passes to it."""

    def __init__(self, runner: TargetRunner) -> None:
        """Keep the runner."""
        self.runner = runner

    def make_target(self) -> type[DestinationTarget]:
        """Return the destination's target, connected to the runner's account."""
        seams = type(self.runner.target())

        class InProcess(DestinationTarget):
            make_clock = staticmethod(seams.make_clock)
            make_session = staticmethod(seams.make_session)
            make_pool = staticmethod(seams.make_pool)
            batch_rows = seams.batch_rows

        return InProcess

    def call(self, *arguments: str) -> Answer:
        """Run a command of the destination."""
        return run_command(NAME, destination(AirbyteWriter(), self.make_target()), [*arguments])

    def config(self, **settings: Any) -> list[str]:
        """Return the option that gives the settings."""
        folder = self.runner.folder
        config = {
            "api_url": ORIGIN,
            "api_key": KEY,
            "results_path": str(folder / "results.jsonl"),
            "ledger_path": str(folder / "ledger.sqlite"),
            "rate_limit_store": str(folder / "rate.json"),
            "max_concurrent_requests": 1,
        }
        path = folder / "config.json"
        path.write_text(json.dumps(config | settings))
        return ["--config", str(path)]

    def check(self, **settings: Any) -> Message:
        """Return the status that a check wrote; it always ends well."""
        answer = self.call("check", *self.config(**settings))
        assert answer.code == 0
        (status,) = answer.of("CONNECTION_STATUS")
        found: Message = status
        return found

    def write(
        self, catalog: Message, *messages: Message | str, **settings: Any
    ) -> tuple[Answer, list[Message]]:
        """Write messages; return what the destination wrote, and the result of each row."""
        path = self.runner.folder / "catalog.json"
        path.write_text(json.dumps(catalog))
        lines = [
            message if isinstance(message, str) else json.dumps(message) + "\n"
            for message in messages
        ]
        with standard_input("".join(lines)):
            answer = self.call("write", *self.config(**settings), "--catalog", str(path))
        results = self.runner.folder / "results.jsonl"
        text = results.read_text() if results.exists() else ""
        return answer, [json.loads(line) for line in text.splitlines()]


@contextlib.contextmanager
def standard_input(text: str) -> Iterator[None]:
    """Use a text as the standard input."""
    before, sys.stdin = sys.stdin, StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


def catalog_of(*streams: str, mode: str = "append_dedup", **keys: list[str]) -> Message:
    """Return a configured catalog of these streams."""
    return {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": {"type": "object", "properties": {}},
                    "supported_sync_modes": ["full_refresh"],
                },
                "sync_mode": "full_refresh",
                "destination_sync_mode": mode,
                "primary_key": [[key] for key in keys.get(name, [])],
            }
            for name in streams
        ]
    }


def record(stream: str, /, **data: Any) -> Message:
    """Return a RECORD message as PyAirbyte writes it: unset keys are null."""
    part = {"stream": stream, "data": data, "emitted_at": 1, "namespace": None, "meta": None}
    return {"type": "RECORD", "log": None, "state": None, "record": part}


def state(stream: str, value: Any = 1) -> Message:
    """Return a STATE message of one stream, with a key of Airbyte's platform."""
    part = {"stream_descriptor": {"name": stream}, "stream_state": {"at": value}}
    stats = {"recordCount": 7.0}
    return {
        "type": "STATE",
        "state": {"type": "STREAM", "stream": part, "sourceStats": stats, "id": value},
    }


def status(stream: str, value: str) -> Message:
    """Return a TRACE message with a stream's status."""
    part = {"stream_descriptor": {"name": stream}, "status": value}
    trace = {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": part}
    return {"type": "TRACE", "trace": trace}
