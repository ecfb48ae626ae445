"""A million new contacts through the importer without its limit: flat memory, linear time.

It is compared with a tenth of them, and in the short form with half: enough for the largest number
of concurrent batches. Each row must have one result, and the account as many contacts more.
"""

from __future__ import annotations

import json
import urllib.request

from .figures import Found, run_script
from .loads import Load, judged
from .measuring import account, temp_folder
from .writing import Target, person

LONG, SHORT = (100, 100_000, 1_000_000), (100, 40_000, 80_000)
BAR_MB = 400
OPTIONS = ("--contacts", "100", "--requests-per-second", "0", "--no-import-limit")


def contacts_of(url: str) -> int:
    """Return the number of contacts of the account."""
    with urllib.request.urlopen(f"{url}/sandbox/tables") as answer:
        return int(json.load(answer)["contacts"])


def load(rows: int) -> Load:
    """Write so many new contacts once."""
    with temp_folder() as folder, account(folder, *OPTIONS) as url:
        target = Target(folder, url, requests_per_second=0)
        source = target.feed("new.jsonl", "crm_contacts", ["email"], map(person, range(rows)))
        before = contacts_of(url)
        ran = target.run(source)
        is_complete = ran.actions == {"created": rows} and ran.is_complete
        is_complete = is_complete and contacts_of(url) - before == rows
        return Load(rows, ran.seconds, ran.cpu, ran.peak_mb, is_complete)


def measure(*, short: bool) -> Found:
    """Write a million and a tenth of them; in the short form fewer."""
    return judged(
        "new contacts, 3 custom fields, 2 tags and a list each",
        "one contact and one result for each row",
        load,
        SHORT if short else LONG,
        BAR_MB,
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
