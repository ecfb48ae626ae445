"""What became of each row: one outcome, one line in the results file, one count in the summary."""

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

SHORTEST_SECRET = 4
MOST_NESTED = 3
# So many reasons are a line each in the log; all of them are in the results.
MOST_REASONS = 10
BEHIND = "an earlier row of the same key waits for something that may still come"
OTHER_ADDRESS = (
    "id: this contact has another address; set allow_email_change to change it, or source_ids to "
    "foreign if the ids are another account's"
)


CHANGED = frozenset({Action.CREATED, Action.UPDATED, Action.PLANNED})


def _untold(reason: str, record: dict[str, Any]) -> str:
    """Return a reason without what ActiveCampaign repeats in it of a row."""
    for text in sorted(set(_texts_of(record)), key=len, reverse=True):
        if text in reason:
            reason = reason.replace(text, "…")
    return redact_values(reason)


def _texts_of(value: Any, level: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= SHORTEST_SECRET:
            yield value
    elif isinstance(value, (dict, list)) and level < MOST_NESTED:
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts_of(part, level + 1)


@dataclass
class StreamResults:
    """One stream's rows by action, and the reasons that were given."""

    actions: Counter[Action] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """All rows that have an outcome."""
        return sum(self.actions.values())


class Results:
    """Takes every row's outcome once, and writes it to ``file`` if there is one."""

    def __init__(self, file: ResultFile | None = None) -> None:
        self.streams: dict[str, StreamResults] = {}
        self.rows = 0
        #: Called with each row's number, stream and outcome.
        self.observer: Callable[[int | None, str, Outcome], None] | None = None
        self._file = file

    def count(self, *actions: Action) -> int:
        """Count the rows that ended in one of ``actions``."""
        return sum(one.actions[action] for one in self.streams.values() for action in actions)

    def add(
        self,
        number: int | None,
        stream: str,
        key: dict[str, Any],
        outcome: Outcome,
        record: dict[str, Any] | None = None,
    ) -> None:
        """Note a row's end; ``number`` is None for a row of the retry file.

        The file has the reason as it is; summary and report have it without values of ``record``.
        """
        tally = self.streams.setdefault(stream, StreamResults())
        tally.actions[outcome.action] += 1
        self.rows += 1
        if self.observer is not None:
            self.observer(number, stream, outcome)
        if outcome.reason:
            told = _untold(outcome.reason, record or key)
            tally.reasons[f"{outcome.action.value}: {told}"] += 1
            if len(tally.reasons) > 10_000:
                tally.reasons = Counter(dict(tally.reasons.most_common(1_000)))
        if self._file is not None:
            line = {
                "row": number,
                "stream": stream,
                "key": key,
                "action": outcome.action.value,
                "id": outcome.id,
                "reason": outcome.reason,
            }
            self._file.add(line)

    def flush(self) -> None:
        """Hand every line to the operating system: a killed process keeps it."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def log_summary(self) -> None:
        """Write a line per stream to the process log; its numbers add up to the input."""
        for name, tally in sorted(self.streams.items()):
            counts = ", ".join(
                f"{tally.actions[action]} {action.value}"
                for action in Action
                if tally.actions[action]
            )
            logger.info("%s: %d rows: %s", name, tally.rows, counts)
            for reason, count in tally.reasons.most_common(MOST_REASONS):
                is_undone = reason.startswith((Action.REJECTED, Action.FAILED))
                level = logging.WARNING if is_undone else logging.INFO
                logger.log(level, "%s: %d times %s", name, count, reason)
            if (more := len(tally.reasons) - MOST_REASONS) > 0:
                logger.warning("%s: %d more reasons: see results_path", name, more)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return each stream's rows, all and by action, for people."""
        return {
            name: {"rows": one.rows} | {action.value: one.actions[action] for action in Action}
            for name, one in self.streams.items()
        }

    def totals(self) -> dict[str, int]:
        """Return the rows of all streams together, all and by action."""
        return {"read": self.rows} | {action.value: self.count(action) for action in Action}

    def document(self) -> dict[str, Any]:
        """Return the numbers as JSON."""
        return {
            name: {
                "rows": tally.rows,
                "actions": {action.value: tally.actions[action] for action in Action},
                "reasons": dict(tally.reasons.most_common(100)),
            }
            for name, tally in sorted(self.streams.items())
        }
