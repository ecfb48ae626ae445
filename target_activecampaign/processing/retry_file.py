"""The retry file: failed rows, which the next run sends again."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.storage.private_files import naming, open_private
from target_activecampaign.records.clean_values import is_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.records.input_row import InputRow

    from .deferred_rows import StoredRow


class RetryFile:
    """Stores failed rows with all their columns; without a path it stores nothing.

    During a run the file only grows. Each failed row adds a line, and so does each later row of the
    same key that was written. A killed process therefore never leaves a row in the file that is
    older than the account.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.rows: dict[str, list[StoredRow]] = {}
        if path is None:
            return
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is not a file", str(path))
        with contextlib.suppress(FileNotFoundError):
            self._read_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._rewrite()

    def _read_file(self, path: Path) -> None:
        """Read every line; a file with other content must not be overwritten."""
        lines = path.read_bytes().split(b"\n")
        lines.pop()  # the last line is empty, or incomplete because the process was killed
        for line in lines:
            try:
                self._read_entry(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError):
                raise OSError(errno.EINVAL, "it holds something else", str(path)) from None

    def _read_entry(self, entry: StoredRow) -> None:
        name = str(entry["id"])
        if "settled" in entry:
            self._remove_columns(name, dict(entry["settled"]))
        elif isinstance(entry["record"], dict) and isinstance(entry["stream"], str):
            self.rows.setdefault(name, []).append(entry)
        else:
            raise TypeError

    def __iter__(self) -> Iterator[StoredRow]:
        """Return the stored rows, oldest first."""
        return iter([entry for entries in self.rows.values() for entry in entries])

    def can_store(self, row: InputRow) -> bool:
        """Return whether a failed row can be stored. A row with a password never can."""
        return self._path is not None and "password" not in row.record

    def store(self, row: InputRow, key_properties: list[str]) -> None:
        """Store a failed row; it is on disk when this returns."""
        name = row.ledger_key.hex()
        entry = {
            "id": name,
            "stream": row.stream,
            "input_stream": row.input_stream,
            "key_properties": key_properties,
            "record": row.source,
        }
        if any(stored.get("record") == row.source for stored in self.rows.get(name, ())):
            return
        self.rows.setdefault(name, []).append(entry)
        self._append(entry)

    def remove_decided(self, row: InputRow) -> None:
        """Remove a row's columns from the stored rows of its key: no later run may send them."""
        name = row.ledger_key.hex()
        if name in self.rows:
            written = {column: _items_of(value) for column, value in row.source.items()}
            self._append({"id": name, "settled": written})
            self._remove_columns(name, written)

    def _remove_columns(self, name: str, written: dict[str, Any]) -> None:
        remaining = []
        for entry in self.rows.pop(name, []):
            keys = set(entry.get("key_properties") or ())
            record = _without_written(entry["record"], written, keys)
            identifying = keys | {"email", "id"}
            if any(
                column not in identifying and not is_nothing(value)
                for column, value in record.items()
            ):
                remaining.append({**entry, "record": record})
        if remaining:
            self.rows[name] = remaining

    def _append(self, entry: StoredRow) -> None:
        if self._path is not None:
            descriptor = open_private(self._path, os.O_WRONLY | os.O_APPEND)
            with naming(self._path), os.fdopen(descriptor, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(entry, default=str) + "\n")
                handle.flush()
                os.fsync(handle.fileno())

    def _rewrite(self) -> None:
        if self._path is None:
            return
        new_path = self._path.with_name(self._path.name + ".new")
        descriptor = open_private(new_path, os.O_WRONLY | os.O_TRUNC)
        with naming(new_path), os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.writelines(json.dumps(entry, default=str) + "\n" for entry in self)
            handle.flush()
            os.fsync(handle.fileno())
        new_path.replace(self._path)

    def close(self) -> None:
        """Rewrite the file with the rows to send again."""
        self._rewrite()


def _items_of(value: Any) -> list[Any] | None:
    """Return the keys of an object or the items of an array; None for any other value."""
    return sorted(value) if isinstance(value, dict) else value if isinstance(value, list) else None


def _without_written(record: Record, written: dict[str, Any], keys: set[str]) -> Record:
    """Return a record without the written columns; columns of the key stay."""
    remaining: Record = {}
    for name, value in record.items():
        if name in keys or name not in written or name in {"email", "id"}:
            remaining[name] = value
        elif isinstance(value, dict) and isinstance(written[name], list):
            remaining[name] = {key: part for key, part in value.items() if key not in written[name]}
        elif isinstance(value, list) and isinstance(written[name], list):
            remaining[name] = [item for item in value if item not in written[name]]
    return remaining
