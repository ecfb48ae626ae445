"""A default sync of the account of `make demo`, with answers after half a second.

The necessary time is its requests divided by five a second; the rest is waste. Requests are counted
at the account, from the first to the last. The time with start-up (Python, the SDK, discovery) is
shown beside it.
"""

from __future__ import annotations

from tests.demo.__main__ import SIZE

from .figures import Figure, Found, but_for, run_script
from .measuring import Tap, account, log_of, temp_folder

BAR = 1.10
LIMIT = 5


def measure(*, short: bool) -> Found:  # noqa: ARG001 - whole, it takes half a minute
    """Sync the account once."""
    options = [f"--{name}={value}" for name, value in SIZE.items()]
    with temp_folder() as folder, account(folder, *options, "--latency-ms", "500") as url:
        tap = Tap(folder, url, None, requests_per_second=LIMIT)
        since = log_of(url)["arrivals"]
        ran = tap.run()
        log = log_of(url, since)
    seconds = log["last"] - log["first"]
    ideal = log["requests"] / LIMIT
    return Found(
        f"A default sync of {SIZE['contacts']:,} contacts, {SIZE['deals']} deals and "
        f"{SIZE['accounts']} accounts, latency 0.35 to 0.65 s, limit {LIMIT}",
        (
            Figure("seconds over requests / 5", seconds / ideal, "pace", BAR, tolerance=0.05),
            Figure("the same with start-up", ran.seconds / ideal, "pace", tolerance=0.15),
            Figure(*("requests", log["requests"], "count"), tolerance=but_for(2, log["requests"])),
            Figure("most in a rolling second", log["busiest_second"], "count", 5),
            Figure("refused (429)", log["throttled"], "count", 0),
        ),
        ((len(ran.records) > 10, "records of all streams"),),
        (
            ("seconds from the first to the last request", f"{seconds:.1f}"),
            ("requests / 5", f"{ideal:.1f}"),
            ("seconds with start-up", f"{ran.seconds:.1f}"),
        ),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
