"""Writes the run report and the HTML report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.storage.private_files import replace_private

from .run_report import logger
from .summary import print_summary

if TYPE_CHECKING:
    from tap_activecampaign_unified.config.read_settings import Settings


def write_reports(
    settings: Settings,
    document: dict[str, Any],
    counts: dict[str, dict[str, int]],
    notes: dict[str, str] | None = None,
) -> None:
    """Write the run report as JSON and as HTML, to the files that the settings name.

    On a terminal, also print the ``counts`` and ``notes`` of each stream.
    """
    path, page = settings["run_report_path"], settings["run_report_html_path"]
    if path:
        write_report(Path(path).expanduser(), document)
    if page:
        write_page(Path(page).expanduser(), document)
    print_summary(settings, counts, notes or {}, document.get("run"))


def write_report(path: Path, document: dict[str, Any]) -> None:
    """Write the run report, readable by this user only. An error is logged and ends no run.

    The new report replaces the old report in one step.
    """
    _write(path, json.dumps(document, indent=2, default=str) + "\n")


def write_page(path: Path, document: dict[str, Any]) -> None:
    """Write the HTML report, with the same rules as `write_report`."""
    from .html import page_of  # noqa: PLC0415 - slow import, rarely needed

    try:
        page = page_of(json.loads(json.dumps(document, default=str)))
    except Exception as problem:  # noqa: BLE001 - the report must not end the run
        logger.warning("The run report %s could not be rendered: %s", path, type(problem).__name__)
        return
    _write(path, page)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_private(path, text)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "the path is invalid"
        logger.warning("The run report %s could not be written: %s", path, reason)
