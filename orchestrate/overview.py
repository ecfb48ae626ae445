"""Loads run reports into PostgreSQL and draws the overview of all accounts as a page.

``python orchestrate/overview.py [--page FILE] [FOLDER …]`` loads every report under the folders
(the files that `run_report_path` names), draws the page, and writes a line for each account that is
neither fresh nor throttled; then the exit code is 1. ``POSTGRES_URL`` names the database, or the
variables of PostgreSQL's own programs (``PGHOST``, …) do; the command line never does.
It needs psycopg: ``pip install 'tap-activecampaign-unified[postgres]'``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import html
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
TABLES = ("accounts.sql", "overview.sql")
PROGRAMS = {"tap-activecampaign-unified", "target-activecampaign"}
STANDINGS = ("out of permission", "failing", "late", "throttled", "fresh")
WELL = {"fresh", "throttled"}
COLUMNS = {
    "account": "account",
    "program": "program",
    "standing": "standing",
    "succeeded_at": "last success",
    "last_run_at": "last run",
    "requests": "requests",
    "refused": "refused (429)",
    "problem": "problem",
    "forbidden": "may not be read",
}
TIMES = {"succeeded_at", "last_run_at"}
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>ActiveCampaign accounts</title>
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; vertical-align: top; }}
th, td {{ padding: .3rem .8rem; border-bottom: 1px solid #ddd; }}
td:nth-child(-n+5) {{ white-space: nowrap; }}
td.out-of-permission, td.failing {{ background: #f8d7da; }}
td.late {{ background: #fff3cd; }}
td.throttled {{ background: #e2e8f0; }}
td.fresh {{ background: #d1e7dd; }}
</style>
<h1>ActiveCampaign accounts</h1>
<p>{summary}. As of {now} UTC.</p>
<table>
<tr>{head}</tr>
{rows}
</table>
</html>
"""


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="overview", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--page", type=Path, help="write the overview here, as HTML")
    asked = parser.parse_args()
    try:
        with psycopg.connect(address(), autocommit=True) as session:
            for name in TABLES:
                session.execute((HERE / name).read_bytes())
            for folder in asked.folders:
                for report in reports(folder):
                    load(session, report)
            rows = overview(session)
    except psycopg.Error as problem:
        # Without the words of the server: they may quote the address and its password.
        say(f"the database that POSTGRES_URL or PGHOST names: {type(problem).__name__}")
        return 2
    if asked.page:
        asked.page.write_text(page(rows), encoding="utf-8")
    unwell = [row for row in rows if row["standing"] not in WELL]
    for row in unwell:
        why = row["problem"] or ", ".join(row["forbidden"] or ()) or "no run succeeded in time"
        say(f"{row['account']}: {row['program'] or 'never ran'}: {row['standing']}: {why}")
    return 1 if unwell else 0


def address() -> str:
    """Return the address for libpq; empty where PGHOST and the other variables give it."""
    return re.sub(r"^postgres(ql)?\+\w+:", "postgresql:", os.environ.get("POSTGRES_URL", ""))


def reports(folder: Path) -> Iterator[dict[str, Any]]:
    """Return the run reports under a folder; name each file that is not JSON."""
    for path in sorted(folder.rglob("*.json")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            say(f"{path} cannot be read as JSON: left out")
            continue
        if isinstance(found, dict) and found.get("program") in PROGRAMS:
            yield found


def load(session: psycopg.Connection[Any], report: dict[str, Any]) -> None:
    """Store a report, once, without the samples of a dry run, which hold values of rows."""
    label = (report.get("settings") or {}).get("account_label") or report.get("account")
    kept = {name: value for name, value in report.items() if name != "plan"}
    session.execute(
        "INSERT INTO activecampaign.reports VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [label or "unknown", report["program"], report["began_at"], Jsonb(kept, dumps)],
    )


def dumps(document: Any) -> str:
    """Return JSON without NUL, which jsonb rejects."""
    return _NUL.sub(r"\1", json.dumps(document))


def overview(session: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Return the view; the accounts that need attention come first."""
    with session.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM activecampaign.overview").fetchall()
    return sorted(
        rows,
        key=lambda row: (STANDINGS.index(row["standing"]), row["account"], row["program"] or ""),
    )


def page(rows: list[dict[str, Any]]) -> str:
    """Return the overview as one HTML page without other files."""
    counted = Counter(row["standing"] for row in rows)
    totals = [f"{counted[name]} {name}" for name in STANDINGS if counted[name]]
    return PAGE.format(
        summary=", ".join(totals) or "No account has run yet",
        now=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M}",
        head="".join(f"<th>{title}</th>" for title in COLUMNS.values()),
        rows="\n".join(f"<tr>{''.join(_cells(row))}</tr>" for row in rows),
    )


def _cells(row: dict[str, Any]) -> Iterator[str]:
    for name in COLUMNS:
        value = row[name]
        if name in TIMES:
            value = f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M}" if value else "never"
        elif isinstance(value, list):
            value = ", ".join(value)
        kind = f' class="{value.replace(" ", "-")}"' if name == "standing" else ""
        yield f"<td{kind}>{html.escape(str('' if value is None else value))}</td>"


def say(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
