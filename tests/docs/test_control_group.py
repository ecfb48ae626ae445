"""The recipe of docs/control-group.md works as it is written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import duckdb
import psycopg
import pytest

from target_activecampaign.holdout import position_of
from tests.render import ROOT
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import LiteralString

    from tests.postgres import Database

TABLES = (
    "CREATE TABLE activecampaign_results (stream TEXT, key JSON, action TEXT, reason TEXT)",
    "CREATE TABLE sequence_rows (email TEXT)",
    "CREATE TABLE orders (email TEXT)",
)
PAGE = ROOT / "docs" / "control-group.md"


@dataclass(frozen=True)
class Comparison:
    """The page's SQL, the rows of its tables, and what it must return."""

    sql: str
    results: list[dict[str, Any]]
    people: list[str]
    buyers: list[str]
    expected: list[tuple[Any, ...]]

    def inserts(self) -> Iterator[tuple[str, list[Any]]]:
        """Return the statements that fill the tables, with their values."""
        for result in self.results:
            values = [
                result["stream"],
                json.dumps(result["key"]),
                result["action"],
                result["reason"],
            ]
            yield "INSERT INTO activecampaign_results VALUES (%s, %s, %s, %s)", values
        for address in self.people:
            yield "INSERT INTO sequence_rows VALUES (%s)", [address]
        for address in self.buyers:
            yield "INSERT INTO orders VALUES (%s)", [address]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A run with the page's control group, and what the page's SQL must say of it.

    The first ten people of the control group unsubscribe: their rows are `updated`.
    """
    text = PAGE.read_text("utf-8")
    [first] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    [comparing] = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    settings = json.loads(first)
    clock = ManualClock()
    folder = tmp_path_factory.mktemp("run")
    world = world_of(clock, is_empty=True)
    news = world.add_list("News")
    runner = TargetRunner(world, clock, folder)
    people = [f"p{n}@shop.example" for n in range(200)]
    control = [
        email
        for email in people
        if position_of(email, settings["holdout_salt"]) < settings["holdout_percent"]
    ]
    rows: list[dict[str, Any]] = [{"email": email, "tags": ["onboarding"]} for email in people]
    for row in rows:
        if row["email"] in control[:10]:
            world.subscribe(world.add_contact(row["email"]).id, news.id)
            row["segments"] = [{"name": "News", "status": "unsubscribed"}]
    run = runner.run(*stream_of("crm_contacts", *rows), results_format="singer", **settings)
    assert run.code == 0
    lines = map(json.loads, (folder / "results.jsonl").read_text().splitlines())
    results = [line["record"] for line in lines if line["type"] == "RECORD"]
    assert {result["action"] for result in results if "held out" in (result["reason"] or "")} == {
        "skipped",
        "updated",
    }
    written = [email for email in people if email not in control]
    buyers = [*written[:90], *control[:5]]
    expected = [
        (False, len(written), 90, round(100 * 90 / len(written), 1)),
        (True, len(control), 5, round(100 * 5 / len(control), 1)),
    ]
    return Comparison(
        comparing, results, people, [f" {email.upper()}" for email in buyers] * 2, expected
    )


def test_the_sql_compares_the_groups_in_duckdb(comparison: Comparison) -> None:
    """The page's SQL returns the share of buyers in the written and in the held-out group."""
    with duckdb.connect() as database:
        for statement in TABLES:
            database.execute(statement)
        for statement, values in comparison.inserts():
            database.execute(statement.replace("%s", "?"), values)
        assert database.execute(comparison.sql).fetchall() == comparison.expected


def test_the_sql_compares_the_groups_in_postgresql(
    comparison: Comparison, postgres_database: Database
) -> None:
    """PostgreSQL returns the page's table for the same rows."""
    for statement in TABLES:
        postgres_database.rows(statement)
    with psycopg.connect(postgres_database.url()) as connection:
        for statement, values in comparison.inserts():
            connection.execute(cast("LiteralString", statement), values)
    found = postgres_database.rows(comparison.sql)
    assert [(*row[:3], float(row[3])) for row in found] == comparison.expected
