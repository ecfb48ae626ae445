"""What a run did, stream by stream: for the summary at its end and the report file."""

from __future__ import annotations

import logging
import platform
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestStats

if TYPE_CHECKING:
    from tap_activecampaign_unified.cli import RunEnding
    from tap_activecampaign_unified.client import Clock
    from tap_activecampaign_unified.config.settings import Settings

logger = logging.getLogger(__name__)

# So many kinds of faults are a line each in the log; all of them are in the report.
MOST_FAULTS = 10


@dataclass
class StreamStats:
    """One stream's numbers. ``read`` = ``emitted`` + ``suppressed`` + all of ``skipped``.

    ``outcome`` is done, skipped, failed or stopped; ``faults`` counts unreadable fields;
    ``deleted`` counts tombstones, which are none of the rows read.
    """

    read: int = 0
    emitted: int = 0
    suppressed: int = 0
    deleted: int = 0
    deletes_refused: str | None = None
    faulty: int = 0
    requests: int = 0
    seconds: float = 0.0
    outcome: str = "not reached"
    problem: str | None = None
    faults: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def note_faults(self, errors: list[str]) -> None:
        """Count a row's unreadable fields."""
        self.faulty += 1
        for error in errors:
            self.faults[error] += 1


class RunReport:
    """The tallies of all selected streams."""

    def __init__(self) -> None:
        """Begin empty."""
        self.tallies: dict[str, StreamStats] = {}

    def tally(self, stream: str) -> StreamStats:
        """Return a stream's tally, a new one at first."""
        return self.tallies.setdefault(stream, StreamStats())

    @property
    def failed(self) -> list[str]:
        """The streams that failed for good."""
        return [name for name, tally in self.tallies.items() if tally.outcome == "failed"]

    def totals(self) -> dict[str, int]:
        """Return the rows of all streams together."""
        tallies = self.tallies.values()
        return {
            "read": sum(one.read for one in tallies),
            "emitted": sum(one.emitted for one in tallies),
            "suppressed": sum(one.suppressed for one in tallies),
            "left_out": sum(one.skipped.total() for one in tallies),
            "faulty": sum(one.faulty for one in tallies),
            "deleted": sum(one.deleted for one in tallies),
        }

    def summary(self) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
        """Return for people each stream's rows by what became of them, and how streams ended.

        A stream that was read to its end has no word on that.
        """
        counts = {
            name: {
                "read": one.read,
                "emitted": one.emitted,
                "unchanged": one.suppressed,
                "left out": one.skipped.total(),
                "deleted": one.deleted,
                "with unreadable fields": one.faulty,
                "requests": one.requests,
            }
            for name, one in self.tallies.items()
        }
        return counts, {
            name: one.outcome + (f": {one.problem}" if one.problem else "")
            for name, one in self.tallies.items()
            if one.outcome != "done"
        }

    def log_summary(self) -> None:
        """Write a line per stream to the process log."""
        for name, one in sorted(self.tallies.items()):
            logger.info(
                "%s: %s, %d rows read, %d emitted, %d suppressed, %d faulty, %d requests, %.1f s%s",
                name,
                one.outcome,
                one.read,
                one.emitted,
                one.suppressed,
                one.faulty,
                one.requests,
                one.seconds,
                f" ({one.problem})" if one.problem else "",
            )
            if one.deleted:
                logger.info("%s: %d rows or pairs told to be deleted", name, one.deleted)
            for error, count in one.faults.most_common(MOST_FAULTS):
                logger.warning("%s: %d times %s", name, count, error)
            if (more := len(one.faults) - MOST_FAULTS) > 0:
                logger.warning("%s: %d more kinds of faults: see run_report_path", name, more)
            for reason, count in one.skipped.items():
                logger.info("%s: %d rows left out: %s", name, count, reason)

    def document(self) -> dict[str, Any]:
        """Return the streams' numbers as JSON."""
        return {
            name: {
                "outcome": one.outcome,
                "problem": one.problem,
                "rows_read": one.read,
                "rows_emitted": one.emitted,
                "rows_suppressed": one.suppressed,
                "rows_faulty": one.faulty,
                "rows_deleted": one.deleted,
                "deletes_refused": one.deletes_refused,
                "rows_left_out": dict(one.skipped),
                "faults": dict(one.faults),
                "requests": one.requests,
                "seconds": round(one.seconds, 3),
            }
            for name, one in sorted(self.tallies.items())
        }


class RunMetadata:
    """What the reports of both programs have in common, from a run's start to its end.

    A report holds neither secrets nor values of a row.
    """

    def __init__(self, program: str, version: str, clock: Clock) -> None:
        """Begin now."""
        self._program, self._version, self._clock = program, version, clock
        self._began_at, self._began = clock.now(), clock.monotonic()

    def document(
        self, settings: Settings, traffic: RequestStats | None, ending: RunEnding
    ) -> dict[str, Any]:
        """Return it as JSON; ``traffic`` is None where no client was made."""
        return {
            "program": self._program,
            "versions": {
                "program": self._version,
                "python": platform.python_version(),
                "singer_sdk": version("singer-sdk"),
                "system": f"{platform.system()} {platform.machine()}",
            },
            "account": settings.connection.address.account if settings.connection else None,
            "began_at": self._began_at.isoformat(),
            "finished_at": self._clock.now().isoformat(),
            "seconds": round(self._clock.monotonic() - self._began, 3),
            "exit_code": ending.code,
            "problem": "; ".join(ending.lines) or None,
            "settings": settings.told(),
            "traffic": (traffic or RequestStats(self._clock)).document(),
        }
