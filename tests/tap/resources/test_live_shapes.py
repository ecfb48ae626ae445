"""Pages in the shapes of recorded answers give the records of the documented shapes."""

from __future__ import annotations

import json

import pytest

from tap_activecampaign_unified.resources import by_name

from .reading import GOLDEN, golden, records_of

LIVE = GOLDEN / "live"


@pytest.mark.parametrize("name", ["crm_accounts", "crm_opportunities"])
def test_wide_values_become_the_same_records(name):
    """Values in one column per type, under the live name of accounts, give the same records."""
    live = json.loads((LIVE / f"{name}.json").read_text())
    assert live["page"] != golden(name)["page"]
    assert records_of(by_name[name], live) == golden(name)["records"]


@pytest.mark.parametrize("status", [{"status": "0"}, {}], ids=["with status", "without"])
@pytest.mark.parametrize("hidden", [True, 1, "1"], ids=repr)
def test_a_hidden_deal_is_a_record_without_faults(status, hidden):
    """A stub without a date, and without a status, is a record without errors."""
    row = {"title": "Hidden one", "id": "17", "isDisabled": hidden, **status}
    [record] = records_of(by_name["crm_opportunities"], {"page": {"deals": [row]}})
    assert (record["id"], record["name"], record["is_disabled"]) == ("17", "Hidden one", True)
    assert record["status"] == ("open" if status else None)
    assert (record["updated_at"], record["_errors"]) == (None, [])


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("crm_accounts", {"id": "14", "name": "Fjord", "links": [], "owner": 1}),
        ("crm_users", {"id": "3", "username": "ida", "signature": "NULL", "localZoneid": "UTC"}),
        ("marketing_contacts", {"id": "7", "email": "", "email_empty": True, "sentiment": None}),
    ],
)
def test_rows_with_the_further_columns_of_accounts_have_no_faults(name, row):
    """Unmapped columns, links as an array and ids as numbers cause no error."""
    [record] = records_of(by_name[name], {"page": {by_name[name].endpoint_name: [row]}})
    assert record["id"] == row["id"]
    assert record["_errors"] == []
