"""Seconds to queue 100,000 contacts with fields, tags and a list at the importer.

The sandbox has the importer's own limit of 100 batches per minute of arrival and answers after a
second: 400 batches take 240 seconds. The figure is compared with the bar.
"""

from __future__ import annotations

from .figures import Figure, Found, run_script
from .measuring import account, arrivals_of, temp_folder
from .writing import Target, person

CONTACTS, SHORT = 100_000, 30_000
PER_BATCH, PER_MINUTE, SLACK = 250, 100, 1.1
OPTIONS = ("--contacts", "500", "--requests-per-second", "5", "--latency-ms", "1000")
QUEUEING = "POST /import/bulk_import"


def measure(*, short: bool) -> Found:
    """Write new contacts through the importer."""
    contacts = SHORT if short else CONTACTS
    batches = contacts // PER_BATCH
    with temp_folder() as folder, account(folder, *OPTIONS) as url:
        target = Target(folder, url, rate_limit_store=str(folder / "rate.json"))
        source = target.feed("new.jsonl", "crm_contacts", ["email"], map(person, range(contacts)))
        ran = target.run(source)
        arrivals = arrivals_of(url)
    queued = [(moment, status) for moment, _, request, status in arrivals if request == QUEUEING]
    seconds = queued[-1][0] - queued[0][0]
    refused = [
        f"{request} {status} after {moment - arrivals[0][0]:.1f} s"
        for moment, _, request, status in arrivals
        if status != 200
    ]
    between = arrivals[-1][0] - arrivals[0][0]
    bar = SLACK * 60 * batches / PER_MINUTE
    return Found(
        f"{contacts:,} new contacts, 3 custom fields, 2 tags and a list each, latency 1 s",
        (
            Figure("seconds of queueing, from first to last batch", seconds, "pace", bar),
            Figure("requests refused", len(refused), "count", 0),
            Figure("requests", len(arrivals), "count", tolerance=0.1),
        ),
        (
            (sum(status == 200 for _, status in queued) == batches, f"{batches} batches"),
            (sum(ran.actions.values()) == contacts, "every row has one result"),
            (ran.actions["created"] == contacts, "every contact is new"),
        ),
        (
            ("seconds from first to last request", f"{between:.0f}"),
            ("peak MB", f"{ran.peak_mb:.0f}"),
            *(("refused", reason) for reason in refused),
        ),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
