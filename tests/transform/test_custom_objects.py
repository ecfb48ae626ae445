"""The model of a custom object in docs/dbt.md, over an account with the object."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.demo.account import ROOT
from tests.end_to_end.loaders import into_duckdb
from tests.sandbox.custom_objects import acts
from tests.tap.running import Account

from .project import MARTS, PROJECT, Transform, by

if TYPE_CHECKING:
    from pathlib import Path

STREAM = "custom_purchase_orders"
FILES = re.compile(r"`transform/(models/custom/[\w.]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)


@pytest.mark.long
@pytest.mark.meltano
@pytest.mark.slow
def test_the_pages_model_has_the_rows_of_the_object(tmp_path: Path) -> None:
    """The two files of docs/dbt.md make a typed view with the newest row of each record."""
    account = Account(contacts=5)
    world = account.world
    fields = [acts.field("title"), acts.field("amount", "number")]
    schema = acts.add_schema(world, "purchase-orders", fields, [acts.relationship("buyer")])
    for number in range(3):
        values = {"title": f"Order {number}", "amount": number + 0.5}
        acts.put_record(world, schema, f"po-{number}", values, {"buyer": ["3"]}, lags=False)
    loader = into_duckdb(tmp_path)
    loader.load(account.run(only=[STREAM]).text)

    project = tmp_path / "transform"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    files = FILES.findall((ROOT / "docs" / "dbt.md").read_text(encoding="utf-8"))
    assert len(files) == 2
    for name, text in files:
        path = project / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    environment = {"DBT_TARGET": "duckdb", "DBT_DUCKDB_PATH": str(tmp_path / "loaded.duckdb")}
    transform = Transform(loader.tables, tmp_path, environment, project)
    transform.run("run", "--select", "custom")
    rows = by(transform.rows(f"stg_activecampaign__{STREAM}", MARTS), "external_id")
    assert rows.keys() == {"po-0", "po-1", "po-2"}
    row = rows["po-1"]
    assert (row["title"], row["amount"], row["buyer_id"]) == ("Order 1", 1.5, "3")
    assert row["created_at"]
