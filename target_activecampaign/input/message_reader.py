"""Parses lines of the input into messages; an unreadable line affects no other line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Message = dict[str, Any]

# ActiveCampaign accepts no value of this depth. Python's JSON writer still can write it to files.
MAX_LEVELS = 100


class BrokenLine(Protocol):
    """Callback for a line that cannot be read; the target counts it."""

    def __call__(self, why: str, *, is_record: bool) -> None:
        """Handle the reason ``why``; ``is_record``: the line may have been a record."""


class MessageReader:
    """Reads Singer messages line by line, with the interface of the SDK's readers.

    Calls ``on_fault`` for each unreadable line.
    """

    def __init__(self, on_fault: BrokenLine) -> None:
        self._on_fault = on_fault
        self._number = 0
        self._has_faults = False
        #: Whether the input had lines, and none of them was a message.
        self.has_no_message = False

    def process_lines(
        self, file_input: Iterable[str] | None, callbacks: dict[str, Callable[[Message], None]]
    ) -> Counter[str]:
        """Call the callback of each message's type and count the messages."""
        stats: Counter[str] = Counter()
        lines = _tolerate_bad_bytes(sys.stdin if file_input is None else file_input)
        for self._number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            message = self._parse(line)
            if message is None:
                continue
            message_type = message.get("type")
            callback = callbacks.get(message_type) if isinstance(message_type, str) else None
            if callback is None:
                self._leave_out(
                    "its type is not one of Singer's (SCHEMA, RECORD, STATE)", is_record=False
                )
                continue
            stats[str(message_type)] += 1
            callback(message)
        self.has_no_message = self._has_faults and not stats
        return stats

    def _leave_out(self, why: str, *, is_record: bool) -> None:
        """Report an unreadable line; add the line number if the line does not count as a row."""
        self._has_faults = True
        where = "" if is_record else f"line {self._number}: "
        self._on_fault(f"{where}{why}", is_record=is_record)

    def _parse(self, line: str) -> Message | None:
        try:
            if not line.isascii():
                line.encode("utf-8")
            message, may_hold_surrogates = _read(line)
            if not isinstance(message, dict):
                self._leave_out("it is not a JSON object", is_record=False)
                return None
            if _is_deep(line, message):
                self._leave_out("nested more than 100 levels deep", is_record=_is_record(line))
                return None
            if may_hold_surrogates and _has_lone_surrogate(message):
                self._leave_out(
                    "text that is not Unicode (a lone surrogate)", is_record=_is_record(line)
                )
                return None
        except UnicodeEncodeError:
            self._leave_out("text that is not UTF-8", is_record=_is_record(line))
        except (ValueError, RecursionError):
            if line.endswith("\n"):
                self._leave_out("broken JSON", is_record=_is_record(line))
            else:
                self._leave_out(
                    "broken JSON: the input ended in the middle of it", is_record=_is_record(line)
                )
        else:
            return message
        return None

    @staticmethod
    def assert_line_requires(line_dict: Message, requires: set[str]) -> None:
        """Raise `ValueError` if a message lacks a required part."""
        missing = sorted(requires - set(line_dict))
        if missing:
            raise ValueError(f"the message lacks {', '.join(missing)}")


def _read(line: str) -> tuple[Any, bool]:
    """Return a line's JSON and whether it may hold a lone surrogate; raise `ValueError`."""
    try:
        return msgspec.json.decode(line), False
    except ValueError:
        # msgspec also refuses NaN and 1e400, which Python's reader accepts.
        return json.loads(line), "\\u" in line


def _is_deep(line: str, message: Message) -> bool:
    if line.count("[") + line.count("{") <= MAX_LEVELS:
        return False
    level: list[Any] = [message]
    for _ in range(MAX_LEVELS):
        inner = (node.values() if isinstance(node, dict) else node for node in level)
        level = [part for parts in inner for part in parts if isinstance(part, (dict, list))]
    return bool(level)


def _is_record(line: str) -> bool:
    """Return whether an unreadable line may be a record: it shows no other message type."""
    begin = line[:400].replace(" ", "")
    return not any(
        f'"type":"{message_type}"' in begin
        for message_type in ("SCHEMA", "STATE", "ACTIVATE_VERSION")
    )


def _has_lone_surrogate(message: Message) -> bool:
    try:
        json.dumps(message, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _tolerate_bad_bytes(source: Iterable[str]) -> Iterable[str]:
    """Return lines in which a byte that is not UTF-8 affects only its own line."""
    reconfigure = getattr(source, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="surrogateescape")
    return _without_byte_order_mark(source)


def _without_byte_order_mark(source: Iterable[str]) -> Iterable[str]:
    """Return the lines without the byte order mark that some editors put at the beginning."""
    for number, line in enumerate(source):
        yield line.removeprefix("\ufeff") if number == 0 else line
