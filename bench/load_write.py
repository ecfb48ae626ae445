"""A million new contacts through the importer, its limit off: memory flat, time linear, all there.

Compared with a tenth of them; in the short form with half, enough for the target to have as many
batches under way as it ever has. CPU per row is what is held to be linear, start-up subtracted: the
clock also tells how busy the machine is, and how fast the account writes. Every row must have one
result, and the account as many contacts more.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass

from bench.figures import Figure, Found, told
from bench.measuring import account, workplace
from bench.writing import Target, Written, person

#: How many rows, and how many they are compared with.
LONG, SHORT, NOTHING = (1_000_000, 100_000), (80_000, 40_000), 100
BAR_MB, GROWTH, SLOWER = 400, 1.5, 1.15
OPTIONS = ("--contacts", "100", "--requests-per-second", "0", "--no-import-limit")


@dataclass(frozen=True)
class Load:
    """One load: what was measured, of how many rows, and how many contacts came of them."""

    rows: int
    ran: Written
    new: int

    @property
    def is_complete(self) -> bool:
        """Whether each row made one contact, and has one result that says so."""
        created = self.ran.actions == {"created": self.rows}
        return created and self.ran.is_complete and self.new == self.rows


def contacts_of(url: str) -> int:
    """Return how many contacts the account has."""
    with urllib.request.urlopen(f"{url}/sandbox/tables") as answer:
        return int(json.load(answer)["contacts"])


def load(rows: int) -> Load:
    """Write so many new contacts once."""
    with workplace() as folder, account(folder, *OPTIONS) as url:
        target = Target(folder, url, requests_per_second=0)
        source = target.feed("new.jsonl", "crm_contacts", ["email"], map(person, range(rows)))
        before = contacts_of(url)
        ran = target.run(source)
        return Load(rows, ran, contacts_of(url) - before)


def measure(*, short: bool) -> Found:
    """Write a million and a tenth of them; in the short form fewer."""
    many, some = SHORT if short else LONG
    nothing, few, all_ = load(NOTHING), load(some), load(many)
    start_up = nothing.ran.cpu

    def cost(one: Load) -> float:
        return (one.ran.cpu - start_up) / (one.rows - nothing.rows)

    seconds = all_.ran.seconds
    return Found(
        f"{many:,} new contacts, 3 custom fields, 2 tags and a list each; no limit",
        (
            Figure(f"peak MB over {many:,} rows", all_.ran.peak_mb, "memory", BAR_MB),
            Figure(
                f"times that over {some:,}",
                all_.ran.peak_mb / few.ran.peak_mb,
                "memory",
                GROWTH,
            ),
            Figure(
                *(f"CPU of a row, beside that among {some:,}", cost(all_) / cost(few), "pace"),
                SLOWER,
                tolerance=SLOWER - 1,
            ),
            Figure("rows per second", all_.rows / seconds, "rate", more_is_better=True),
        ),
        tuple(
            (one.is_complete, f"one contact and one result for each of {one.rows:,} rows")
            for one in (nothing, few, all_)
        ),
        (
            ("minutes", f"{seconds / 60:.1f}"),
            ("microseconds of CPU a row", f"{1e6 * cost(few):.0f}; {1e6 * cost(all_):.0f}"),
        ),
    )


def main() -> None:
    """Measure and judge."""
    told(measure)


if __name__ == "__main__":
    main()
