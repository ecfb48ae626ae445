"""Peak memory of the tap over 200,000 contacts and over 20,000: it is constant."""

from __future__ import annotations

from .figures import Figure, Found, run_script
from .measuring import CONTACT_STREAMS, Tap, account, temp_folder

BAR_MB, GROWTH = 200, 1.25


def peak(contacts: int) -> tuple[float, int]:
    """Return peak MB and records of a first load."""
    with (
        temp_folder() as folder,
        account(
            folder,
            *("--contacts", str(contacts), "--contact-fields", "8", "--values-per-contact", "8"),
            *("--requests-per-second", "0"),
        ) as url,
    ):
        ran = Tap(folder, url, CONTACT_STREAMS).run()
        return ran.peak_mb, sum(ran.records.values())


def measure(*, short: bool) -> Found:
    """Load two accounts, one ten times the other; in the short form a fifth of each."""
    large = 40_000 if short else 200_000
    small_mb, _ = peak(large // 10)
    large_mb, records = peak(large)
    return Found(
        "Peak memory of the tap, both contact streams with 8 fields, tags, memberships",
        (
            Figure(f"MB over {large:,} contacts", large_mb, "memory", BAR_MB),
            Figure("times that over a tenth of them", large_mb / small_mb, "memory", GROWTH),
        ),
        ((records == 2 * large, "every record once"),),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
