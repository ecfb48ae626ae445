"""Filters and orders of GET /contacts."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.caller import Caller, caller_of


@pytest.fixture(scope="module")
def caller() -> Caller:
    made = caller_of()
    world = made.world
    people = [
        ("ada+x@fjord.example", "Ada", "Vang", "+1 555 1"),
        ("bo@fjord.example", "Bo", "Abel", "+1 556 2"),
        ("cem@mill.example", "Cem", "Moss", ""),
        ("Dana@mill.example", "Dana", "Abel", "+44 1"),
    ]
    for day, (email, first, last, phone) in enumerate(people):
        at = world.now() - (4 - day) * 86400
        columns = {"firstName": first, "lastName": last, "phone": phone}
        world.add_contact(email, cdate=at, udate=at, **columns)
    account = world.add_account("Harbour Ltd")
    world.link(3, account.id)
    world.tables["contactTags"].load([], 0)
    for contact in (1, 3):
        world.tag(contact, 1, bump=False)
    for contact, status in ((1, 1), (2, 2), (3, 0)):
        world.subscribe(contact, 2, status)
    return made


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"ids[]": ["2", "4", "99"]}, "24"),
        ({"email": "ADA+x@fjord.example"}, "1"),
        ({"email_like": "mill"}, "34"),
        ({"exclude": "2"}, "134"),
        ({"phone": "+1"}, "12"),
        ({"search": "abel"}, "24"),
        ({"search": "harbour"}, "3"),
        ({"tagid": "1"}, "13"),
        ({"segmentid": "1"}, "13"),
        ({"listid": "2"}, "123"),
        ({"listid": "2", "status": "1"}, "1"),
        ({"listid": "2", "status": "-1"}, "123"),
        ({"status": "2"}, "2"),
        ({"in_group_lists": "true"}, "123"),
        ({"tagid": "1", "email_like": "mill"}, "3"),
        ({"id_less": "3"}, "12"),
        ({"nonsense": "7", "filters[nonsense]": "8", "contact[x]": "9"}, "1234"),
        ({"filters[updated_after]": "not a date"}, "1234"),
    ],
)
def test_parameters_pick(caller, params, ids):
    """Each documented parameter filters; unknown parameters and invalid dates are ignored."""
    rows = caller.rows("/contacts", **{"orders[id]": "ASC"} | params)
    assert "".join(row["id"] for row in rows) == ids


@pytest.mark.parametrize("name", ["created_after", "updated_after"])
def test_dates_cut(caller, name):
    """After and before divide the contacts."""
    edge = caller.world.dt(caller.world.tables["contacts"][2].cdate + 1)
    ids = "".join(r["id"] for r in caller.rows("/contacts", **{f"filters[{name}]": edge}))
    assert set(ids) == {"3", "4"}
    before = name.replace("after", "before")
    ids = "".join(r["id"] for r in caller.rows("/contacts", **{f"filters[{before}]": edge}))
    assert set(ids) == {"1", "2"}


@pytest.mark.parametrize(
    ("orders", "ids"),
    [
        ({}, "1234"),
        ({"orders[id]": "DESC"}, "4321"),
        ({"orders[cdate]": "desc"}, "4321"),
        ({"orders[first_name]": "DESC"}, "4321"),
        ({"orders[last_name]": "ASC", "orders[id]": "DESC"}, "4231"),
        ({"orders[nonsense]": "DESC"}, "1234"),
    ],
)
def test_orders(caller, orders, ids):
    """The first order has priority; an unknown column leaves the default by e-mail."""
    assert "".join(row["id"] for row in caller.rows("/contacts", **orders)) == ids


def test_page_input_repeats_what_was_asked(caller):
    """Meta has the page's input, a total as text, and sortable."""
    meta = caller.get("/contacts", listid=2, limit=1, offset=1)["meta"]
    page_input = meta["page_input"]
    assert (
        page_input["listid"],
        page_input["limit"],
        page_input["offset"],
        page_input["status"],
    ) == (2, 1, 1, -1)
    assert (meta["total"], meta["sortable"], len(page_input["cacheid"])) == ("3", True, 32)
