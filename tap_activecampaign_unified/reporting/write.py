"""Writes the run report and the HTML report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.storage.files import replace_private

from .run_report import logger
from .summary import print_summary

if TYPE_CHECKING:
    from tap_activecampaign_unified.config.settings import Settings


def write_reports(
    settings: Settings,
    document: dict[str, Any],
    counts: dict[str, dict[str, int]],
    notes: dict[str, str] | None = None,
) -> None:
    """Write the report as JSON and as a page, as far as the settings name a file for them.

    At a terminal, print the rows' ``counts`` and the ``notes`` by stream as well.
    """
    path, page = settings["run_report_path"], settings["run_report_html_path"]
    if path:
        write_report(Path(path).expanduser(), document)
    if page:
        write_page(Path(page).expanduser(), document)
    print_summary(settings, counts, notes or {}, document.get("run"))


def write_report(path: Path, document: dict[str, Any]) -> None:
    """Write the report, readable by this user alone; a full disk costs the report, not the run.

    The old one is there, whole, until the new one is.
    """
    _write(path, json.dumps(document, indent=2, default=str) + "\n")


def write_page(path: Path, document: dict[str, Any]) -> None:
    """Write the report as a page for a browser, in the same way; what cannot be drawn costs it."""
    from .html import page_of  # noqa: PLC0415 - what draws it is loaded where it is asked for

    try:
        page = page_of(json.loads(json.dumps(document, default=str)))
    except Exception as problem:  # noqa: BLE001 - a page costs no run
        logger.warning("The run report %s could not be drawn: %s", path, type(problem).__name__)
        return
    _write(path, page)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_private(path, text)
    except (OSError, ValueError) as problem:
        told = problem.strerror if isinstance(problem, OSError) else "no such path can be"
        logger.warning("The run report %s could not be written: %s", path, told)
