"""Recipes for sales: stages, notes, companies, owners, orders and tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.recipes.account import ACTIVE, UNSUBSCRIBED, WEBINARS, contact, lists_of
from tests.recipes.pictures import picture
from tests.recipes.steps import Recipes, blocks_of, follow

if TYPE_CHECKING:
    from tests.postgres.server import Server
    from tests.recipes.reader import Reader


def test_stages_follow_the_orders(reader: Reader, recipes: Recipes) -> None:
    """Orders move, win or create deals once, and change no closed or recently edited deal."""
    w = reader.world
    renamed = w.tables["deals"][1]
    w.tables["deals"].change(renamed, title="Annual licence, gold")
    before = picture(w)
    follow(reader, recipes, "3")
    t = w.tables
    keys = {d.fieldValue: d.owner for d in t["dealCustomFieldData"]}
    assert len(keys) == len(t["deals"]) == len(before["deals"]) + 1
    stages = {
        key: (t["dealStages"][t["deals"][deal_id].stage].title, t["deals"][deal_id].status)
        for key, deal_id in keys.items()
    }
    assert stages == {
        "A-0990": ("Proposal", 1),
        "A-1001": ("Proposal", 0),
        "A-1002": ("Proposal", 1),
        "A-1003": ("In Contact", 0),
        "A-1004": ("To Contact", 0),
        "A-1005": ("Proposal", 1),
        "A-1006": ("To Contact", 0),
    }
    made = t["deals"][keys["A-1006"]]
    assert (made.title, made.value, made.contact) == ("Consulting", 240_050, contact(w, "finn"))
    assert w.tables["users"][made.owner].username == "rita"
    assert t["deals"][1].title == "Annual licence, gold"
    assert set(picture(w)["names"]) == set(before["names"])
    follow(reader, recipes, "Undo 3")
    after = picture(w)
    del after["deals"][made.id]
    assert after == before


def test_a_note_for_each_week_that_is_over(reader: Reader, recipes: Recipes) -> None:
    """Each active contact gets one note for last week; undo removes them."""
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "4")
    notes = [(n.relid, n.note.split(": ")[1]) for n in w.tables["notes"]]
    assert sorted(notes) == sorted(
        [
            (contact(w, "anna"), "exported a report (2), invited a colleague (1)"),
            (contact(w, "cleo"), "reached the limit of her plan (1)"),
        ]
    )
    follow(reader, recipes, "Undo 4")
    assert picture(w) == before


def test_a_late_event_makes_no_second_note(at_ease: Reader, recipes: Recipes) -> None:
    """A late event or a lost ledger creates no second note: the loaded account has the first."""
    reader = at_ease
    sql = next(block for block in blocks_of(recipes, "4") if block.kind == "sql")
    reader.follow([sql])
    content = (reader.folder / "notes.jsonl").read_text()
    assert content.count("\n") == 2
    reader.ask(
        "INSERT INTO crm_notes (id, content, contact) "
        "SELECT contact__id, content, [{'id': contact__id}] FROM 'notes.jsonl'"
    )
    reader.ask("INSERT INTO events SELECT email, 'signed in', happened_at FROM events")
    reader.ask(sql.text[sql.text.index("COPY") :])
    assert (reader.folder / "notes.jsonl").read_text() == ""


def test_companies_are_filled_in_where_nothing_is(reader: Reader, recipes: Recipes) -> None:
    """Industry, size and revenue are filled by domain where empty; undo restores everything."""
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "7")
    ids = {a.name: a.id for a in w.tables["accounts"]}
    data: dict[str, dict[int, Any]] = {name: {} for name in ids}
    for row in w.tables["accountCustomFieldData"]:
        data[w.tables["accounts"][row.owner].name][row.customFieldId] = row.fieldValue
    assert data["Harbour Hotels"][1] == "Hospitality"
    assert data["Harbour Hotels"][2] == "51-200"
    assert data["Maple Foods"][1] == "Organic food"
    assert data["Maple Foods"][2] == "11-50"
    assert data["Quiet Labs"][2] == "1-10"
    assert 3 not in data["Quiet Labs"]
    assert data["Stone Works"] == {}
    assert set(ids) == before["accounts"]
    follow(reader, recipes, "Undo 7")
    assert picture(w) == before


def test_open_deals_of_who_leaves_get_another_owner(reader: Reader, recipes: Recipes) -> None:
    """A leaving user's open deals get another owner; won deals and other columns stay."""
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "8")
    owners = {d.id: w.tables["users"][d.owner].username for d in w.tables["deals"]}
    assert [
        w.tables["deals"][deal_id].title for deal_id, name in owners.items() if name == "tom"
    ] == ["First order"]
    after = picture(w)
    assert {deal_id: row[:-1] for deal_id, row in after["deals"].items()} == {
        deal_id: row[:-1] for deal_id, row in before["deals"].items()
    }


def test_orders_of_a_shop_start_nothing_and_subscribe_no_contact_that_left(
    reader: Reader, recipes: Recipes, postgres: Server
) -> None:
    """Orders of the last days arrive with their lines; the test order and the old order do not."""
    w = reader.world
    reader.environment |= postgres.database().environment
    before = picture(w)
    follow(reader, recipes, "12")
    w.settle(at_once=True)
    orders = {row.key: row.document for row in w.tables["storeOrders"]}
    assert {key: order.get("normalizedStatus") for key, order in orders.items()} == {
        "71": "COMPLETED",
        "72": "REFUNDED",
        "73": None,
    }
    assert [float(line["priceAmount"]) for line in orders["71"]["lineItems"]] == [50, 10]
    assert {order["creationSource"] for order in orders.values()} == {"HISTORICAL"}
    assert not any(e["starts"] for e in w.automation_log if e["trigger"] == "order_written")
    assert lists_of(w, "gita") == {WEBINARS: UNSUBSCRIBED}
    assert lists_of(w, "anna")[WEBINARS] == ACTIVE
    emails = {c.email for c in w.tables["contacts"]}
    assert emails - set(before["names"]) == {"Olga@newco.example"}


def test_engagement_of_campaigns_counts_people(reader: Reader, recipes: Recipes) -> None:
    """The model has a row per campaign, and nothing is written."""
    before = picture(reader.world)
    follow(reader, recipes, "13")
    rows = reader.ask("SELECT count(*) AS n, sum(openers) AS o FROM analytics.campaign_engagement")
    assert "2" in rows
    assert "6" in rows
    assert picture(reader.world) == before


def test_a_lapsed_subscription_makes_one_task(reader: Reader, recipes: Recipes) -> None:
    """Two lapses are tasks for Rita; a customer with another plan and an old lapse make none."""
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "14")
    tasks = [(t.relid, t.reltype, t.title, t.status) for t in w.tables["dealTasks"]]
    assert sorted(tasks) == sorted(
        [
            (contact(w, "cleo"), "Subscriber", "Call about Plan 3", 0),
            (contact(w, "finn"), "Subscriber", "Call about Plan 4", 0),
        ]
    )
    assert picture(w) == before
