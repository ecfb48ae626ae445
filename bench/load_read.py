"""A million contacts through the tap, both contact streams: memory flat, time linear, all there.

Compared with a load of a tenth of them. CPU per record is what is held to be linear, start-up
subtracted: the clock also tells how busy the machine is. Every id is looked for in the output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.figures import Figure, Found, told
from bench.measuring import CONTACT_STREAMS, Measured, Tap, account, workplace

if TYPE_CHECKING:
    from pathlib import Path

MANY, SHORT, NOTHING = 1_000_000, 40_000, 100
BAR_MB, GROWTH, SLOWER = 200, 1.5, 1.15
OPTIONS = ("--contact-fields", "3", "--values-per-contact", "3", "--requests-per-second", "0")
_RECORD = re.compile(rb'\{"type":"RECORD","stream":"(\w+)","record":\{"id":"(\d+)"')


@dataclass(frozen=True)
class Load:
    """One load: what was measured, and the streams in which not every contact stands once."""

    ran: Measured
    lacking: list[str]

    @property
    def records(self) -> int:
        """All records of the load."""
        return sum(self.ran.records.values())


def load(contacts: int) -> Load:
    """Load an account of so many contacts once."""
    with workplace() as folder, account(folder, "--contacts", str(contacts), *OPTIONS) as url:
        tap = Tap(folder, url, CONTACT_STREAMS)
        ran = tap.run()
        return Load(ran, lacking(folder / "output.jsonl", contacts))


def lacking(output: Path, contacts: int) -> list[str]:
    """Name the streams in which a contact is missing or stands twice."""
    seen = {stream: bytearray(contacts + 1) for stream in CONTACT_STREAMS}
    with output.open("rb") as lines:
        for line in lines:
            found = _RECORD.match(line)
            if found:
                ids, number = seen[found[1].decode()], int(found[2])
                ids[number] = min(2, ids[number] + 1)
    return [stream for stream, ids in seen.items() if ids.count(1) != contacts or ids[0]]


def measure(*, short: bool) -> Found:
    """Load a million and a tenth of them; in the short form the account is smaller."""
    many = SHORT if short else MANY
    nothing, few, all_ = load(NOTHING), load(many // 10), load(many)
    start_up = nothing.ran.cpu

    def cost(one: Load) -> float:
        return (one.ran.cpu - start_up) / (one.records - nothing.records)

    seconds = all_.ran.seconds
    return Found(
        f"{many:,} contacts, both contact streams with 3 fields, tags and memberships; no limit",
        (
            Figure(f"peak MB over {many:,} contacts", all_.ran.peak_mb, "memory", BAR_MB),
            Figure(
                "times that over a tenth of them",
                all_.ran.peak_mb / few.ran.peak_mb,
                "memory",
                GROWTH,
            ),
            Figure(
                *("CPU of a record, beside that among a tenth", cost(all_) / cost(few), "pace"),
                SLOWER,
                tolerance=SLOWER - 1,
            ),
            Figure("records per second", all_.records / seconds, "rate", more_is_better=True),
        ),
        tuple(
            (not one.lacking, f"every contact once of {one.records // 2:,}")
            for one in (nothing, few, all_)
        ),
        (
            ("minutes", f"{seconds / 60:.1f}"),
            ("microseconds of CPU a record", f"{1e6 * cost(few):.0f}; {1e6 * cost(all_):.0f}"),
        ),
    )


def main() -> None:
    """Measure and judge."""
    told(measure)


if __name__ == "__main__":
    main()
