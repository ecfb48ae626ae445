"""``make demo``: loads a made-up account into DuckDB, loads its changes, and writes back."""

from __future__ import annotations

import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

from . import activation, checks
from .account import ROOT, Account, AccountFailedError
from .pipeline import Pipeline, PipelineFailedError, install
from .screen import Waiting, counted, head, listed, say, streams_table, wrapped

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

FOLDER = ROOT / ".demo"
SEED = 7
SIZE = {"contacts": 3000, "deals": 400, "accounts": 80, "seed": SEED}
MAX_REFUSED = 3
QUERY = """\
SELECT pipeline->>'name' AS pipeline, stage->>'name' AS stage,
       count(*) AS deals, round(sum(amount)) AS amount, currency
FROM crm_opportunities WHERE status = 'open'
GROUP BY ALL ORDER BY pipeline, deals DESC LIMIT 8"""

WHY_MORE_IS_READ = (
    "ActiveCampaign cannot filter accounts and notes by date: the tap reads them whole and emits "
    "only rows that changed. It reads and emits small tables whole."
)


class WrongTablesError(Exception):
    """The tables in DuckDB differ from the account."""


FAILURES = (AccountFailedError, PipelineFailedError, WrongTablesError, activation.WrongAccountError)


def main() -> int:
    """Run the demo; return the exit code."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        demo(_fresh_folder())
    except KeyboardInterrupt:
        say("\nThe demo was stopped. All its processes have ended.")
        return 130
    except FAILURES as problem:
        sys.stdout.flush()
        sys.stderr.write(f"\nThe demo failed: {problem}\n")
        return 1
    return 0


def _leave(signum: int, _: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def _fresh_folder() -> Path:
    """Return an empty folder: the files of an earlier demo are deleted."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(exist_ok=True)
    return FOLDER


def demo(folder: Path) -> None:
    """Load, change, load again, write back; raise one of `FAILURES` when something is wrong."""
    say("From ActiveCampaign to DuckDB and back, with a made-up account on this machine.")
    install()
    with Account(folder, **SIZE) as account:
        pipeline = Pipeline(folder, account.url)
        database = checks.Database(pipeline.database)
        head("1  The account")
        say(wrapped(describe(account)))
        head("2  The first load: meltano run load")
        load(pipeline, account, database, {})
        head("3  Changes in ActiveCampaign")
        changed = account.change(SEED)
        for line in in_words(changed["counts"]):
            say(f"  · {line}")
        head("4  The same command again: it loads what changed")
        removed = {"marketing_contact_tags": len(changed["tags_removed"])}
        load(pipeline, account, database, removed)
        say(wrapped(WHY_MORE_IS_READ, "  "))
        print_findings(changed, account, database)
        activation.write_back(
            pipeline, account, database, lambda: load(pipeline, account, database, removed)
        )
        print_refused(account.refused())
    print_file(pipeline, database)


def describe(account: Account) -> str:
    """Return a sentence about what the account holds."""
    t = account.tables()
    custom = t["fields"] + t["accountCustomFieldMeta"] + t["dealCustomFieldMeta"]
    parts = [
        f"{counted(t['contacts'], 'contact')} with {counted(t['contactTags'], 'tag')} applied",
        f"{counted(t['accounts'], 'account')}",
        f"{counted(t['deals'], 'deal')} in {counted(t['dealGroups'], 'pipeline')}",
        counted(t["notes"], "note"),
        f"{counted(custom, 'custom field')} of every type",
        f"{counted(t['users'], 'user')} in {counted(t['groups'], 'group')}",
    ]
    return (
        f"{listed(parts)}. It answers at {account.url} like ActiveCampaign and refuses more than "
        "5 requests in any second."
    )


def load(
    pipeline: Pipeline, account: Account, database: checks.Database, surplus: dict[str, int]
) -> None:
    """Run the pipeline once, show its numbers, and compare the tables with the account."""
    waiting = Waiting(account.requests)
    try:
        report = pipeline.run(waiting.show)
    finally:
        waiting.end()
    used, seconds = waiting.requests, waiting.seconds
    loaded, expected = database.counts(), checks.rows_in_account(account)
    say("\n".join(streams_table(report["streams"], loaded, expected, surplus)))
    by_tap = report["traffic"]["requests"]
    say(
        f"  {seconds:.0f} s, {counted(used, 'request')}: {by_tap} to read the account, "
        f"{used - by_tap} for the discovery of custom fields, which Meltano runs first."
    )
    missing = set(expected) - set(report["streams"])
    wrong = {
        name: (loaded[name], expected[name] + surplus.get(name, 0))
        for name in expected
        if loaded[name] != expected[name] + surplus.get(name, 0)
    }
    if missing:
        raise WrongTablesError(f"the tap did not read {', '.join(sorted(missing))}")
    if wrong:
        raise WrongTablesError(
            "; ".join(
                f"{name} has {has} rows, not {should}" for name, (has, should) in wrong.items()
            )
        )


def in_words(counts: dict[str, int]) -> list[str]:
    """Return a line for each kind of change."""
    nouns = [
        ("contacts_edited", "contact has a new last name", "contacts have a new last name"),
        ("field_values_set", "of them with a new value in a custom field", None),
        ("tags_added", "tag was applied", "tags were applied"),
        ("tags_removed", "tag was removed", "tags were removed"),
        ("list_status_changed", "contact left a list", "contacts left a list"),
        ("contacts_added", "contact is new", "contacts are new"),
        ("notes_added", "note was written", "notes were written"),
        ("deals_moved", "deal moved to another stage", "deals moved to another stage"),
        ("deals_added", "deal is new", "deals are new"),
        ("accounts_edited", "account has a new website", "accounts have a new website"),
    ]
    return [
        counted(counts[kind], singular, plural or singular)
        for kind, singular, plural in nouns
        if counts.get(kind)
    ]


def print_findings(changed: dict[str, Any], account: Account, database: checks.Database) -> None:
    """Show for each change whether DuckDB has it; raise `WrongTablesError` if it lacks a change."""
    say("\n  The changes in DuckDB, compared with the account:")
    findings = checks.look_up(changed, account, database)
    for finding in findings:
        mark = "✓" if finding.found == finding.total else "✗"
        say(f"  {mark} {finding.found} of {finding.total} {finding.change}")
    removed, unseen = len(changed["tags_removed"]), checks.statuses_not_seen(changed, database)
    notes = []
    if removed:
        notes.append(
            f"{counted(removed, 'row')} of marketing_contact_tags (+{removed} above) "
            f"{'belongs' if removed == 1 else 'belong'} to removed tags: without detect_deletes "
            "such rows stay. The tags of the contacts are right."
        )
    if unseen:
        notes.append(
            f"{counted(unseen, 'list status', 'list statuses')} will come with the next complete "
            "read (full_sweep_hours): this change does not move the date of the contact."
        )
    if notes:
        say("\n  What an incremental run does not read:")
        for note in notes:
            say(wrapped(f"· {note}", "  "))
    lost = [finding.change for finding in findings if finding.found != finding.total]
    if lost:
        raise WrongTablesError(f"not all of these arrived: {', '.join(lost)}")


def print_refused(refused: int) -> None:
    """Show how many requests the account refused; raise when there were more than `MAX_REFUSED`.

    On a slow machine a request may be delayed into the next second. The account refuses it, and
    the client sends it again.
    """
    if refused > MAX_REFUSED:
        raise WrongTablesError(f"the account refused {refused} requests because they came too fast")
    if refused:
        say(
            f"\n  The account refused {counted(refused, 'request')} as too fast; the client sent "
            "them again."
        )


def print_file(pipeline: Pipeline, database: checks.Database) -> None:
    """Name the database file and show a query."""
    path = pipeline.database.relative_to(ROOT)
    head("10  The tables")
    say(f"  The tables are in {path}. For example:\n")
    say("\n".join(f"    {line}" for line in QUERY.splitlines()))
    say()
    say("\n".join(f"  {line}" for line in database.shown(QUERY).splitlines()))
    say(f"\n  Logs: {path.parent}/")
    say('  More queries:  .venv/bin/python -m tests.demo.query "SELECT …"')


if __name__ == "__main__":
    sys.exit(main())
