"""A million contacts through the tap, both contact streams: flat memory, linear time, no loss.

It is compared with a load of a tenth of them. Each id must be in the output.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .figures import Found, run_script
from .loads import Load, Once, judged
from .measuring import CONTACT_STREAMS, Tap, account, temp_folder

if TYPE_CHECKING:
    from pathlib import Path

LONG, SHORT = (100, 100_000, 1_000_000), (100, 4_000, 40_000)
BAR_MB = 200
OPTIONS = ("--contact-fields", "3", "--values-per-contact", "3", "--requests-per-second", "0")
_RECORD = re.compile(rb'\{"type":"RECORD","stream":"(\w+)","record":\{"id":"(\d+)"')


def load(contacts: int) -> Load:
    """Load an account of so many contacts once."""
    with (
        temp_folder() as folder,
        account(folder, "--contacts", str(contacts), *OPTIONS) as url,
    ):
        ran = Tap(folder, url, CONTACT_STREAMS).run()
        is_complete = all_once(folder / "output.jsonl", contacts)
        rows = sum(ran.records.values())
        return Load(rows, ran.seconds, ran.cpu, ran.peak_mb, is_complete)


def all_once(output: Path, contacts: int) -> bool:
    """Return whether every contact is in each stream once."""
    seen = {stream: Once() for stream in CONTACT_STREAMS}
    with output.open("rb") as lines:
        for line in lines:
            found = _RECORD.match(line)
            if found:
                seen[found[1].decode()].note(int(found[2]))
    return all(ids.is_all(contacts) for ids in seen.values())


def measure(*, short: bool) -> Found:
    """Load a million and a tenth of them; in the short form the account is smaller."""
    return judged(
        "contacts, both contact streams with 3 fields, tags and memberships",
        "every contact once in each stream",
        load,
        SHORT if short else LONG,
        BAR_MB,
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
