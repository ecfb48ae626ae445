"""Ledgers that version 0.1.0 wrote on 28 November 2026 have the same meaning today.

That version wrote the rows of `MESSAGES` with the target, and the other entries through its
`Ledger`. The PostgreSQL ledger was made with `SECRET`; ``ledger.sql`` is what pg_dump wrote.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.storage.database import open_database
from target_activecampaign.ledger.ledger import Confirmed, Ledger
from target_activecampaign.ledger.open_ledger import SCHEMA, SETTING
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from tests.postgres import Database

DATA = Path(__file__).parent / "data"
SECRET = "a secret of sixteen characters or more"  # noqa: S105
ADA = "ada@shop.example"
DEAL = {
    "name": "Deal",
    "contact": {"email": ADA},
    "amount": 12.5,
    "currency": "EUR",
    "stage": {"name": "To Contact"},
    "pipeline": {"name": "Sales"},
}
MESSAGES = [
    *stream_of("crm_accounts", {"name": "Fjord"}),
    *stream_of("crm_contacts", {"email": ADA, "first_name": "Ada", "tags": ["vip"]}),
    *stream_of("crm_opportunities", DEAL),
    *stream_of("crm_notes", {"content": "Called back", "contact": {"email": ADA}}),
    state_of(1),
]


@pytest.fixture(params=["a file", "PostgreSQL"])
def earlier(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Database
) -> dict[str, Any]:
    """The settings of a target with an earlier ledger."""
    if request.param == "PostgreSQL":
        postgres_database.rows((DATA / "ledger.sql").read_text())
        return {"ledger_path": postgres_database.url(), "ledger_secret": SECRET}
    path = tmp_path / "earlier.sqlite"
    path.write_bytes(gzip.decompress((DATA / "ledger.sqlite.gz").read_bytes()))
    return {"ledger_path": str(path)}


def test_rows_that_an_earlier_version_confirmed_are_not_sent_again(
    runner: TargetRunner, earlier: dict[str, Any]
) -> None:
    """Every row is unchanged and keeps its id; the target sends no request."""
    run = runner.run(*MESSAGES, **earlier)
    assert run.actions == ["unchanged"] * 4
    assert run.requests == []
    assert {result["stream"]: result["id"] for result in run.results} == {
        "crm_accounts": "9",
        "crm_contacts": "31",
        "crm_opportunities": "11",
        "crm_notes": "4",
    }


def test_entries_of_an_earlier_version_are_found(earlier: dict[str, Any]) -> None:
    """Confirmed values, ids, pending creates and copies are as that version left them."""
    database = open_database(
        SETTING, earlier["ledger_path"], program="test", schema=SCHEMA, wait_seconds=5.0
    )
    ledger = Ledger(database, "acme", secret=earlier.get("ledger_secret"))
    values = ledger.hash_fields([("email", "x"), ("tags", ["b"])])
    assert ledger.find(ledger.hash_key("a")) == Confirmed("5", values)
    assert ledger.find(ledger.hash_key("only an id")) == Confirmed("6", {})
    no_id = Confirmed(None, ledger.hash_fields([("name", None)]))
    assert ledger.find(ledger.hash_key("no id")) == no_id
    lost = ledger.hash_key("crm_notes", {"content": "lost"})
    assert ledger.pending_since(lost, "create") == 1790000000.25
    assert ledger.pending_since(ledger.hash_key("answered"), "create") is None
    assert ledger.find_copy("account", "17") == "4"
    assert ledger.find_copy("tag", "\\0 b\0") == "9"
    ledger.close()
