"""The results file: one JSON line per result, or Singer messages for a loader."""

from __future__ import annotations

import json
import os
import secrets
from typing import IO, TYPE_CHECKING, Any

from tap_activecampaign_unified.storage.private_files import naming, open_private

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tap_activecampaign_unified.client import Clock

STREAM = "activecampaign_results"
# `json.dumps` with a `default` would build an encoder per line.
_encode = json.JSONEncoder(default=str).encode
_TEXT = {"type": ["string", "null"]}
_COLUMNS: dict[str, dict[str, Any]] = {
    "run": {"type": ["string"]},
    "number": {"type": ["integer"]},
    "time": {"type": ["string"], "format": "date-time"},
    "row": {"type": ["integer", "null"]},
    "stream": _TEXT,
    "key": {"type": ["object", "null"], "additionalProperties": True},
    "action": _TEXT,
    "id": _TEXT,
    "reason": _TEXT,
    "audience": _TEXT,
    "taken_back": {"type": ["object", "null"], "additionalProperties": True},
    "kept": _TEXT,
}
SCHEMA = {
    "type": "SCHEMA",
    "stream": STREAM,
    "schema": {"type": "object", "properties": _COLUMNS},
    "key_properties": ["run", "number"],
}


def new_run_id(now: datetime) -> str:
    """Return the id of a run that begins now: its time in UTC, and random digits."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


class ResultFile:
    """Writes results to a file that only its user can read. A new run replaces the file.

    In the format ``singer``, the file holds SCHEMA and RECORD messages of one stream. The key is
    the run and the ``number`` of the result in the run, so a repeated load adds no rows.
    """

    def __init__(self, path: Path, run_id: str, clock: Clock, *, is_singer: bool = False) -> None:
        """Open the file. Raises `OSError`."""
        self._path, self._run_id, self._clock, self._is_singer = path, run_id, clock, is_singer
        self._number = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_private(path, os.O_WRONLY | os.O_TRUNC)
        self._file: IO[str] | None = os.fdopen(descriptor, "w", encoding="utf-8")
        if is_singer:
            self._write(SCHEMA)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    def add(self, result: dict[str, Any]) -> None:
        """Write a result: ``row``, ``stream``, ``key``, ``action``, ``id`` and ``reason``.

        The result of a person who left an audience also has ``audience``, ``taken_back`` and
        ``kept``.
        """
        if not self._is_singer:
            self._write({**result, "run": self._run_id})
            return
        self._number += 1
        time = self._clock.now().isoformat()
        run = {"run": self._run_id, "number": self._number, "time": time}
        record = {**dict.fromkeys(_COLUMNS), **run, **result}
        self._write({"type": "RECORD", "stream": STREAM, "record": record, "time_extracted": time})

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            with naming(self._path):
                self._file.write(_encode(line) + "\n")

    def flush(self) -> None:
        """Pass every line to the operating system, so that a killed process loses no line."""
        if self._file is not None:
            with naming(self._path):
                self._file.flush()

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            with naming(self._path):
                file.close()
