"""The programs as a user runs them: processes with files, an exit code and two streams."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import forked

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = "k3y-4f81c6-that-nobody-may-see"
TAP = Path(sys.executable).with_name("tap-activecampaign-unified")
PREFIX = "TAP_ACTIVECAMPAIGN_UNIFIED_"
CONTACT_STREAMS = ("crm_contacts", "marketing_contacts")
SECONDS = 60


@dataclass
class Ended:
    """The output of a process."""

    code: int
    out: str
    err: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """The lines of the level ERROR, without time, level and logger."""
        found = re.findall(r"\| (?:ERROR|CRITICAL) +\| [\w.-]+ +\| (.*)", self.err)
        return [str(line) for line in found]

    @property
    def line(self) -> str:
        """The only error line."""
        assert len(self.errors) == 1, self.err
        return self.errors[0]

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states in order."""
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Return a stream's records."""
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def ids(self, stream: str) -> list[int]:
        """Return the ids of a stream's records as numbers, in order."""
        return [int(record["id"]) for record in self.records(stream)]


class Workspace:
    """A folder with a user's files, in which the tap runs."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        """Use a folder and the account's address."""
        self.folder = folder
        self.settings: dict[str, Any] = {"api_key": KEY, "requests_per_second": 0}
        if url:
            self.settings["api_url"] = url

    @property
    def environment(self) -> dict[str, str]:
        """A minimal environment without the machine's settings, files and proxies."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "LANG": "C.UTF-8",
        }

    def file(self, name: str, content: Any) -> Path:
        """Write a file; values that are no text are written as JSON."""
        path = self.folder / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    def config(self, **settings: Any) -> Path:
        """Write the settings, given settings over the usual settings; None removes a setting."""
        config = self.settings | settings
        return self.file("config.json", {k: v for k, v in config.items() if v is not None})

    def arguments(
        self, *more: str, state: Any = None, catalog: Any = None, **settings: Any
    ) -> list[str]:
        """Return the command line of a run."""
        found = [str(TAP), "--config", str(self.config(**settings)), *more]
        if state is not None:
            found += ["--state", str(self.file("state.json", state))]
        if catalog is not None:
            found += ["--catalog", str(self.file("catalog.json", catalog))]
        return found

    def run(self, *more: str, state: Any = None, catalog: Any = None, **settings: Any) -> Ended:
        """Run the tap to its end and check the properties of every run."""
        _, *arguments = self.arguments(*more, state=state, catalog=catalog, **settings)
        out, err = self.folder / "forked.out", self.folder / "forked.err"
        process = forked.start(TAP.name, arguments, self.folder, self.environment, out=out, err=err)
        code = forked.ended(process)
        ended = checked(code, out.read_bytes(), err.read_bytes())
        ended.messages = messages(ended.out)
        return ended

    def call(self, command: list[str], **environment: str) -> Ended:
        """Run any command, with the interpreter's own start."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        return checked(done.returncode, done.stdout, done.stderr)


def checked(code: int, out: bytes, err: bytes) -> Ended:
    """Return the output of a process after checking that it has no key and no traceback."""
    ended = Ended(code, out.decode(), err.decode())
    for text in (ended.out, ended.err):
        assert KEY not in text
        assert KEY[:10] not in text
        assert "Traceback" not in text
    return ended


def messages(out: str) -> list[dict[str, Any]]:
    """Return the Singer messages of an output that has nothing else."""
    found = [json.loads(line) for line in out.splitlines()]
    assert {message["type"] for message in found} <= {
        "SCHEMA",
        "RECORD",
        "STATE",
        "ACTIVATE_VERSION",
    }
    return found


def selecting(catalog: dict[str, Any], streams: Iterable[str]) -> dict[str, Any]:
    """Return the catalog with these streams selected and no others."""
    chosen = set(streams)
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = entry["tap_stream_id"] in chosen
    return catalog
