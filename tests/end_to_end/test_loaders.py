"""DuckDB and PostgreSQL, filled by the real loaders, equal the account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.truth import truth_of
from tests.tap.raw.account import BY_NAME, RAW, complete, expected
from tests.tap.running import Account

from .loaders import (
    SCHEMA,
    DuckDBTables,
    LoaderFailedError,
    PostgresTables,
    into_duckdb,
    into_postgres,
)
from .test_duckdb import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox import World

    from .loaders import Loader

pytestmark = [pytest.mark.meltano, pytest.mark.slow]

FLAT = {"flattening_enabled": True, "flattening_max_depth": 2, "flattening_max_key_length": 64}


@pytest.fixture(params=["duckdb", "postgres"])
def open_loader(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Loader]:
    """Return the loaders for users, each with an empty database.

    The server may be in any time zone.
    """

    def open_(**settings: Any) -> Loader:
        if request.param == "duckdb":
            return into_duckdb(tmp_path, **settings)
        database = request.getfixturevalue("postgres_database")
        database.rows(f"ALTER DATABASE {database.name} SET timezone = 'Pacific/Auckland'")
        return into_postgres(tmp_path, database, **settings)

    return open_


@pytest.fixture
def account() -> Account:
    """An account with rows of every kind."""
    return Account(contacts=30, deals=15, accounts=8)


def work_a_day(world: World) -> None:
    """Edit, tag, untag, add and move rows, without deletes."""
    world.edit_contact(5, firstName="Zoë", lastName='O\'Neil, "Bob"\nthe second')
    world.tag(5, world.add_tag("brand new").id)
    newcomer = world.add_contact("new@case.example", firstName="New")
    world.link(newcomer.id, 3, jobTitle="Buyer")
    world.add_note("Subscriber", newcomer.id, "two\nlines")
    world.edit_deal(3, title="Another title", value=1234567)
    world.add_deal("A new deal", contact=newcomer.id)
    field = world.add_field("Seats sold", "number", "SEATS_SOLD")
    world.set_field(7, field.id, "12")
    world.edit_contact(7, phone="+49 30 1")
    world.set_field(newcomer.id, field.id, "-3.5")


def test_the_tables_are_the_account_after_each_run(
    account: Account, open_loader: Callable[..., Loader]
) -> None:
    """Tables equal the account after each run, in every row and field, each key once.

    A day later only changes are read. A new contact of an account does not change the account's
    date, so the week's sweep emits that account.
    """
    loader = open_loader()
    first = account.run()
    assert loader.load(first.text) == first.state
    loader.tables.warehouse().check(account.world)

    account.wait(hours=30)
    work_a_day(account.world)
    account.wait(minutes=5)
    second = account.run(first.state)
    assert 2 <= len(second.ids("crm_contacts")) < 20
    assert loader.load(second.text) == second.state
    [known] = loader.tables.warehouse().differences(account.world)
    assert known.startswith("crm_accounts ('3',) contact_count: ")
    account.wait(hours=170)
    third = account.run(second.state)
    assert loader.load(third.text) == third.state
    loader.tables.warehouse().check(account.world)


def test_custom_fields_become_typed_columns(
    account: Account, open_loader: Callable[..., Loader]
) -> None:
    """With flattening, custom fields are typed columns, and a new field is a new column.

    A name that is too long for the database is shortened.
    """
    tag = "A_TAG_" * 20
    field = account.world.add_field("Long", "number", tag)
    account.world.set_field(9, field.id, "4.5")
    loader = open_loader()
    only = ["crm_contacts", "crm_opportunities"]
    first = account.run(only=only, **FLAT)
    loader.load(first.text)
    assert "custom_fields__seats_sold" not in loader.tables.columns("crm_contacts")
    account.wait(hours=30)
    work_a_day(account.world)
    account.wait(minutes=5)
    loader.load(account.run(first.state, only=only, **FLAT).text)

    columns, types = loader.tables.columns("crm_contacts"), loader.tables.types
    for title, kind in (("seats_sold", "number"), ("lead_source", "text"), ("last_demo", "time")):
        assert columns[f"custom_fields__{title}"] == types[kind], title
    assert loader.tables.columns("crm_opportunities")["amount"] == types["number"]
    [short] = [name for name in columns if name.startswith("cf__")]
    assert columns[short] == types["number"]
    truth = truth_of(account.world)
    for stream in only:
        held = {row["id"]: row for row in loader.tables.rows(stream)}
        assert {(id_,) for id_ in held} == set(truth[stream])
        for (id_,), record in truth[stream].items():
            for key, value in record["custom_fields"].items():
                name = short if key == tag.lower() else f"custom_fields__{key}"
                if isinstance(value, (str, int, float)):
                    assert held[id_][name] == value, key
                elif isinstance(value, dict):
                    assert held[id_][f"{name}__amount"] == value["amount"], key
                    assert held[id_][f"{name}__currency"] == value["currency"], key


def delete_some(world: World) -> dict[str, list[tuple[str, ...]]]:
    """Delete rows of several kinds with their related rows; return the keys by stream."""
    before = truth_of(world)
    world.delete_contact(7)
    world.delete_deal(5)
    world.tables["notes"].delete(next(iter(world.tables["notes"].ids())))
    world.delete_stage(list(world.tables["dealStages"])[-1].id)
    after = truth_of(world)
    deleted = {name: sorted(rows.keys() - after[name].keys()) for name, rows in before.items()}
    assert {name for name, keys in deleted.items() if keys} >= {
        *("crm_contacts", "marketing_contacts", "marketing_contact_tags"),
        *("crm_notes", "crm_opportunities", "crm_stages"),
    }
    return deleted


@pytest.mark.parametrize("hard", [False, True], ids=["marked", "hard"])
def test_deleted_rows_are_marked_or_removed(
    account: Account, open_loader: Callable[..., Loader], tmp_path: Path, *, hard: bool
) -> None:
    """Rows without a mark equal the account; hard_delete removes rows if the loader supports it.

    With ACTIVATE_VERSION, target-postgres removes rows of full tables; the others stay marked.
    """
    loader = open_loader(hard_delete=hard)
    tables = loader.tables
    settings = {"detect_deletes": True, "known_ids_path": str(tmp_path / "known.sqlite")}
    first = account.run(**settings)
    loader.load(first.text)
    assert not any(tables.deleted(stream) for stream in tables.streams())
    account.wait(hours=200)
    deleted = delete_some(account.world)
    second = account.run(first.state, **settings)
    loader.load(second.text)
    tables.warehouse().check(account.world)
    of_duckdb = isinstance(tables, DuckDBTables)
    for stream, keys in deleted.items():
        removed = hard and (of_duckdb or stream == "crm_stages")
        assert tables.deleted(stream) == ([] if removed else keys), stream


def test_raw_streams_that_grow_lose_nothing(open_loader: Callable[..., Loader]) -> None:
    """Raw streams with new columns and types lose no value in a loader.

    DuckDB's loader accepts no column of text and lists, so lists are emitted as text.
    """
    loader = open_loader()
    flat = {"flattening_enabled": True, "flattening_max_depth": 1}
    settings = flat if isinstance(loader.tables, DuckDBTables) else {}
    account = complete(contacts=30)
    hooks = [{"id": str(n), "name": f"hook {n}", "odd": "text"} for n in range(1, 121)]
    account.world.planted.plant("/webhooks", "webhooks", hooks)
    first = account.run(only=RAW, **settings)
    loader.load(first.text)
    check_raw(account, loader, RAW)

    hooks += [
        {"id": "121", "name": "new", "odd": 2.5, "fresh": 1, "deep": {"a": [1, {"b": None}]}},
        {"id": "122", "name": None, "odd": True, "fresh": 1 << 62, "deep": {}},
        {"id": "123", "name": 7, "odd": 1 << 70, "mixed": [True, "one", 2]},
        {"id": "124", "mixed": []},
    ]
    second = account.run(first.state, only=["raw_webhooks"], **settings)
    loader.load(second.text)
    check_raw(account, loader, ["raw_webhooks"])


def test_whole_numbers_that_become_others_are_not_rounded(
    open_loader: Callable[..., Loader],
) -> None:
    """PostgreSQL's loader ends and names a column of integers that gets fractions.

    Once the column is text, it continues.
    """
    account = Account(contacts=0)
    hooks = [{"id": str(n), "odd": n} for n in range(1, 4)]
    account.world.planted.plant("/webhooks", "webhooks", hooks)
    loader = open_loader()
    first = account.run(only=["raw_webhooks"])
    loader.load(first.text)
    hooks[1]["odd"] = 2.5
    second = account.run(first.state, only=["raw_webhooks"])
    if isinstance(loader.tables, PostgresTables):
        with pytest.raises(LoaderFailedError, match=r"raw_webhooks\.odd' from 'BIGINT' to 'TEXT'"):
            loader.load(second.text)
        loader.tables.query(f"ALTER TABLE {SCHEMA}.raw_webhooks ALTER COLUMN odd TYPE text")
    loader.load(second.text)
    check_raw(account, loader, ["raw_webhooks"])
    loader.load(account.run(second.state, only=["raw_webhooks"]).text)
    check_raw(account, loader, ["raw_webhooks"])


def check_raw(account: Account, loader: Loader, names: list[str]) -> None:
    """Fail unless the tables have every row and value that the account sends."""
    for name in names:
        keys = BY_NAME[name].keys
        found = {tuple(row[key.lower()] for key in keys): row for row in lowered(loader, name)}
        rows = expected(account, name)
        assert len(found) == len(rows), name
        for row in rows:
            held = found[tuple(row[key] for key in keys)]
            for column, value in row.items():
                assert is_same(held[column.lower()], value), (name, column)


def lowered(loader: Loader, stream: str) -> list[dict[str, Any]]:
    """Return a table's rows with names in lower case, as in DuckDB."""
    return [
        {name.lower(): value for name, value in row.items()} for row in loader.tables.rows(stream)
    ]


def is_same(held: Any, sent: Any) -> bool:
    """Compare a sent value with the value of a column that may be text."""
    if sent in {"", None} if isinstance(sent, (str, type(None))) else False:
        return held in {"", None}
    if isinstance(held, str) and not isinstance(sent, str):
        held = json.loads(held.lower() if isinstance(sent, bool) else held)
    return bool(held == sent)


LONGEST = 40_000  # DuckDB accepts lines up to two megabytes
LONG_NAME = "A very long name of a field, longer than any database likes its columns to be called"


def test_hostile_values_arrive(open_loader: Callable[..., Loader]) -> None:
    """Each row with hostile texts, numbers, dates or names is loaded as the account has it.

    Only NUL is replaced by U+FFFD, because PostgreSQL has no NUL in texts.
    """
    account = Account(contacts=4, deals=1, accounts=1)
    world = account.world
    fields = {
        kind: world.add_field(f"{LONG_NAME} {kind}", kind, f"X_{kind.upper()}_{'LONG_' * 15}").id
        for kind in ("number", "date", "datetime", "text")
    }
    values = {
        "number": ["1e15", "-1234567890123456", "0.1000000000000000055", "-0.000001"],
        "date": ["9999-12-31", "1582-10-04", "2028-02-29"],
        "datetime": [
            "9999-12-31T23:59:59+00:00",
            "1900-01-01T00:00:00-12:00",
            "2028-02-29T12:00:00+14:00",
        ],
        "text": ["\0", "a\0b"],
    }
    for number, hostile in enumerate(HOSTILE.values()):
        text = hostile[:LONGEST]
        tag = world.add_tag(text, description=text)
        company = world.add_account(text)
        contact = world.add_contact(f"h{number}@case.example", firstName=text, lastName=text)
        world.set_field(contact.id, 1, text)
        world.add_note("Subscriber", contact.id, text)
        world.tag(contact.id, tag.id)
        world.link(contact.id, company.id, jobTitle=text)
        world.add_deal(text, contact=contact.id, description=text)
        for kind, choices in values.items():
            world.set_field(contact.id, fields[kind], choices[number % len(choices)])
    loader = open_loader()
    ran = account.run()
    assert ran.code == 0
    loader.load(ran.text)
    loader.tables.warehouse().check(world, truth=without_nul)


def without_nul(truth: Any) -> None:
    """Replace NUL by U+FFFD in every text."""
    for records in truth.values():
        for key, record in records.items():
            records[key] = json.loads(json.dumps(record).replace("\\u0000", "\\ufffd"))
