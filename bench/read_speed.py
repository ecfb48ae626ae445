"""Records per second of the tap alone: no limit, latency 0, the sandbox in another process.

With one contact stream a page of 100 rows gives 100 records, with both 200. Start-up is included.
The account has rendered its pages before, so the figure is that of the tap.
"""

from __future__ import annotations

import cProfile
import io
import json
import pstats
import statistics
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.tap import TapActiveCampaignUnified

from .figures import Figure, Found, run_script
from .measuring import CONTACT_STREAMS, Tap, account, temp_folder

if TYPE_CHECKING:
    from pathlib import Path

CONTACTS, SHORT = 50_000, 20_000
RUNS = 5
BARS = {0: 12_000, 8: 6_000}  # records a second by custom fields
#: The part of the program of a function, by a text in its file or name; the first match counts.
PARTS = {
    "waiting for the account": ("recv_into", "'acquire' of '_thread.lock'"),
    "JSON in": ("msgspec._core.json_decode",),
    "HTTP": (
        *("/tap_activecampaign_unified/client/", "/requests/", "/urllib3/", "/http/"),
        *("/email/", "urllib/", "socket"),
    ),
    "related rows": ("/sync/relations/", "/sync/lookups.py"),
    "rows to records": ("/tap_activecampaign_unified/resources/",),
    "deciding what is new": ("/bookmarks.py", "/unchanged_rows.py"),
    "JSON and messages out": (
        *("/messages.py", "/unified_stream.py", "/stream_writer.py"),
        *("msgspec.json.Encoder", "Buffered"),
    ),
}
ELSEWHERE = "start-up and the rest"


def options(contacts: int, fields: int) -> tuple[str, ...]:
    """Return the options of an account in which every contact has a value in each field."""
    shape = ("--contacts", str(contacts), "--contact-fields", str(fields))
    values = ("--values-per-contact", str(fields)) if fields else ()
    return (*shape, *values, "--requests-per-second", "0")


def rate(tap: Tap, runs: int) -> float:
    """Return the median of records per second."""
    found = []
    for _ in range(runs):
        ran = tap.run()
        found.append(sum(ran.records.values()) / ran.seconds)
    return statistics.median(found)


def shares(folder: Path) -> dict[str, float]:
    """Run the tap in this process, one request at a time; return the time of each part."""
    config = folder / "config.json"
    alone = json.loads(config.read_text()) | {"max_concurrent_requests": 1}
    config.write_text(json.dumps(alone))
    profiler = cProfile.Profile()
    arguments = ["--config", str(config), "--catalog", str(folder / "catalog.json")]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        profiler.enable()
        TapActiveCampaignUnified.cli.main(arguments, standalone_mode=False)
        profiler.disable()
    spent = dict.fromkeys((*PARTS, ELSEWHERE), 0.0)
    stats: dict[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    for place, (_, _, own, _, callers) in stats.items():
        part = part_of(place)
        if part is None and place[0] == "~" and callers:  # a builtin counts for its caller
            for caller, (_, _, seconds, _) in callers.items():
                spent[part_of(caller) or ELSEWHERE] += seconds
        else:
            spent[part or ELSEWHERE] += own
    total = sum(spent.values())
    return {part: seconds / total for part, seconds in spent.items()}


def part_of(place: tuple[str, int, str]) -> str | None:
    """Return the part of the program of a function, None if it has none."""
    where = f"{place[0]} {place[2]}"
    return next((part for part, marks in PARTS.items() if any(m in where for m in marks)), None)


def measure(*, short: bool) -> Found:
    """Load accounts with and without custom fields.

    The bars are for both streams, which is the default selection. The short form has no profile and
    no bars, because start-up is a third of it. It is compared with the stored figure.
    """
    figures, beside = [], []
    contacts = SHORT if short else CONTACTS
    for fields, bar in BARS.items():
        with temp_folder() as folder, account(folder, *options(contacts, fields)) as url:
            for streams in (CONTACT_STREAMS[:1], CONTACT_STREAMS):
                tap = Tap(folder, url, streams)
                first = tap.run()
                if set(first.records.values()) != {contacts}:
                    raise SystemExit(f"not every contact came: {first.records}")
                streams_read = "one stream" if len(streams) == 1 else "both streams"
                name = f"records per second, {fields or 'no'} custom fields, {streams_read}"
                found = rate(tap, 3 if short else RUNS)
                held = None if short or len(streams) == 1 else bar
                figures.append(Figure(name, found, "rate", held, more_is_better=True))
            if not short:
                beside += [
                    (f"{fields or 'no'} custom fields: {part}", f"{share:.0%}")
                    for part, share in shares(folder).items()
                ]
    return Found(
        f"The tap over {contacts:,} contacts with tags, lists and accounts, start-up included",
        tuple(figures),
        beside=tuple(beside),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
