"""Counts and outcomes of the streams, for the summary and the run report.

`_document` in `tap.py` and `_report` in the target's `target.py` assemble the document of the run
report. `report_files.py` writes it.
"""

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
    from tap_activecampaign_unified.config.read_settings import Settings

logger = logging.getLogger(__name__)

# The log has a line for this many kinds of faults. The run report has all kinds.
MAX_LOGGED_FAULTS = 10


@dataclass
class StreamStats:
    """One stream's counts. ``read`` = ``emitted`` + ``suppressed`` + the sum of ``skipped``.

    ``outcome`` is done, skipped, failed, stopped or not reached. ``faults`` counts unreadable
    fields by message. ``deleted`` counts tombstones, which are not part of ``read``.
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
    """The counts of all selected streams."""

    def __init__(self) -> None:
        self.stats_by_stream: dict[str, StreamStats] = {}

    def stats_of(self, stream: str) -> StreamStats:
        """Return a stream's counts, which start at 0."""
        return self.stats_by_stream.setdefault(stream, StreamStats())

    @property
    def failed(self) -> list[str]:
        """The streams that failed."""
        return [name for name, stats in self.stats_by_stream.items() if stats.outcome == "failed"]

    def totals(self) -> dict[str, int]:
        """Return the sums over all streams."""
        all_stats = self.stats_by_stream.values()
        return {
            "read": sum(stats.read for stats in all_stats),
            "emitted": sum(stats.emitted for stats in all_stats),
            "suppressed": sum(stats.suppressed for stats in all_stats),
            "left_out": sum(stats.skipped.total() for stats in all_stats),
            "faulty": sum(stats.faulty for stats in all_stats),
            "deleted": sum(stats.deleted for stats in all_stats),
        }

    def summary(self) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
        """Return each stream's counts and note for the summary table.

        A stream that is done has no note.
        """
        counts = {
            name: {
                "read": stats.read,
                "emitted": stats.emitted,
                "unchanged": stats.suppressed,
                "left out": stats.skipped.total(),
                "deleted": stats.deleted,
                "with unreadable fields": stats.faulty,
                "requests": stats.requests,
            }
            for name, stats in self.stats_by_stream.items()
        }
        return counts, {
            name: stats.outcome + (f": {stats.problem}" if stats.problem else "")
            for name, stats in self.stats_by_stream.items()
            if stats.outcome != "done"
        }

    def log_summary(self) -> None:
        """Log a line per stream."""
        for name, stats in sorted(self.stats_by_stream.items()):
            logger.info(
                "%s: %s, %d rows read, %d emitted, %d suppressed, %d faulty, %d requests, %.1f s%s",
                name,
                stats.outcome,
                stats.read,
                stats.emitted,
                stats.suppressed,
                stats.faulty,
                stats.requests,
                stats.seconds,
                f" ({stats.problem})" if stats.problem else "",
            )
            if stats.deleted:
                logger.info("%s: %d tombstones emitted", name, stats.deleted)
            for error, count in stats.faults.most_common(MAX_LOGGED_FAULTS):
                logger.warning("%s: %d times %s", name, count, error)
            if (more := len(stats.faults) - MAX_LOGGED_FAULTS) > 0:
                logger.warning("%s: %d more kinds of faults: see run_report_path", name, more)
            for reason, count in stats.skipped.items():
                logger.info("%s: %d rows left out: %s", name, count, reason)

    def document(self) -> dict[str, Any]:
        """Return the streams' counts for the run report."""
        return {
            name: {
                "outcome": stats.outcome,
                "problem": stats.problem,
                "rows_read": stats.read,
                "rows_emitted": stats.emitted,
                "rows_suppressed": stats.suppressed,
                "rows_faulty": stats.faulty,
                "rows_deleted": stats.deleted,
                "deletes_refused": stats.deletes_refused,
                "rows_left_out": dict(stats.skipped),
                "faults": dict(stats.faults),
                "requests": stats.requests,
                "seconds": round(stats.seconds, 3),
            }
            for name, stats in sorted(self.stats_by_stream.items())
        }


class RunMetadata:
    """The part of the run report that both programs share. It has no secrets and no row values."""

    def __init__(self, program: str, version: str, clock: Clock) -> None:
        self._program, self._version, self._clock = program, version, clock
        self._began_at, self._began = clock.now(), clock.monotonic()

    def document(
        self, settings: Settings, traffic: RequestStats | None, ending: RunEnding
    ) -> dict[str, Any]:
        """Return the metadata for the run report. ``traffic`` is None without a client."""
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
            "settings": settings.public_values(),
            "traffic": (traffic or RequestStats(self._clock)).document(),
        }
