"""Peak memory of the tap over 200,000 contacts, beside that over 20,000: flat means flat."""

from __future__ import annotations

import sys

from bench.measuring import CONTACT_STREAMS, Tap, account, judge, show, workplace

BAR_MB = 200


def measure(contacts: int) -> tuple[float, int]:
    """Return peak MB and records of a first load."""
    with (
        workplace() as folder,
        account(
            folder,
            *("--contacts", str(contacts), "--contact-fields", "8", "--values-per-contact", "8"),
            *("--requests-per-second", "0"),
        ) as url,
    ):
        ran = Tap(folder, url, CONTACT_STREAMS).run()
        return ran.peak_mb, sum(ran.records.values())


def main() -> None:
    """Measure and judge; a first argument replaces 200,000."""
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    small_mb, _ = measure(large // 10)
    large_mb, records = measure(large)
    show(
        "Peak memory of the tap, both contact streams with 8 fields, tags, memberships",
        [
            ("contacts", "peak MB", "bar"),
            (str(large // 10), f"{small_mb:.0f}", ""),
            (str(large), f"{large_mb:.0f}", str(BAR_MB)),
        ],
    )
    judge((large_mb < BAR_MB, f"under {BAR_MB} MB"), (records == 2 * large, "every record once"))


if __name__ == "__main__":
    main()
