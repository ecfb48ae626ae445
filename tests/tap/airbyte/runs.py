"""Runs of a connector in this process: the Airbyte messages it wrote and how it ended."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from airbyte_protocol_dataclasses.models import AirbyteMessage

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.airbyte.source import NAME, SourceTap, SourceWriter
from tap_activecampaign_unified.airbyte.source_commands import source
from tests.tap.client.clients import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.tap.running import Account

Message = dict[str, Any]


@dataclass
class Answer:
    """What one command wrote, and how it ended."""

    code: int = 0
    lines: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def of(self, kind: str) -> list[Any]:
        """Return the contents of all messages of a type."""
        name = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[name] for message in self.messages if message["type"] == kind]

    def traces(self, kind: str) -> list[Any]:
        """Return the contents of all TRACE messages of a kind."""
        return [trace[kind.lower()] for trace in self.of("TRACE") if trace["type"] == kind]

    @property
    def records(self) -> dict[str, list[Message]]:
        """The records by stream."""
        found: dict[str, list[Message]] = {}
        for record in self.of("RECORD"):
            found.setdefault(record["stream"], []).append(record["data"])
        return found

    @property
    def states(self) -> dict[str, Message]:
        """The last state message of each stream."""
        return {state["stream"]["stream_descriptor"]["name"]: state for state in self.of("STATE")}

    @property
    def covered(self) -> Counter[str]:
        """How many records the states of each stream cover."""
        found: Counter[str] = Counter()
        for state in self.of("STATE"):
            name = state["stream"]["stream_descriptor"]["name"]
            found[name] += state["sourceStats"]["recordCount"]
        return +found

    @property
    def statuses(self) -> dict[str, list[str]]:
        """The statuses of each stream, in their order."""
        found: dict[str, list[str]] = {}
        for trace in self.traces("STREAM_STATUS"):
            found.setdefault(trace["stream_descriptor"]["name"], []).append(trace["status"])
        return found

    @property
    def errors(self) -> list[tuple[str | None, str]]:
        """The stream (None: the run) and the failure type of each error."""
        return [
            ((trace.get("stream_descriptor") or {}).get("name"), trace["failure_type"])
            for trace in self.traces("ERROR")
        ]


def run_command(name: str, command: Any, arguments: list[str]) -> Answer:
    """Run a connector's command as its program does."""
    answer, out = Answer(), io.StringIO()
    with contextlib.redirect_stdout(out):
        answer.lines, answer.code = cli._run(
            logging.getLogger(name), name, lambda: _Fixed(command, arguments)
        )
    text = out.getvalue()
    assert KEY not in text
    for line in text.splitlines():
        assert line.isascii()
        msgspec.json.decode(line, type=AirbyteMessage)  # it fits Airbyte's own model
        answer.messages.append(json.loads(line))
    return answer


class _Fixed:
    """A command with its arguments."""

    def __init__(self, command: Any, arguments: list[str]) -> None:
        self._command, self._arguments = command, arguments

    def main(self, **options: Any) -> Any:
        return self._command.main(self._arguments, **options)


class Connector:
    """The source for an account in this process, with the files that Airbyte passes to it."""

    def __init__(self, account: Account, folder: Path) -> None:
        """Keep the account and the folder."""
        self.account, self.folder = account, folder

    def make_tap(self) -> type[SourceTap]:
        """Return the source's tap, connected to this account."""
        account, seams = self.account, self.account.tap_class()

        class InProcess(SourceTap):
            make_clock = staticmethod(seams.make_clock)
            make_session = staticmethod(seams.make_session)
            make_workers = staticmethod(seams.make_workers)

            def __init__(self, **kwargs: Any) -> None:
                account.under_way = self
                super().__init__(**kwargs)

        return InProcess

    def file(self, name: str, content: Any) -> str:
        """Write a file and return its path."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def call(self, *arguments: str) -> Answer:
        """Run a command of the source."""
        return run_command(NAME, source(SourceWriter(), self.make_tap()), [*arguments])

    def config(self, **settings: Any) -> list[str]:
        """Return the option that gives the settings."""
        config = self.account.config(**settings)
        return ["--config", self.file("config.json", config)]

    def check(self, **settings: Any) -> Message:
        """Return the status that a check wrote; it always ends well."""
        answer = self.call("check", *self.config(**settings))
        assert answer.code == 0
        (status,) = answer.of("CONNECTION_STATUS")
        found: Message = status
        return found

    def discover(self, **settings: Any) -> dict[str, Message]:
        """Return the discovered streams by name."""
        answer = self.call("discover", *self.config(**settings))
        (catalog,) = answer.of("CATALOG")
        return {stream["name"]: stream for stream in catalog["streams"]}

    def configured(
        self,
        names: Iterable[str],
        *,
        full_refresh: Iterable[str] = (),
        fields: dict[str, list[str]] | None = None,
        **settings: Any,
    ) -> Message:
        """Return a configured catalog of these streams, with these fields of them."""
        known, entries = self.discover(**settings), []
        for name in names:
            stream = copy.deepcopy(known[name])
            if fields and name in fields:
                properties = stream["json_schema"]["properties"]
                stream["json_schema"]["properties"] = {
                    field: properties[field] for field in fields[name]
                }
            whole = name in full_refresh or "incremental" not in stream["supported_sync_modes"]
            entries.append(
                {
                    "stream": stream,
                    "sync_mode": "full_refresh" if whole else "incremental",
                    "destination_sync_mode": "append_dedup",
                }
            )
        return {"streams": entries}

    def read(
        self, catalog: Message, states: dict[str, Message] | None = None, **settings: Any
    ) -> Answer:
        """Read a configured catalog from these states on."""
        arguments = ["read", *self.config(**settings)]
        arguments += ["--catalog", self.file("catalog.json", catalog)]
        if states is not None:
            arguments += ["--state", self.file("state.json", list(states.values()))]
        return self.call(*arguments)
