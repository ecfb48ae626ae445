"""Requests to write 10,000 new contacts, to write them again, and with 2 % changed.

They are compared with the bars; the best open writer needs over 30,000 for the first.
"""

from __future__ import annotations

from typing import Any

from .figures import Figure, Found, run_script
from .measuring import account, log_of, temp_folder
from .writing import Target, person

CONTACTS = 10_000
CHANGED = 200
OPTIONS = ("--contacts", "500", "--requests-per-second", "5")


def measure(*, short: bool) -> Found:
    """Write them new, again, and changed; in the long form also with every id in the results."""
    with (
        temp_folder() as folder,
        account(folder, *OPTIONS) as url,
    ):
        target = Target(folder, url)
        counts, runs = [], []
        people = [person(number) for number in range(CONTACTS)]
        changed = [person(n, 1000) if n < CHANGED else row for n, row in enumerate(people)]
        for name, rows in (("first", people), ("again", people), ("changed", changed)):
            source = target.feed(f"{name}.jsonl", "crm_contacts", ["email"], rows)
            before = log_of(url)["requests"]
            runs.append(target.run(source))
            counts.append(log_of(url)["requests"] - before)
        throttled = log_of(url)["throttled"]
        writes = sum(
            count for name, count in log_of(url)["by_endpoint"].items() if name.startswith("POST")
        )
    figures = [
        # The number of status requests depends on the account's speed, so it varies.
        Figure(f"{CONTACTS:,} contacts, {name}", count, "count", bar, tolerance=0.1)
        for name, count, bar in zip(
            ("new", "again", "2 % changed"), counts, (110, 5, 20), strict=True
        )
    ]
    claims = [
        (sum(runs[0].actions.values()) == CONTACTS, "every row has one result"),
        (runs[1].actions == {"unchanged": CONTACTS}, "nothing is written again"),
        (runs[2].actions["unchanged"] == CONTACTS - CHANGED, "only what changed is written"),
        (throttled == 0, "no request was refused"),
        (writes <= 45, "imports only"),
    ]
    if not short:
        with_ids, known = _with_ids(people)
        figures.append(Figure(f"{CONTACTS:,} contacts, new, with every id", with_ids, "count", 215))
        claims.append((known == CONTACTS, "every result has its id"))
    return Found(
        "Requests of the target, 3 custom fields, 2 tags and a list each, limit 5 a second",
        tuple(figures),
        tuple(claims),
        (("seconds, new", f"{runs[0].seconds:.0f}"),),
    )


def _with_ids(people: list[dict[str, Any]]) -> tuple[int, int]:
    """Return the requests to write new contacts with their ids, and the number of known ids."""
    with temp_folder() as folder, account(folder, *OPTIONS) as url:
        target = Target(folder, url, look_up_ids=True)
        source = target.feed("first.jsonl", "crm_contacts", ["email"], people)
        before = log_of(url)["requests"]
        known = target.run(source)
        return log_of(url)["requests"] - before, known.with_id


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
