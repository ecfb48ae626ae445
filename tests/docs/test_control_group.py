"""The recipe of docs/control-group.md works as it is written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import duckdb

from target_activecampaign.holdout import position_of
from tests.render import ROOT
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, stream_of

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "control-group.md"


def test_the_sql_compares_who_was_written_with_who_was_held_out(tmp_path: Path) -> None:
    """The page's SQL returns the share of buyers in the written and in the held-out group."""
    text = PAGE.read_text("utf-8")
    [first] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    [comparing] = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    settings = json.loads(first)
    clock = ManualClock()
    runner = TargetRunner(world_of(clock, is_empty=True), clock, tmp_path)
    people = [f"p{n}@shop.example" for n in range(200)]
    control = {
        one
        for one in people
        if position_of(one, settings["holdout_salt"]) < settings["holdout_percent"]
    }
    rows = [{"email": one, "tags": ["onboarding"]} for one in people]
    assert (
        runner.run(*stream_of("crm_contacts", *rows), results_format="singer", **settings).code == 0
    )
    written = [one for one in people if one not in control]
    buyers = [*written[:90], *sorted(control)[:5]]
    results = [
        one["record"]
        for one in map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
        if one["type"] == "RECORD"
    ]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE activecampaign_results AS SELECT * REPLACE (to_json(key) AS key) "
            "FROM read_json($1, format = 'newline_delimited')",
            [str(tmp_path / "records.jsonl")],
        )
        database.execute("CREATE TABLE sequence_rows (email TEXT)")
        database.executemany("INSERT INTO sequence_rows VALUES (?)", [[one] for one in people])
        database.execute("CREATE TABLE orders (email TEXT)")
        database.executemany(
            "INSERT INTO orders VALUES (?)", [[f" {one.upper()}"] for one in buyers] * 2
        )
        found = database.execute(comparing).fetchall()
    assert found == [
        (False, len(written), 90, round(100 * 90 / len(written), 1)),
        (True, len(control), 5, round(100 * 5 / len(control), 1)),
    ]
