"""The content of the tables of the HTML report. `report.html.jinja` has their markup."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tap_activecampaign_unified.reporting.durations import clock_time

Document = dict[str, Any]
NOTHING = "–"
#: The outcomes of rows, in display order.
ROW_OUTCOMES = {
    "emitted": "emitted",
    "suppressed": "unchanged",
    "left_out": "left out",
    "created": "created",
    "updated": "updated",
    "planned": "planned",
    "unchanged": "unchanged",
    "skipped": "skipped",
    "rejected": "rejected",
    "failed": "failed",
}
#: A small screen can show a table of numbers with up to this many columns.
MAX_TABLE_COLUMNS = 4
#: Outcomes that may need an action of the user.
ACTION_NEEDED = ("rejected", "failed", "skipped")


@dataclass(frozen=True)
class BarSegment:
    """A part of the bar below a stream's name: the number of its rows with one outcome."""

    outcome: str
    rows: int


@dataclass(frozen=True)
class ReportTable:
    """A table of the page. The first column names the row. ``bars`` has a bar for each row."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    total: tuple[Any, ...] = ()
    bars: list[list[BarSegment]] = field(default_factory=list)
    note: str = ""

    @property
    def numbers(self) -> list[bool]:
        """Whether each column contains numbers."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.head)
        return [
            any(_is_number(cell) for cell in cells)
            and all(cell is None or _is_number(cell) for cell in cells)
            for cells in columns
        ]

    @property
    def is_cards(self) -> bool:
        """Whether a small screen shows each row as a card, because long texts need the width."""
        return len(self.head) > MAX_TABLE_COLUMNS or not all(self.numbers[1:])


def is_incomplete(stream: Document) -> bool:
    """Return whether the tap did not read a stream completely."""
    return bool(stream.get("outcome", "done") != "done")


def tables_of(document: Document) -> dict[str, ReportTable]:
    """Return the tables with rows by id, in display order."""
    traffic = document["traffic"]
    tables = {
        "streams": _streams(document),
        "undone": _undone(document),
        "remarks": _remarks(document),
        "plan": _plan(document.get("plan") or {}),
        "gains": _gains(document.get("plan") or {}),
        "audiences": _audiences(document),
        "automations": _automations(document),
        "over_time": _over_time(traffic["over_time"]),
        "endpoints": _endpoints(traffic),
        "faults": _faults(traffic),
        "waits": ReportTable(
            "Waiting",
            ("reason", "seconds"),
            [(_spaced(name), value) for name, value in traffic["seconds_waited"].items()],
            note="Sums over all requests. Several requests wait at the same time.",
        ),
        "bookmarks": _bookmarks(document),
        "settings": ReportTable(
            "Settings",
            ("setting", "value"),
            [(name, value) for name, value in document["settings"].items() if value is not None],
            note="All settings with a value or a default, without secret settings.",
        ),
        "versions": ReportTable(
            "Versions",
            ("component", "version"),
            [(_spaced(name), value) for name, value in document["versions"].items()],
        ),
    }
    return {name: table for name, table in tables.items() if table.rows}


# --- rows -----------------------------------------------------------------------------------


def _streams(document: Document) -> ReportTable:
    """Return the streams with the outcomes of their rows. Omit outcomes without rows."""
    streams, totals = document["streams"], document["rows"]
    is_tap = "emitted" in totals
    outcomes = [
        name for name in ROW_OUTCOMES if name in totals and (totals[name] or name == "emitted")
    ]
    more = [name for name in ("faulty", "deleted") if totals.get(name)]
    rows, bars = [], []
    for name, stream in streams.items():
        counts = _counts(stream)
        ends = [counts[outcome] for outcome in (*outcomes, *more)]
        outcome = (_spaced(stream["outcome"]),) if is_tap else ()
        costs = (stream["requests"], round(stream["seconds"], 1)) if is_tap else ()
        rows.append((name, *outcome, counts["read"], *ends, *costs))
        bars.append(
            [BarSegment(outcome, counts[outcome]) for outcome in outcomes if counts[outcome]]
        )
    head = ("stream", *(("how it ended",) if is_tap else ()), "rows")
    head += tuple(ROW_OUTCOMES.get(name, name) for name in (*outcomes, *more))
    head += ("requests", "seconds") if is_tap else ()
    total = ("all", *(("",) if is_tap else ()), totals["read"])
    total += tuple(totals[name] for name in (*outcomes, *more))
    total += (sum(stream["requests"] for stream in streams.values()), "") if is_tap else ()
    note = (
        "If several streams share a collection, its requests count for the first of them. "
        "Requests before the first stream, and requests for all streams, count for no stream."
        if is_tap
        else ""
    )
    return ReportTable("Streams", head, rows, total, bars, note)


def _counts(stream: Document) -> dict[str, int]:
    """Return a stream's counts by outcome, for the tap or the target."""
    if "actions" in stream:
        return {"read": stream["rows"], **stream["actions"]}
    left_out = sum(stream["rows_left_out"].values())
    names = ("read", "emitted", "suppressed", "faulty", "deleted")
    return {"left_out": left_out} | {name: stream[f"rows_{name}"] for name in names}


def _undone(document: Document) -> ReportTable:
    """Return unprocessed rows, fields and streams, with reasons."""
    rows: list[tuple[Any, ...]] = []
    for name, stream in document["streams"].items():
        if "actions" in stream:
            rows += [(name, *reason) for reason in _reasons(stream) if reason[0] in ACTION_NEEDED]
            continue
        if is_incomplete(stream):
            rows.append((name, _spaced(stream["outcome"]), stream["problem"] or NOTHING, None))
        if stream["deletes_refused"]:
            rows.append((name, "tombstones not emitted", stream["deletes_refused"], None))
        rows += [(name, "left out", reason, n) for reason, n in stream["rows_left_out"].items()]
        rows += [(name, "field unreadable", reason, n) for reason, n in stream["faults"].items()]
    rows += [(path, "not readable", "", None) for path in document.get("left_out", ())]
    head = ("stream", "outcome", "reason", "rows")
    note = ""
    if "rejected" in document["rows"]:
        path = document["settings"].get("results_path")
        note = f"Row by row: {path}" if path else "Set results_path for a result per row."
    return ReportTable("Not done, with reasons", head, rows, note=note)


def _remarks(document: Document) -> ReportTable:
    rows = [
        (name, *reason)
        for name, stream in document["streams"].items()
        if "actions" in stream
        for reason in _reasons(stream)
        if reason[0] not in ACTION_NEEDED
    ]
    head = ("stream", "outcome", "remark", "rows")
    return ReportTable("Remarks on processed rows", head, rows)


def _reasons(stream: Document) -> list[tuple[str, str, int]]:
    """Return a stream's reasons, each split into outcome and text."""
    reasons = []
    for text, count in stream["reasons"].items():
        action, _, reason = text.partition(": ")
        reasons.append((action, reason, count))
    return reasons


def _plan(plan: Document) -> ReportTable:
    rows = [(_spaced(name), count) for name, count in plan.get("actions", {}).items()]
    if plan and plan["contacts"]["room"] is not None:
        rows.append(("contacts to create", plan["contacts"]["created"]))
        rows.append(("contacts within the contact limit", plan["contacts"]["room"]))
    if plan:
        rows += [("requests needed", plan["requests"]), ("seconds at best", plan["seconds"])]
    note = "Nothing was written. Samples of old and new values are in the JSON report only."
    return ReportTable("The plan of this dry run", ("item", "number"), rows, note=note)


def _gains(plan: Document) -> ReportTable:
    rows = [("would gain", name, count) for name, count in plan.get("gains", {}).items()]
    stages = plan.get("stages", {})
    rows += [("would be put into", f"the stage {name}", n) for name, n in stages.items()]
    rows += [("missing in the account", name, n) for name, n in plan.get("unknown", {}).items()]
    return ReportTable(
        "Values that contacts would gain, stages of deals, and names that the account lacks",
        ("effect", "name", "rows"),
        rows,
    )


def _automations(document: Document) -> ReportTable:
    plan = document.get("plan")
    automations = plan or document.get("automations") or {}
    keys = ("enters", "leaves") if plan else ("entered", "left")
    entered, left = (automations.get(key, {}) for key in keys)
    names = sorted({*entered, *left})
    rows = [(name, entered.get(name, 0), left.get(name, 0)) for name in names]
    head = (
        ("automation", "would enter", "would leave") if plan else ("automation", "entered", "left")
    )
    return ReportTable("Contacts in automations", head, rows)


def _audiences(document: Document) -> ReportTable:
    """Return the members and leavers of audiences, the lost and kept values, and the reasons."""
    is_plan = bool(document.get("plan"))
    rows: list[tuple[Any, ...]] = []
    for name, audience in (document.get("audiences") or {}).items():
        rows.append((name, "members", audience["members"], audience["reason"] or NOTHING))
        rows.append((name, "would leave" if is_plan else "left", audience["left"], NOTHING))
        lost = "would lose" if is_plan else "lost"
        rows += [
            (name, f"{lost} {kind}", count, NOTHING)
            for kind, count in audience["taken_back"].items()
        ]
        keep = "would keep a value" if is_plan else "kept a value"
        rows += [(name, keep, count, reason) for reason, count in audience["kept"].items()]
    head = ("audience", "group", "people", "reason")
    return ReportTable("Members and leavers of audiences", head, rows)


# --- requests -------------------------------------------------------------------------------


def _over_time(over_time: Document) -> ReportTable:
    width = over_time["bucket_seconds"]
    pairs = zip(over_time["requests"], over_time["faults"], strict=True)
    rows = [
        (clock_time(number * width), requests, round(requests / width, 2), faults)
        for number, (requests, faults) in enumerate(pairs)
    ]
    head = ("from", "requests", "a second", "faults")
    return ReportTable(f"Requests in every {width} seconds", head, rows)


def _endpoints(traffic: Document) -> ReportTable:
    statuses = list(traffic["by_status"])
    rows = [
        (name, sum(counts.values()), *(counts.get(status, 0) for status in statuses))
        for name, counts in traffic["by_endpoint"].items()
    ]
    rows.sort(key=lambda row: (-row[1], row[0]))
    total = ("all", traffic["requests"], *traffic["by_status"].values())
    head = ("endpoint", "requests", *statuses)
    return ReportTable("Requests by endpoint and response", head, rows, total)


def _faults(traffic: Document) -> ReportTable:
    retries = traffic["retries"]
    rows = [(fault, count, retries.get(fault, 0)) for fault, count in traffic["faults"].items()]
    return ReportTable("Faults", ("fault", "times", "sent again"), rows)


# --- bookmarks and cells --------------------------------------------------------------------


def _bookmarks(document: Document) -> ReportTable:
    before, after = document["bookmarks_before"], document["bookmarks_after"]
    marks = [
        (name, _mark(before.get(name)), _mark(after.get(name)))
        for name in sorted({*before, *after})
    ]
    rows = [row for row in marks if row[1:] != (NOTHING, NOTHING)]
    return ReportTable("Bookmarks of the streams", ("stream", "before", "after"), rows)


def _mark(entry: Any) -> str:
    if not isinstance(entry, dict):
        return NOTHING
    value = entry.get("replication_key_value")
    progress = entry.get("progress")
    if isinstance(progress, dict):
        return f"{NOTHING if value is None else value}, continues after row {progress.get('after')}"
    return NOTHING if value is None else str(value)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def text_of(cell: Any) -> str:
    """Return a cell in display format: grouped digits, no control characters."""
    if cell is None:
        return NOTHING
    if _is_number(cell):
        return f"{cell:,}"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, list):
        return ", ".join(map(text_of, cell)) or NOTHING
    text = str(cell).encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else " " for character in text)
