"""Concurrent single writes: moved deals and removed tags, at a latency of 1 s and limit 5.

One request at a time would reach 1 per second. The account's limit is 5. The figure includes the
end of each step, when its last answers arrive.
"""

from __future__ import annotations

from .figures import Figure, Found, run_script
from .measuring import account, log_of, pace_of, temp_folder
from .write_singles import moved, tagged
from .writing import Target

ROWS, SHORT = 400, 100
BAR = 4.0
OPTIONS = ("--contacts", "3000", "--deals", "1200", "--latency-ms", "1000")


def measure(*, short: bool) -> Found:
    """Move deals, then remove tags."""
    rows = SHORT if short else ROWS
    with temp_folder() as folder, account(folder, *OPTIONS) as url:
        target = Target(folder, url, rate_limit_store=str(folder / "rate.json"))
        steps = (
            ("deals moved", "crm_opportunities", moved(url, rows)),
            ("tags removed", "crm_contacts", tagged(url, rows)),
        )
        figures: list[Figure] = []
        claims = []
        for name, stream, changes in steps:
            source = target.feed(f"{stream}.jsonl", stream, ["id"], changes)
            since = log_of(url)["arrivals"]
            ran = target.run(source)
            log = log_of(url, since)
            figures.append(
                Figure(
                    f"{rows} {name}: requests per second",
                    pace_of(log),
                    "pace",
                    BAR,
                    more_is_better=True,
                )
            )
            figures.append(Figure(f"{rows} {name}: requests", log["requests"], "count"))
            claims.append((ran.actions == {"updated": rows}, f"all {name}"))
            claims.append((log["throttled"] == 0, "no request was refused"))
            claims.append((log["busiest_second"] <= 5, "never more than 5 in a second"))
    return Found("Single writes side by side, latency 1 s", tuple(figures), tuple(claims))


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
