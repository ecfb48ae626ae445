"""Requests of what the importer cannot do: 2,000 tags removed, 1,000 deals moved by stage name.

Compared with: the issue's bars of 2 requests a removal and 1 a deal, plus the lookups.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from bench.measuring import account, judge, log_of, show, workplace
from bench.writing import Target

REMOVALS, DEALS, LOOKUPS = 2_000, 1_000, 30


def ask(url: str, path: str) -> dict[str, Any]:
    """Read from the account directly."""
    request = urllib.request.Request(f"{url}/api/3/{path}", headers={"Api-Token": "sandbox-key"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def tagged(url: str) -> list[dict[str, Any]]:
    """Return rows that take one tag from each of the first contacts that carry one."""
    names = {one["id"]: one["tag"] for one in ask(url, "tags?limit=100")["tags"]}
    rows: dict[str, dict[str, Any]] = {}
    offset = 0
    while len(rows) < REMOVALS:
        page = ask(url, f"contactTags?limit=100&offset={offset}")["contactTags"]
        for one in page:
            name = names[one["tag"]]
            rows.setdefault(one["contact"], {"id": one["contact"], "remove_tags": [name]})
        offset += len(page)
    return list(rows.values())[:REMOVALS]


def main() -> None:
    """Measure and judge."""
    options = ("--contacts", "3000", "--deals", "2600", "--requests-per-second", "0")
    with workplace() as folder, account(folder, *options) as url:
        target = Target(folder, url, requests_per_second=0)
        source = target.feed("tags.jsonl", "crm_contacts", ["id"], tagged(url))
        before = log_of(url)["requests"]
        removed = target.run(source)
        removals = log_of(url)["requests"] - before
        stages = ask(url, "dealStages?limit=100")["dealStages"]
        first = stages[0]["group"]
        names = [one["title"] for one in stages if one["group"] == first]
        deals = []
        for offset in range(0, 2600, 100):
            for one in ask(url, f"deals?limit=100&offset={offset}&orders[cdate]=ASC")["deals"]:
                if one["group"] == first:
                    there = next(s["title"] for s in stages if s["id"] == one["stage"])
                    other = names[(names.index(there) + 1) % len(names)]
                    deals.append({"id": one["id"], "stage": {"name": other}})
        source = target.feed("deals.jsonl", "crm_opportunities", ["id"], deals[:DEALS])
        before = log_of(url)["requests"]
        moved = target.run(source)
        moves = log_of(url)["requests"] - before
    asked = len(deals[:DEALS])
    show(
        "Requests of single writes",
        [
            ("", "measured", "bar"),
            (f"{REMOVALS:,} tags removed", str(removals), str(2 * REMOVALS)),
            (f"{asked:,} deals moved by stage name", str(moves), f"{asked} + {LOOKUPS}"),
        ],
    )
    judge(
        (removed.actions == {"updated": REMOVALS}, "every tag removed"),
        (removals <= 2 * REMOVALS, "at most 2 requests a removal"),
        (moved.actions == {"updated": asked}, "every deal moved"),
        (moves <= asked + LOOKUPS, "at most 1 request a deal and the lookups"),
    )


if __name__ == "__main__":
    main()
