"""Requests of writing 10,000 new contacts, of writing them again, and with 2 % changed.

Compared with: the issue's bars; the best open writer needs over 30,000 for the first.
"""

from __future__ import annotations

from bench.measuring import account, judge, log_of, show, workplace
from bench.writing import Target, person

CONTACTS = 10_000
CHANGED = 200
OPTIONS = ("--contacts", "500", "--requests-per-second", "5")


def main() -> None:
    """Measure and judge."""
    with (
        workplace() as folder,
        account(folder, *OPTIONS) as url,
    ):
        target = Target(folder, url)
        counts, runs = [], []
        people = [person(number) for number in range(CONTACTS)]
        changed = [person(n, 1000) if n < CHANGED else one for n, one in enumerate(people)]
        for name, rows in (("first", people), ("again", people), ("changed", changed)):
            source = target.feed(f"{name}.jsonl", "crm_contacts", ["email"], rows)
            before = log_of(url)["requests"]
            runs.append(target.run(source))
            counts.append(log_of(url)["requests"] - before)
        throttled = log_of(url)["throttled"]
        writes = sum(
            count for name, count in log_of(url)["by_endpoint"].items() if name.startswith("POST")
        )
    with workplace() as folder, account(folder, *OPTIONS) as url:
        target = Target(folder, url, look_up_ids=True)
        source = target.feed("first.jsonl", "crm_contacts", ["email"], people)
        before = log_of(url)["requests"]
        known = target.run(source)
        with_ids = log_of(url)["requests"] - before
    shown = [("", "measured", "bar")]
    for name, count, bar in zip(("new", "again", "2 % changed"), counts, (110, 5, 20), strict=True):
        shown.append((f"requests, {CONTACTS:,} contacts, {name}", str(count), str(bar)))
    shown.append((f"requests, {CONTACTS:,} contacts, new, with every id", str(with_ids), "215"))
    shown.append(("seconds, new", f"{runs[0].seconds:.0f}", ""))
    show("Requests of the target, 3 custom fields, 2 tags and a list each, limit 5 a second", shown)
    judge(
        (counts[0] <= 110, "new within 110"),
        (counts[1] <= 5, "again within 5"),
        (counts[2] <= 20, "changed within 20"),
        (with_ids <= 215 and known.with_id == CONTACTS, "every id within 215"),
        (sum(runs[0].actions.values()) == CONTACTS, "every row has one result"),
        (runs[1].actions == {"unchanged": CONTACTS}, "nothing is written again"),
        (runs[2].actions["unchanged"] == CONTACTS - CHANGED, "only what changed is written"),
        (throttled == 0, "no request was refused"),
        (writes <= 45, "imports only"),
    )


if __name__ == "__main__":
    main()
