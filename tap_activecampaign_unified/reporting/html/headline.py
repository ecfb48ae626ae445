"""The headline of the HTML report: outcome, largest numbers and request rate of the run."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from tap_activecampaign_unified.reporting.durations import clock_time

from .table_data import ROW_OUTCOMES, Document, is_incomplete

#: In a shorter run, the first requests would distort the average, because they go out at once.
MIN_SECONDS_FOR_AVERAGE = 20
STOPPED = {130, 143}


@dataclass(frozen=True)
class Headline:
    """Outcome and times of the run, and its largest numbers as ``tiles``.

    A tile is (title, value, outcome of rows or "").
    """

    program: str
    account: str
    outcome: str
    word: str
    problem: str | None
    began: str
    finished: str
    took: str
    run: str | None
    undo: str | None
    tiles: list[tuple[str, Any, str]]
    rates: str
    limit: float


def headline_of(document: Document) -> Headline:
    """Return the headline of the page."""
    code, traffic, rows = document["exit_code"], document["traffic"], document["rows"]
    outcome = "done" if code == 0 else "stopped" if code in STOPPED else "failed"
    undone = sum(rows.get(action, 0) for action in ("rejected", "failed"))
    if code == 0 and (
        undone or any(is_incomplete(stream) for stream in document["streams"].values())
    ):
        outcome = "partly"
    exceptions = "rows" if undone else "streams"
    words = {"partly": f"done, except some {exceptions}", "done": "done"}
    word = words.get(outcome, f"{outcome}, exit code {code}")
    limit = float(document["settings"]["requests_per_second"] or 0)
    tiles = [("Rows read", rows["read"], "")]
    tiles += [
        (word.capitalize(), rows[name], name)
        for name, word in ROW_OUTCOMES.items()
        if rows.get(name)
    ]
    if rows.get("deleted"):
        tiles.append(("Found deleted", rows["deleted"], ""))
    tiles += [("Requests", traffic["requests"], ""), ("Sent again", traffic["repeats"], "")]
    return Headline(
        document["program"],
        document["account"] or "no account",
        outcome,
        f"dry run {word}" if document.get("plan") else word,
        document["problem"],
        _moment(document["began_at"]),
        _moment(document["finished_at"]),
        clock_time(document["seconds"]),
        document.get("run"),
        document.get("undo"),
        tiles,
        _rates(document, limit),
        limit,
    )


def _rates(document: Document, limit: float) -> str:
    over_time, seconds = document["traffic"]["over_time"], document["seconds"]
    width, counts = over_time["bucket_seconds"], over_time["requests"]
    if not counts:
        return "No request was sent."
    text = f"at most {max(counts) / width:.1f} a second over {width} seconds"
    if seconds >= MIN_SECONDS_FOR_AVERAGE:
        text = f"on average {document['traffic']['requests'] / seconds:.1f}, {text}"
    limit_text = f"the limit is {limit:g}" if limit else "without a limit"
    return f"{text.capitalize()}; {limit_text}."


def _moment(text: str) -> str:
    """Return a time in display format."""
    return dt.datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S %Z").strip()
