"""Writes back: rows of the warehouse become scores, tags, stages and notes in the account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .screen import COLUMN, Waiting, counted, head, say, wrapped

if TYPE_CHECKING:
    from pathlib import Path

    from .account import Account
    from .checks import Database
    from .pipeline import Pipeline

ACTIONS = ("created", "updated", "unchanged", "skipped", "rejected", "failed", "planned")

# Flat columns and lists, as a plain table has them; the target nests them.
WORTH = """
    SELECT contact->0->>'id' AS id, sum(amount) AS worth, count(*) AS deals
    FROM crm_opportunities WHERE status = 'open' AND len(contact::JSON[]) > 0 GROUP BY 1"""
CONTACTS = f"""
    SELECT email,
           least(100, 10 * deals + (worth / 1000)::INT) AS custom_fields__lead_score,
           CASE WHEN worth > 25000 THEN ['score:hot'] ELSE [] END AS tags,
           CASE WHEN worth > 60000 THEN ['trial-site'] ELSE [] END AS remove_tags
    FROM ({WORTH}) JOIN marketing_contacts USING (id) ORDER BY id::INT"""  # noqa: S608 - our own text
OPPORTUNITIES = """
    SELECT id, 'In Contact' AS stage__name FROM crm_opportunities
    WHERE status = 'open' AND (pipeline->>'name') = 'Renewals'
      AND (stage->>'name') = 'To Contact'
    ORDER BY amount DESC, id LIMIT 15"""
NOTES = """
    SELECT account->>'id' AS account__id,
           'Open deals: ' || count(*) || ', worth ' || sum(amount)::DECIMAL(12, 2) AS content
    FROM crm_opportunities WHERE status = 'open' AND account IS NOT NULL
    GROUP BY 1 ORDER BY sum(amount) DESC LIMIT 20"""
TABLES = {"contacts": CONTACTS, "opportunities": OPPORTUNITIES, "notes": NOTES}


class WrongAccountError(Exception):
    """The account does not hold what the target wrote."""


def export(database: Database, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Write the tables as JSON lines; return their rows."""
    folder.mkdir(exist_ok=True)
    (folder.parent / "results").mkdir(exist_ok=True)
    found = {}
    for name, query in TABLES.items():
        path = folder / f"{name}.jsonl"
        database.rows(f"COPY ({query}) TO '{path}' (FORMAT JSON)")
        lines = path.read_text(encoding="utf-8").splitlines()
        found[name] = [json.loads(line) for line in lines]
    return found


def print_export(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Show what the tables hold."""
    hot = sum("score:hot" in row["tags"] for row in rows["contacts"])
    removed = sum(bool(row["remove_tags"]) for row in rows["contacts"])
    parts = [
        f"SQL over the loaded tables makes a row for {counted(len(rows['contacts']), 'contact')}",
        f"with open deals: a score, the tag score:hot for {hot}, and the removal of the tag",
        f"trial-site for {removed}. It makes rows that move",
        f"{counted(len(rows['opportunities']), 'deal')} to the stage In Contact, and rows with a",
        f"note for {counted(len(rows['notes']), 'account')}.",
    ]
    say(wrapped(" ".join(parts)))


def print_plan(reports: dict[str, dict[str, Any]]) -> None:
    """Show the plan of a dry run."""
    for name, report in reports.items():
        plan = report["plan"]
        does = ", ".join(f"{count:,} {action}" for action, count in plan["actions"].items())
        say(f"  {name}: {does}; about {counted(plan['requests'], 'request')}")
        for gain, count in plan["gains"].items():
            say(f"    · {count:,} would gain {gain}")
        for stage, count in plan["stages"].items():
            say(f"    · {count:,} would be put into the stage {stage}")
        for unknown, count in plan["unknown"].items():
            text = f"new in this account, created by the run: {unknown} (named {count:,} times)"
            say(f"    · {text}")
        for sample in plan["samples"][:1]:
            for field, (old, new) in sample["fields"].items():
                say(f"    · for example {field}: {json.dumps(old)} → {json.dumps(new)}")


def print_results(reports: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Show a line per stream; return the number of rows per action."""
    total = dict.fromkeys(ACTIONS, 0)
    for report in reports.values():
        for stream in report["streams"].values():
            for action in ACTIONS:
                total[action] += stream["actions"][action]
    shown = [action for action in ACTIONS if total[action]]
    say(f"  {'':<20}" + "".join(f"{name:>{COLUMN}}" for name in ("rows", *shown, "requests")))
    for report in reports.values():
        for stream, counts in report["streams"].items():
            cells = [counts["rows"], *(counts["actions"][a] for a in shown)]
            cells.append(report["traffic"]["requests"])
            say(f"  {stream:<20}" + "".join(f"{value or '·':>{COLUMN}}" for value in cells))
    return total


def writes(account: Account) -> int:
    """Return the number of write requests that the account has answered."""
    return sum(n for name, n in account.endpoints().items() if not name.startswith("GET "))


def check(rows: dict[str, list[dict[str, Any]]], database: Database, noted: int) -> list[str]:
    """Compare the account, as the tap read it again, with the tables; return the differences."""
    scores = dict(
        database.rows(
            "SELECT email_addresses->0->>'email', (custom_fields->>'lead_score')::DOUBLE "
            "FROM crm_contacts"
        )
    )
    tags = {
        email: {tag["name"] for tag in json.loads(names)}
        for email, names in database.rows("SELECT email, tags FROM marketing_contacts")
    }
    stages = dict(database.rows("SELECT id, stage->>'name' FROM crm_opportunities"))
    wrong = []
    for row in rows["contacts"]:
        held = tags[row["email"]]
        right = scores[row["email"]] == row["custom_fields__lead_score"]
        right = right and set(row["tags"]) <= held and not set(row["remove_tags"]) & held
        if not right:
            wrong.append(f"contact {row['email']}")
    wrong += [
        f"deal {row['id']}" for row in rows["opportunities"] if stages[row["id"]] != "In Contact"
    ]
    if noted != len(rows["notes"]):
        wrong.append(f"{noted} notes, not {len(rows['notes'])}")
    return wrong


def _activate(pipeline: Pipeline, account: Account, *, dry_run: bool) -> dict[str, dict[str, Any]]:
    waiting = Waiting(account.requests)
    try:
        return pipeline.activate(dry_run=dry_run, while_waiting=waiting.show)
    finally:
        waiting.end()


def write_back(pipeline: Pipeline, account: Account, database: Database, run: Any) -> None:
    """Plan, write, read again, write again; raise `WrongAccountError` when something is wrong.

    ``run`` loads the account once more and shows the numbers.
    """
    head("5  Back to ActiveCampaign: the rows to write")
    rows = export(database, pipeline.folder / "warehouse")
    print_export(rows)
    before, notes_before = writes(account), account.tables()["notes"]
    head("6  A dry run: meltano run activate, with dry_run")
    print_plan(_activate(pipeline, account, dry_run=True))
    if writes(account) != before:
        raise WrongAccountError("the dry run wrote something")
    head("7  The real run")
    total = print_results(_activate(pipeline, account, dry_run=False))
    if total["rejected"] or total["failed"]:
        raise WrongAccountError("rows were not written: see .demo/results")
    say("  The result of each row, with its reason: .demo/results/*.singer")
    head("8  The tap reads the account again")
    run()
    wrong = check(rows, database, account.tables()["notes"] - notes_before)
    if wrong:
        raise WrongAccountError(f"the account differs from the rows: {', '.join(wrong[:5])}")
    say("  ✓ the account has every score, tag, stage and note of the rows")
    head("9  The same rows again")
    before = writes(account)
    print_results(_activate(pipeline, account, dry_run=False))
    again = writes(account) - before
    if again:
        raise WrongAccountError(f"{again} write requests for rows that did not change")
    say("  ✓ no row had changed: 0 write requests")
