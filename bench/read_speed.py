"""Records per second of the tap alone: limiter off, latency 0, the sandbox in another process."""

from __future__ import annotations

import cProfile
import io
import pstats
import sys
from contextlib import redirect_stdout

from bench.measuring import CONTACT_STREAMS, Tap, account, judge, show, workplace
from tap_activecampaign_unified.tap import TapActiveCampaignUnified

CONTACTS = 20_000
BAR = 4_000
ROOMS = {
    "reading the answer's JSON": ("json/decoder.py",),
    "waiting for the sandbox": ("socket", "http/client", "urllib3", "requests"),
    "mapping rows to records": ("unified/", "crawls.py", "relations.py", "bookmarks.py"),
    "writing messages (SDK)": ("singer_sdk", "simplejson", "json/encoder", "TextIOWrapper"),
}


def profile(folder: str) -> list[tuple[str, str, str]]:
    """Run the tap in this process under the profiler and say in which room the time goes."""
    profiler = cProfile.Profile()
    arguments = ["--config", f"{folder}/config.json", "--catalog", f"{folder}/catalog.json"]
    with redirect_stdout(io.StringIO()):
        profiler.enable()
        TapActiveCampaignUnified.cli.main(arguments, standalone_mode=False)
        profiler.disable()
    spent = dict.fromkeys((*ROOMS, "everything else"), 0.0)
    for (file, _, name), numbers in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        where = f"{file} {name}"
        room = next((r for r, marks in ROOMS.items() if any(m in where for m in marks)), None)
        spent[room or "everything else"] += numbers[2]
    total = sum(spent.values())
    return [(room, f"{100 * seconds / total:.0f} %", "") for room, seconds in spent.items()]


def main() -> None:
    """Measure three times, judge the median, and say where the time goes."""
    with (
        workplace() as folder,
        account(
            folder,
            *("--contacts", str(CONTACTS), "--contact-fields", "8", "--values-per-contact", "8"),
            *("--requests-per-second", "0"),
        ) as url,
    ):
        tap = Tap(folder, url, CONTACT_STREAMS)
        rates = []
        for _ in range(3):
            ran = tap.run()
            rates.append(sum(ran.records.values()) / ran.seconds)
        shares = profile(str(folder)) if "--no-profile" not in sys.argv else []
    median = sorted(rates)[1]
    show(
        "Records per second, start-up included, both contact streams with 8 fields, tags, lists",
        [
            ("", "measured", "bar"),
            ("median of three", f"{median:.0f}", str(BAR)),
            ("slowest, fastest", f"{min(rates):.0f}, {max(rates):.0f}", ""),
            *shares,
        ],
    )
    judge((median >= BAR, f"at least {BAR} records per second"))


if __name__ == "__main__":
    main()
