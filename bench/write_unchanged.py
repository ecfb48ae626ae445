"""Rows per second and memory of the target where nothing changed: a million rows, no write."""

from __future__ import annotations

import sys

from bench.measuring import account, judge, show, workplace
from bench.writing import Target

BAR_ROWS, BAR_MB = 5_000, 250


def main() -> None:
    """Write rows once, limit off, then measure them unchanged; an argument replaces a million."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with (
        workplace() as folder,
        account(folder, "--contacts", "10", "--requests-per-second", "0") as url,
    ):
        target = Target(folder, url, requests_per_second=0)
        source = target.feed(
            "rows.jsonl",
            "crm_contacts",
            ["email"],
            (
                {"email": f"p{n}@bench.example", "first_name": f"P{n}", "last_name": "Same"}
                for n in range(rows)
            ),
        )
        target.run(source)
        ran = target.run(source)
    rate = rows / ran.seconds
    show(
        f"The target over {rows:,} unchanged rows",
        [
            ("", "measured", "bar"),
            ("rows per second, start-up included", f"{rate:.0f}", str(BAR_ROWS)),
            ("peak MB", f"{ran.peak_mb:.0f}", str(BAR_MB)),
        ],
    )
    judge(
        (rate >= BAR_ROWS, f"at least {BAR_ROWS} rows per second"),
        (ran.peak_mb < BAR_MB, f"under {BAR_MB} MB"),
        (ran.actions == {"unchanged": rows}, "every row unchanged"),
    )


if __name__ == "__main__":
    main()
