"""Checks the tables in DuckDB: counts their rows and looks for what changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from pathlib import Path

    from .account import Account

# The tables of the account that hold the rows of a unified stream.
HOME = {
    "crm_accounts": ("accounts",),
    "crm_contacts": ("contacts",),
    "crm_fields": ("fields", "accountCustomFieldMeta", "dealCustomFieldMeta"),
    "crm_notes": ("notes",),
    "crm_opportunities": ("deals",),
    "crm_pipelines": ("dealGroups",),
    "crm_stages": ("dealStages",),
    "crm_users": ("users",),
    "directory_groups": ("groups",),
    "directory_users": ("users",),
    "marketing_contact_tags": ("contactTags",),
    "marketing_contacts": ("contacts",),
    "marketing_segment_memberships": ("contactLists",),
    "marketing_segments": ("lists",),
    "marketing_tags": ("tags",),
}
STATUS = {"1": "active", "2": "unsubscribed", "3": "bounced", "0": "unconfirmed"}


def rows_in_account(account: Account) -> dict[str, int]:
    """Return the number of rows that each stream should have, counted by the account."""
    tables = account.tables()
    return {stream: sum(tables[name] for name in names) for stream, names in HOME.items()}


class Database:
    """The loaded file. It is opened for each query: a loader needs it alone."""

    def __init__(self, path: Path) -> None:
        """Store the path of the file."""
        self._path = path

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        with duckdb.connect(str(self._path), read_only=True) as connection:
            return connection.execute(query, values).fetchall()

    def value(self, query: str, *values: object) -> Any:
        """Return the first value of a query; None where it has no row."""
        found = self.rows(query, *values)
        return found[0][0] if found else None

    def shown(self, query: str) -> str:
        """Return the rows of a query as a table of text."""
        with duckdb.connect(str(self._path), read_only=True) as connection:
            return str(connection.sql(query))

    def counts(self) -> dict[str, int]:
        """Return the number of rows in the table of each stream; 0 where there is no table."""
        loaded = {name for (name,) in self.rows("SELECT table_name FROM information_schema.tables")}
        return {
            stream: self.value(f'SELECT count(*) FROM "{stream}"') if stream in loaded else 0  # noqa: S608
            for stream in HOME
        }


@dataclass(frozen=True)
class Finding:
    """One kind of change: its name ``change``, and how many of its ``total`` were ``found``."""

    change: str
    found: int
    total: int


def look_up(changed: dict[str, Any], account: Account, database: Database) -> list[Finding]:
    """Look for every change in DuckDB; the account is asked for the true values."""
    people = {
        contact_id: account.ask(f"contacts/{contact_id}")["contact"]
        for contact_id in (*changed["contacts_edited"], *changed["contacts_added"])
    }
    names = [
        database.rows(
            "SELECT coalesce(c.last_name, '') = ? AND coalesce(m.last_name, '') = ? "
            "FROM crm_contacts c JOIN marketing_contacts m USING (id) WHERE id = ?",
            people[contact_id]["lastName"],
            people[contact_id]["lastName"],
            str(contact_id),
        )
        == [(True,)]
        for contact_id in changed["contacts_edited"]
    ]
    newcomers = [
        database.value("SELECT email FROM marketing_contacts WHERE id = ?", str(contact_id))
        == people[contact_id]["email"]
        for contact_id in changed["contacts_added"]
    ]
    websites = [
        database.value("SELECT website FROM crm_accounts WHERE id = ?", str(company_id))
        == account.ask(f"accounts/{company_id}")["account"]["accountUrl"]
        for company_id in changed["accounts_edited"]
    ]
    stages = [
        database.value("SELECT stage->>'id' FROM crm_opportunities WHERE id = ?", str(move["deal"]))
        == str(move["stage"])
        for move in changed["deals_moved"]
    ]
    found = [
        ("new last names, in both contact tables", names),
        (
            "new values of custom fields",
            [_has_value(database, v) for v in changed["field_values_set"]],
        ),
        ("tags applied", [_has_tag(database, pair) for pair in changed["tags_added"]]),
        (
            "removed tags, in the contact tables",
            [not _has_tag(database, p) for p in changed["tags_removed"]],
        ),
        ("new contacts", newcomers),
        (
            "new notes",
            [_is_there(database, "crm_notes", note_id) for note_id in changed["notes_added"]],
        ),
        ("deals in their new stage", stages),
        (
            "new deals",
            [
                _is_there(database, "crm_opportunities", deal_id)
                for deal_id in changed["deals_added"]
            ],
        ),
        ("new websites of accounts", websites),
    ]
    return [Finding(change, sum(right), len(right)) for change, right in found if right]


def statuses_not_seen(changed: dict[str, Any], database: Database) -> int:
    """Return the number of changes of a list status that are not in DuckDB yet."""
    return sum(
        database.value(
            "SELECT status FROM marketing_segment_memberships "
            "WHERE contact_id = ? AND segment_id = ?",
            str(change["contact"]),
            str(change["list"]),
        )
        != STATUS[str(change["status"])]
        for change in changed["list_status_changed"]
    )


def _has_tag(database: Database, pair: dict[str, int]) -> bool:
    tags = json.loads(
        database.value("SELECT tags FROM crm_contacts WHERE id = ?", str(pair["contact"])) or "[]"
    )
    return str(pair["tag"]) in {tag["id"] for tag in tags}


def _is_there(database: Database, table: str, row_id: int) -> bool:
    return database.value(f'SELECT id FROM "{table}" WHERE id = ?', str(row_id)) == str(row_id)  # noqa: S608


def _has_value(database: Database, change: dict[str, Any]) -> bool:
    """Compare the letters and digits of a value: the table holds a typed value."""
    key = database.value(
        "SELECT key FROM crm_fields WHERE entity = 'contact' AND id = ?", str(change["field"])
    )
    read = json.loads(
        database.value(
            "SELECT custom_fields FROM crm_contacts WHERE id = ?", str(change["contact"])
        )
        or "{}"
    ).get(key)
    if isinstance(read, (int, float)):
        return float(change["value"]) == read
    text = " ".join(map(str, read)) if isinstance(read, list) else str(read)
    if _letters(text) == _letters(change["value"]):
        return True
    # The table has date-times in UTC, the account in its own time zone.
    return read is not None and _letters(text)[:4] == _letters(change["value"])[:4]


def _letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())
