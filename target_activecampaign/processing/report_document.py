"""The target's part of the run report: results, automations, bookmarks, and a dry run's plan."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.cli import unmute_log
from tap_activecampaign_unified.client import RequestError
from target_activecampaign.reporting.automation_counts import AutomationCounts
from target_activecampaign.reporting.results import Results
from target_activecampaign.undo.cost import UndoCost

from .checkpoints import bookmarks_of

if TYPE_CHECKING:
    from .batch_processor import BatchProcessor
    from .checkpoints import Checkpoints


def report_document(
    processor: BatchProcessor | None, checkpoints: Checkpoints, rate: float
) -> dict[str, Any]:
    """Return what a run did as JSON, and log the plan of a dry run; no value of a row is in it.

    ``processor`` is None where the run ended before the first row; ``rate`` is in requests per
    second.
    """
    context = processor.context if processor else None
    results = processor.rows.results if processor else Results()
    document = {
        "rows": results.totals(),
        "streams": results.document(),
        "automations": (context.enrolments if context else AutomationCounts()).document(),
        "audiences": context.audiences.document() if context else {},
        "undo": _undo_command(processor),
        "bookmarks_before": bookmarks_of(checkpoints.first),
        "bookmarks_after": bookmarks_of(checkpoints.last),
    }
    if context and context.policy.dry_run:
        unmute_log()  # a dry run is made for its plan
        if isinstance(context.earlier_values, UndoCost):
            with contextlib.suppress(RequestError):  # then the plan does not say it
                context.plan.undo_requests = context.earlier_values.requests()
        context.plan.log(context.write_client.planned, rate)
        document["plan"] = context.plan.document(context.write_client.planned, rate)
    return document


def _undo_command(processor: BatchProcessor | None) -> str | None:
    """Return the command that undoes the run, None where it changed nothing that is recorded."""
    recorder = processor.rows.undo if processor else None
    if recorder is None or not recorder.has_changes:
        return None
    return f"target-activecampaign --config <config> --undo {recorder.run}"
