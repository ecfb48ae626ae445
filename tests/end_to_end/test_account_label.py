"""Two accounts with the same ids in one PostgreSQL database: neither loses a row."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.account import ROOT
from tests.demo.pipeline import install
from tests.sandbox import World, serve

from .loaders import PostgresTables, into_postgres
from .program import KEY, Workspace, selecting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import Database
    from tests.sandbox import Served

    from .loaders import Loader, Row

pytestmark = [pytest.mark.meltano, pytest.mark.slow]

LABEL = "account_label"
READ = "activation-contacts"
# Rows of the warehouse for every customer, with ids that both accounts have.
VIEW = """
CREATE SCHEMA activation;
CREATE VIEW activation.contacts AS
SELECT account_label, id, 'of ' || account_label AS last_name
FROM activecampaign.crm_contacts WHERE id IN ('2', '3');
"""


class Customer:
    """An account, the tap's runs of it, and its rows in the warehouse."""

    def __init__(self, label: str, served: Served, folder: Path) -> None:
        """Begin before the first run."""
        folder.mkdir()
        self.label, self.world = label, served.world
        self._workspace = Workspace(folder, served.url)
        self._state: Any = None

    def load(self, loader: Loader, **settings: Any) -> None:
        """Load the account from the state of the run before."""
        known = str(self._workspace.folder / "known")
        ended = self._workspace.run(
            state=self._state, detect_deletes=True, known_ids_path=known, **settings
        )
        assert ended.code == 0, ended.err
        assert loader.load(ended.out) == ended.states[-1]
        self._state = ended.states[-1]

    def write(self, lines: str, database: Database) -> list[Row]:
        """Write the warehouse's rows of all customers with the target; return each row's result."""
        results = self._workspace.folder / "results.jsonl"
        config = self._workspace.config(
            account_label=self.label,
            ledger_path=database.url(),
            results_path=str(results),
            stream_aliases={READ: "crm_contacts"},
        )
        done = subprocess.run(
            [sys.executable, "-m", "target_activecampaign", "--config", str(config)],
            env=self._workspace.environment,
            cwd=ROOT,
            input=lines,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert not any(word in done.stdout + done.stderr for word in (KEY, database.password))
        return [json.loads(line) for line in results.read_text().splitlines()]


def of_warehouse(folder: Path, database: Database) -> str:
    """Return what MeltanoLabs' tap-postgres reads from the schema `activation`."""
    install("tap-postgres")
    program = ROOT / ".meltano" / "extractors" / "tap-postgres" / "venv" / "bin" / "tap-postgres"
    config = folder / "tap-postgres.json"
    address = database.url("postgresql+psycopg")
    config.write_text(json.dumps({"sqlalchemy_url": address, "filter_schemas": ["activation"]}))
    catalog = folder / "tap-postgres-catalog.json"

    def run(*more: str) -> str:
        command = [str(program), "--config", str(config), *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-1000:]
        return done.stdout

    catalog.write_text(json.dumps(selecting(json.loads(run("--discover")), [READ])))
    return run("--catalog", str(catalog))


class OneOfMany(PostgresTables):
    """The rows of one account in tables that hold many."""

    def __init__(self, database: Database, label: str) -> None:
        """Use a database."""
        super().__init__(database)
        self._label = label

    def rows(self, stream: str) -> list[Row]:
        """Return the account's rows, without the label."""
        found = [row for row in super().rows(stream) if row[LABEL] == self._label]
        return [{name: row[name] for name in row if name != LABEL} for row in found]


@pytest.fixture
def customers(tmp_path: Path) -> Iterator[list[Customer]]:
    """Two accounts with the same ids and different rows."""
    worlds = [
        World(
            contacts=40 + more,
            deals=10 + more,
            accounts=6,
            seed=more,
            api_key=KEY,
            requests_per_second=0,
        )
        for more in (0, 15)
    ]
    with serve(worlds[0]) as first, serve(worlds[1]) as other:
        yield [
            Customer("acme", first, tmp_path / "acme"),
            Customer("birch", other, tmp_path / "birch"),
        ]


def test_two_accounts_share_tables_and_each_target_writes_its_own_rows(
    customers: list[Customer], tmp_path: Path, postgres_database: Database
) -> None:
    """After each run each account's rows in the shared table are complete, deletes included.

    A delete of one account keeps the other's row of the same id, in small tables too. The second
    run is a full read: a removed tag moves no contact. A view over the table is written back to
    each account by its own target, which skips the rows of the other.
    """
    loader = into_postgres(tmp_path, postgres_database)
    for customer in customers:
        customer.load(loader, account_label=customer.label)
    for customer in customers:
        OneOfMany(postgres_database, customer.label).warehouse().check(customer.world)

    acme, birch = (customer.world for customer in customers)
    acme.edit_contact(3, firstName="Edited")
    acme.delete_contact(7)
    acme.delete_deal(4)
    acme.delete_tag(next(iter(acme.tables["tags"].ids())))
    birch.add_contact("new@birch.example", firstName="New")
    birch.delete_contact(9)
    for customer in customers:
        customer.load(loader, account_label=customer.label, full_sweep_hours=1e-6)
    for customer in customers:
        tables = OneOfMany(postgres_database, customer.label)
        tables.warehouse().check(customer.world)
    assert OneOfMany(postgres_database, "acme").deleted("crm_contacts") == [("7",)]
    assert OneOfMany(postgres_database, "birch").deleted("crm_contacts") == [("9",)]
    assert OneOfMany(postgres_database, "birch").deleted("marketing_tags") == []

    # One view over both, read by the real tap, and one database with both ledgers.
    postgres_database.rows(VIEW)
    lines = of_warehouse(tmp_path, postgres_database)
    for customer, other in zip(customers, reversed(customers), strict=True):
        theirs = [contact.lastName for contact in other.world.tables["contacts"]]
        for action in ("updated", "unchanged"):
            found = customer.write(lines, postgres_database)
            assert Counter(line["action"] for line in found) == {action: 2, "skipped": 2}
        names = {id_: customer.world.tables["contacts"].get(id_).lastName for id_ in (2, 3)}
        assert set(names.values()) == {f"of {customer.label}"}
        assert [contact.lastName for contact in other.world.tables["contacts"]] == theirs


def test_a_schema_for_each_account_needs_no_label(
    customers: list[Customer], tmp_path: Path, postgres_database: Database
) -> None:
    """With `default_target_schema` per account, tables, versions and deletes need no label."""
    tags = [len(customer.world.tables["tags"].ids()) for customer in customers]
    for customer in customers:
        folder = tmp_path / f"{customer.label}-loader"
        folder.mkdir()
        loader = into_postgres(folder, postgres_database, default_target_schema=customer.label)
        customer.load(loader)
        customer.world.delete_contact(5)
        customer.load(loader)
    for customer, expected in zip(customers, tags, strict=True):
        query = (
            f"SELECT count(*) FILTER (WHERE _sdc_deleted_at IS NULL), "  # noqa: S608
            f"array_agg(id) FILTER (WHERE _sdc_deleted_at IS NOT NULL) "
            f"FROM {customer.label}.crm_contacts"
        )
        contacts = len(customer.world.tables["contacts"].ids())
        assert postgres_database.rows(query) == [(contacts, ["5"])]
        count = postgres_database.rows(f"SELECT count(*) FROM {customer.label}.marketing_tags")  # noqa: S608
        assert count == [(expected,)]
        columns = postgres_database.rows(
            "SELECT count(*) FROM information_schema.columns WHERE column_name = %s", LABEL
        )
        assert columns == [(0,)]
