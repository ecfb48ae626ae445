"""Requests of writes without the importer: 2,000 tags removed, 1,000 deals moved by stage name.

They are compared with the bars of 2 requests a removal and 1 a deal, plus the lookups.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from .figures import Figure, Found, run_script
from .measuring import account, log_of, temp_folder
from .writing import Target

REMOVALS, DEALS, LOOKUPS = 2_000, 1_000, 30
SHORT = 4  # the short form writes a fourth


def ask(url: str, path: str) -> dict[str, Any]:
    """Read from the account directly."""
    request = urllib.request.Request(f"{url}/api/3/{path}", headers={"Api-Token": "sandbox-key"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def tagged(url: str, count: int) -> list[dict[str, Any]]:
    """Return rows that each remove one tag from a contact that has it."""
    names = {tag["id"]: tag["tag"] for tag in ask(url, "tags?limit=100")["tags"]}
    rows: dict[str, dict[str, Any]] = {}
    offset = 0
    while len(rows) < count:
        page = ask(url, f"contactTags?limit=100&offset={offset}")["contactTags"]
        for row in page:
            name = names[row["tag"]]
            rows.setdefault(row["contact"], {"id": row["contact"], "remove_tags": [name]})
        offset += len(page)
    return list(rows.values())[:count]


def moved(url: str, count: int) -> list[dict[str, Any]]:
    """Return rows that move deals of the first pipeline to its next stage, by name."""
    stages = ask(url, "dealStages?limit=100")["dealStages"]
    first = stages[0]["group"]
    names = [stage["title"] for stage in stages if stage["group"] == first]
    deals: list[dict[str, Any]] = []
    offset = 0
    while len(deals) < count:
        page = ask(url, f"deals?limit=100&offset={offset}&orders[cdate]=ASC")["deals"]
        for deal in page:
            if deal["group"] == first:
                title = next(s["title"] for s in stages if s["id"] == deal["stage"])
                other = names[(names.index(title) + 1) % len(names)]
                deals.append({"id": deal["id"], "stage": {"name": other}})
        offset += len(page)
    return deals[:count]


def measure(*, short: bool) -> Found:
    """Remove tags, move deals."""
    removals, moves = (REMOVALS // SHORT, DEALS // SHORT) if short else (REMOVALS, DEALS)
    options = ("--contacts", "3000", "--deals", "2600", "--requests-per-second", "0")
    with temp_folder() as folder, account(folder, *options) as url:
        target = Target(folder, url, requests_per_second=0)
        source = target.feed("tags.jsonl", "crm_contacts", ["id"], tagged(url, removals))
        before = log_of(url)["requests"]
        removed = target.run(source)
        removing = log_of(url)["requests"] - before
        source = target.feed("deals.jsonl", "crm_opportunities", ["id"], moved(url, moves))
        before = log_of(url)["requests"]
        changed = target.run(source)
        moving = log_of(url)["requests"] - before
    return Found(
        "Requests of single writes",
        (
            Figure(f"{removals:,} tags removed", removing, "count", 2 * removals),
            Figure(f"{moves:,} deals moved by stage name", moving, "count", moves + LOOKUPS),
        ),
        (
            (removed.actions == {"updated": removals}, "every tag removed"),
            (changed.actions == {"updated": moves}, "every deal moved"),
        ),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
