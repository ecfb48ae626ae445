"""Known ids in PostgreSQL: a machine emits tombstones for rows that another machine saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.tap.running import Account, Ran

if TYPE_CHECKING:
    from tests.postgres import Database

DELETED = "_sdc_deleted_at"
BACKENDS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE application_name = 'tap-activecampaign-unified' AND datname = current_database()"
)
STREAMS = ("crm_contacts", "marketing_contact_tags", "marketing_tags")


@pytest.fixture
def account() -> Account:
    """An account with people and tags."""
    return Account(contacts=60)


def read_with_deletes(
    account: Account, database: Database, state: Any = None, **settings: Any
) -> Ran:
    """Run the tap as another machine would, with the known ids in the database."""
    account.wait(minutes=5)
    place = {"known_ids_path": database.url(), "detect_deletes": True}
    catalog = account.discover()
    return account.run(state, only=STREAMS, catalog=catalog, **(place | settings))


def deleted_keys(ran: Ran, stream: str) -> set[str]:
    """Return the ids of the tombstones of a run."""
    key = ran.schemas[stream]["key_properties"][0]
    return {row[key] for row in ran.records.get(stream, []) if row.get(DELETED)}


def test_a_machine_emits_tombstones_for_rows_that_another_saw(
    account: Account, postgres_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Two machines that share state and database emit tombstones for each other's rows.

    Another account in the same tables gets no tombstone. The database holds ids, and no name and no
    address.
    """
    first = read_with_deletes(account, postgres_database)
    stranger = Account(contacts=3)
    other = read_with_deletes(stranger, postgres_database, api_url="https://birch.api-us1.com")
    assert not any(deleted_keys(other, name) for name in STREAMS)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    account.world.delete_contact(7)
    second = read_with_deletes(account, postgres_database, first.state)
    assert deleted_keys(second, "crm_contacts") == {"7"}
    assert "7" in deleted_keys(second, "marketing_contact_tags")
    third = read_with_deletes(account, postgres_database, second.state)
    assert not any(deleted_keys(third, name) for name in STREAMS)
    kept = str(postgres_database.rows("SELECT * FROM activecampaign_known_ids.known"))
    assert "acme/contacts" in kept
    assert "@" not in kept


def test_a_database_that_goes_away_ends_the_run_in_one_line(
    account: Account, postgres_database: Database
) -> None:
    """If the database goes away, the run ends with 1; the next run emits the tombstones."""
    first = read_with_deletes(account, postgres_database)
    account.world.delete_contact(7)

    def cut(_world: Any, _method: str, path: str, *_: Any) -> None:
        if path.endswith("/contacts"):
            postgres_database.rows(BACKENDS)

    account.world.before_request(cut)
    second = read_with_deletes(account, postgres_database, first.state)
    assert second.code == 1
    assert second.line == (
        "known_ids_path cannot be used (the connection to its PostgreSQL server was lost): fix "
        "that and run again"
    )
    account.world.hooks.clear()
    third = read_with_deletes(account, postgres_database, second.state or first.state)
    assert third.code == 0
    assert deleted_keys(third, "crm_contacts") == {"7"}
