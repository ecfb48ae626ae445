"""The delay of an unsubscription under `full_sweep_hours: auto`, and the cost of sweeps.

A change of a list status changes no date of the contact, so only a sweep finds it. The delay is the
age at which a sweep is due, the hour until the next scheduled run, and the sweep itself. The
requests of a sweep are measured, the hours are computed from them.
"""

from __future__ import annotations

import datetime as dt
import json

from bench.figures import Figure, Found, run_script
from bench.measuring import CONTACT_STREAMS, Tap, account, temp_folder
from tap_activecampaign_unified.full_sweeps import SweepPolicy

RATE = 5.0
HOUR = 3600.0
SIZES = (10_000, 100_000, 1_000_000)
#: The maximum delay in hours by number of contacts, with a run every hour.
BARS = {10_000: 2.1, 100_000: 2.5, 1_000_000: 15.0}
STREAMS = (*CONTACT_STREAMS, "marketing_segment_memberships")


def sweep_requests(contacts: int) -> int:
    """Return the requests of a full read of so many contacts, from the tap's state."""
    shape = ("--contacts", str(contacts), "--accounts", "1000", "--contact-fields", "8")
    with temp_folder() as folder, account(folder, *shape, "--requests-per-second", "0") as url:
        tap = Tap(folder, url, STREAMS)
        tap.run()
        state = json.loads(tap.state.read_text())
    found: int = state["bookmarks"]["crm_contacts"]["sweep_requests"]
    return found


def measure(*, short: bool) -> Found:
    """Read an account of each size once; the short form leaves out the largest."""
    figures, checks = [], []
    for contacts in SIZES[:-1] if short else SIZES:
        requests = sweep_requests(contacts)
        age = SweepPolicy(rate=RATE).age(requests) or dt.timedelta()
        seconds = requests / RATE
        delay = (age.total_seconds() + HOUR + seconds) / HOUR
        share = seconds / max(age.total_seconds(), HOUR)
        figures += [
            Figure(f"{contacts:,} contacts, hours at worst", delay, "pace", BARS[contacts]),
            Figure(
                f"{contacts:,} contacts, requests of a sweep", requests, "count", tolerance=0.05
            ),
        ]
        checks.append((share <= 0.0501, f"{contacts:,} contacts: {share:.1%} of the budget"))
    return Found("Delay of an unsubscription, hourly runs", tuple(figures), tuple(checks))


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
