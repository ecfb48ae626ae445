"""Requests, seconds and memory to let 2,000 people leave an audience of 100,000.

Both runs are the program, over HTTP, without a rate limit and without the importer's own limit. At
five requests per second the requests take the longest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .figures import Figure, Found, run_script
from .measuring import account, log_of, temp_folder
from .writing import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBERS, SHORT = 100_000, 20_000
SHARE_LEAVING = 50  # one of so many leaves
PER_TAG = 1.1
PER_1000_JOINING = 30
AUDIENCE = {"crm_contacts": {"on_leave": ["remove_tags", "unsubscribe"]}}
OPTIONS = ("--contacts", "0", "--requests-per-second", "0", "--no-import-limit")


def rows_of(start: int, stop: int) -> Iterator[dict[str, Any]]:
    """Return rows that give a tag, and a list to every second person."""
    for n in range(start, stop):
        lists = ["Monthly newsletter"] if n % 2 else []
        yield {"email": f"p{n}@bench.example", "tags": ["trial"], "segments": lists}


def measure(*, short: bool) -> Found:
    """Write all members, then send the audience without the members that leave."""
    members = SHORT if short else MEMBERS
    leaving = members // SHARE_LEAVING
    with temp_folder() as folder, account(folder, *OPTIONS) as url:
        target = Target(folder, url, requests_per_second=0, audiences=AUDIENCE)
        everyone = target.feed("all.jsonl", "crm_contacts", ["email"], rows_of(0, members))
        joined = target.run(everyone)
        before = log_of(url)
        source = target.feed("rest.jsonl", "crm_contacts", ["email"], rows_of(leaving, members))
        ran = target.run(source)
        after = log_of(url)
    requests = after["requests"] - before["requests"]
    counts = after["by_endpoint"]
    removals = sum(count for name, count in counts.items() if name.startswith("DELETE"))
    imports = "POST /import/bulk_import"
    return Found(
        f"{leaving:,} of {members:,} members leave; each loses a tag, every second one a list",
        (
            Figure("requests", requests, "count", PER_TAG * leaving, tolerance=0.05),
            Figure("CPU seconds", ran.cpu, "cpu", 120),
            Figure("peak MB", ran.peak_mb, "memory", 250),
            Figure("requests per 1,000 members to join", before["requests"] * 1000 / members,
                   "count", PER_1000_JOINING, tolerance=0.2),
            Figure("peak MB of joining", joined.peak_mb, "memory", 650),
        ),
        (
            (joined.actions["created"] == members, "every member is a new contact"),
            (removals == leaving, "one request removes a tag"),
            (counts[imports] - before["by_endpoint"][imports] <= 2 + leaving // 500,
             "the importer unsubscribes, 250 people at a time"),
            (ran.actions["unchanged"] == members - leaving, "no row is sent again"),
            (ran.actions["updated"] == leaving, "one result for each who left"),
        ),
        (
            ("seconds without a limit", f"{ran.seconds:.0f}"),
            ("minutes at five requests per second", f"{requests / 300:.0f}"),
            ("seconds to join", f"{joined.seconds:.0f}"),
        ),
    )  # fmt: skip


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
