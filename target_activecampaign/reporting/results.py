"""Results of rows: each row has one outcome, one line in the results file, and one count."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import redact_values
from target_activecampaign.outcome import Action, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .result_file import ResultFile

logger = logging.getLogger(__name__)

#: Shorter values of a row stay in its reason.
MIN_VALUE_LENGTH = 4
MAX_NESTED = 3
# The most reasons that the log shows per stream. The results file has all reasons.
MAX_REASONS = 10
CHANGED = frozenset({Action.CREATED, Action.UPDATED, Action.PLANNED})


def _without_values(reason: str, record: dict[str, Any], own_words: tuple[str, ...]) -> str:
    """Return a reason without the row's values, which ActiveCampaign may repeat in its message.

    The texts ``own_words`` stay unchanged, even if they contain a value of the row.
    """
    for number, text in enumerate(own_words):
        reason = reason.replace(text, f"\0{number}\0")
    for text in sorted(set(_texts_of(record)), key=len, reverse=True):
        if text in reason:
            reason = reason.replace(text, "…")
    reason = redact_values(reason)
    for number, text in enumerate(own_words):
        reason = reason.replace(f"\0{number}\0", text)
    return reason


def _texts_of(value: Any, level: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= MIN_VALUE_LENGTH:
            yield value
    elif isinstance(value, (dict, list)) and level < MAX_NESTED:
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts_of(part, level + 1)


@dataclass
class StreamResults:
    """The rows of a stream by action, and their reasons."""

    actions: Counter[Action] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """All rows that have an outcome."""
        return sum(self.actions.values())


class Results:
    """Counts the outcome of each row and writes it to ``file``, if given.

    ``own_words`` are texts of this program, such as its lists of accepted forms. A reason may
    contain them even if a row holds the same text.
    """

    def __init__(self, file: ResultFile | None = None, own_words: tuple[str, ...] = ()) -> None:
        self._own_words = own_words
        self.streams: dict[str, StreamResults] = {}
        self.rows = 0
        #: Called with each row's number, stream and outcome.
        self.observer: Callable[[int | None, str, Outcome], None] | None = None
        self._file = file

    def count(self, *actions: Action) -> int:
        """Return the number of rows with any of these ``actions``."""
        return sum(stream.actions[action] for stream in self.streams.values() for action in actions)

    def add(
        self,
        number: int | None,
        stream: str,
        key: dict[str, Any],
        outcome: Outcome,
        record: dict[str, Any] | None = None,
    ) -> None:
        """Record the outcome of a row; ``number`` is None for a row of the retry file.

        The results file has the unchanged reason. Summary and report have the reason without
        values of ``record``.
        """
        counts = self.streams.setdefault(stream, StreamResults())
        counts.actions[outcome.action] += 1
        self.rows += 1
        if self.observer is not None:
            self.observer(number, stream, outcome)
        if outcome.reason:
            reason = _without_values(outcome.reason, record or key, self._own_words)
            counts.reasons[f"{outcome.action.value}: {reason}"] += 1
            if len(counts.reasons) > 10_000:
                counts.reasons = Counter(dict(counts.reasons.most_common(1_000)))
        if self._file is not None:
            line = {
                "row": number,
                "stream": stream,
                "key": key,
                "action": outcome.action.value,
                "id": outcome.id,
                "reason": outcome.reason,
            }
            self._file.add(line | dict(outcome.details or {}))

    def flush(self) -> None:
        """Pass every line to the operating system, so that a killed process loses no line."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def log_summary(self) -> None:
        """Write a line per stream to the process log; its numbers add up to the input."""
        for name, counts in sorted(self.streams.items()):
            text = ", ".join(
                f"{counts.actions[action]} {action.value}"
                for action in Action
                if counts.actions[action]
            )
            logger.info("%s: %d rows: %s", name, counts.rows, text)
            for reason, count in counts.reasons.most_common(MAX_REASONS):
                is_problem = reason.startswith((Action.REJECTED, Action.FAILED))
                level = logging.WARNING if is_problem else logging.INFO
                logger.log(level, "%s: %d times %s", name, count, reason)
            if (hidden := len(counts.reasons) - MAX_REASONS) > 0:
                where = f"see {self._file.path}" if self._file else "set results_path to see them"
                logger.warning("%s: %d more reasons: %s", name, hidden, where)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of rows of each stream, in total and by action."""
        return {
            name: {"rows": stream.rows}
            | {action.value: stream.actions[action] for action in Action}
            for name, stream in self.streams.items()
        }

    def totals(self) -> dict[str, int]:
        """Return the number of rows of all streams, in total and by action."""
        return {"read": self.rows} | {action.value: self.count(action) for action in Action}

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        return {
            name: {
                "rows": counts.rows,
                "actions": {action.value: counts.actions[action] for action in Action},
                "reasons": dict(counts.reasons.most_common(100)),
            }
            for name, counts in sorted(self.streams.items())
        }
