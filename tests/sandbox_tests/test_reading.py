"""Reads: shapes, defaults, filters, orders, sideloads."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.caller import Caller, caller_of


@pytest.fixture(scope="module")
def caller() -> Caller:
    return caller_of(contacts=250, deals=60, accounts=40)


def test_contacts_default_to_twenty_by_email(caller):
    """Without limit and order a page has 20 contacts by e-mail."""
    emails = [row["email"].casefold() for row in caller.get("/contacts")["contacts"]]
    assert len(emails) == 20
    assert emails == sorted(emails)


def test_keyset_reads_every_contact_once(caller):
    """orders[id]=ASC with id_greater reads every contact once."""
    seen, last = [], "0"
    while True:
        params = {"limit": 100, "orders[id]": "ASC", "id_greater": last}
        rows = caller.get("/contacts", **params)["contacts"]
        if not rows:
            break
        seen += [int(row["id"]) for row in rows]
        last = rows[-1]["id"]
    assert seen == list(range(1, 251))


def test_included_rows_equal_the_nested_collections(caller):
    """Sideloaded rows equal the collections below each contact."""
    names = ["fieldValues", "contactTags", "contactLists", "accountContacts"]
    document = caller.get("/contacts", limit=10, include=",".join(names))
    for contact in document["contacts"]:
        for name in names:
            below = caller.get(f"/contacts/{contact['id']}/{name}", limit=100)[name]
            assert [row["id"] for row in below] == contact[name]
            assert [row for row in document[name] if row["contact"] == contact["id"]] == below
