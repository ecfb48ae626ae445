"""The target's part of the run report: results, automations, bookmarks, and a dry run's plan."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.cli import unmute_log
from tap_activecampaign_unified.client import RequestError
from target_activecampaign.reporting.results import Results
from target_activecampaign.reporting.run_enrolments import RunEnrolments
from target_activecampaign.undo.recording.cost_of_recording import UndoCost

if TYPE_CHECKING:
    from .batch_processor import BatchProcessor
    from .checkpoints import Checkpoints, State

_BOOKMARK_KEYS = ("replication_key_value", "starting_replication_value", "replication_key_signpost")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]{5,15}(Z|[+-]\d\d:?\d\d)?)?")


def report_document(
    processor: BatchProcessor | None, checkpoints: Checkpoints, rate: float
) -> dict[str, Any]:
    """Return the results of a run as JSON, without values of rows; log the plan of a dry run.

    ``processor`` is None if the run ended before the first row. ``rate`` is in requests per second.
    """
    context = processor.context if processor else None
    results = processor.finisher.results if processor else Results()
    document = {
        "rows": results.totals(),
        "streams": results.as_json(),
        "automations": (context.enrolments if context else RunEnrolments()).as_json(),
        "audiences": context.grants.document() if context else {},
        "undo": _undo_command(processor),
        "bookmarks_before": _bookmarks_of(checkpoints.first),
        "bookmarks_after": _bookmarks_of(checkpoints.last),
    }
    if context and context.policy.dry_run:
        unmute_log()  # the plan is the purpose of a dry run
        if isinstance(context.earlier_values, UndoCost):
            with contextlib.suppress(RequestError):  # the plan then lacks this number
                context.plan.undo_requests = context.earlier_values.requests()
        context.plan.log(context.write_client.planned, rate)
        document["plan"] = context.plan.as_json(context.write_client.planned, rate)
    return document


def _undo_command(processor: BatchProcessor | None) -> str | None:
    """Return the command that undoes the run, None if the run recorded no change."""
    recorder = processor.finisher.recorder if processor else None
    if recorder is None or not recorder.has_changes:
        return None
    return f"target-activecampaign --config <config> --undo {recorder.run}"


def _bookmarks_of(state: State | None) -> dict[str, Any]:
    """Return the bookmarks of a state for the report.

    The source writes the state: values that are neither times nor numbers may be personal data.
    """
    bookmarks = (state or {}).get("bookmarks")
    return {
        str(stream): {
            name: value
            for name, value in entry.items()
            if name in _BOOKMARK_KEYS and _is_bookmark_value(value)
        }
        for stream, entry in (bookmarks.items() if isinstance(bookmarks, dict) else ())
        if isinstance(entry, dict)
    }


def _is_bookmark_value(value: Any) -> bool:
    return isinstance(value, (int, float)) or bool(_INSTANT.fullmatch(str(value)))
