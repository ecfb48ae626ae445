"""Each recipe changes the account as it says, and in no other way.

Each is followed as it is written, with every output compared. Each is followed again with every
target killed at one of its requests and run again. Plans and second runs write nothing
(`reader.py`).
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests import length
from tests.sandbox import World, serve

from .account import (
    ACTIVE,
    KEY,
    NEWSLETTER,
    UNSUBSCRIBED,
    WEBINARS,
    contact,
    lists_of,
    statuses,
    tags_of,
)
from .conftest import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.postgres.server import Server

    from .document import Block
    from .reader import Ran, Reader

Recipes = dict[str, list["Block"]]


@pytest.fixture(params=["as it stands", *length.seeds(1, 40)])
def reader(request: pytest.FixtureRequest, make_reader: Callable[[], Reader]) -> Reader:
    """A reader of the document; with a seed its targets are killed and run again."""
    reader = make_reader()
    if isinstance(request.param, int):
        reader.is_forked = True
        reader.kills = Random(f"{request.node.originalname} {request.param}")
    return reader


@pytest.fixture
def at_ease(make_reader: Callable[[], Reader]) -> Reader:
    """A reader whose targets are forked and not killed, for steps without a shown output."""
    reader = make_reader()
    reader.is_forked = True
    return reader


def blocks_of(recipes: Recipes, title: str) -> list[Block]:
    """Return a section's blocks, by its number or the end of its heading."""
    found = [
        heading
        for heading in recipes
        if heading.endswith(f"› {title}")
        or (heading.startswith(f"{title} ") and "›" not in heading)
    ]
    assert len(found) == 1, title
    return recipes[found[0]]


def follow(reader: Reader, recipes: Recipes, title: str) -> list[Ran]:
    """Follow a section."""
    return reader.follow(blocks_of(recipes, title))


def picture(w: World) -> dict[str, Any]:
    """Return everything in an account that a recipe may change, without dates."""
    t = w.tables
    return {
        "tags": {c.email: tags_of(w, c.email.casefold()) for c in t["contacts"]},
        "lists": statuses(w),
        "names": {c.email: (c.firstName, c.lastName) for c in t["contacts"]},
        "values": {(v.contact, v.field): v.value for v in t["fieldValues"] if v.value},
        "deals": {d.id: (d.title, d.stage, d.status, d.value, d.owner) for d in t["deals"]},
        "notes": {(n.reltype, n.relid, n.note) for n in t["notes"]},
        "accounts": {a.name for a in t["accounts"]},
        "data": {
            (d.owner, d.customFieldId): d.fieldValue
            for d in t["accountCustomFieldData"]
            if d.fieldValue
        },
    }


def entries(w: World, tag: str) -> list[int]:
    """Return the contacts whose automation started, once per new tag."""
    (wanted,) = [row.id for row in w.tables["tags"] if row.tag == tag]
    return sorted(
        e["contact"]
        for e in w.automation_log
        if e["trigger"] == "tag_added" and e["tag"] == wanted and e["starts"]
    )


def subscriptions(w: World) -> list[int]:
    """Return the contacts that a row subscribed since the account was created."""
    return sorted(e["contact"] for e in w.automation_log if e["trigger"] == "subscribed")


def test_scores_and_one_band_each(reader: Reader, recipes: Recipes) -> None:
    """Each known contact has its score and exactly one band's tag; undo restores everything."""
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "1")
    people = {first: contact(w, first) for first in ("anna", "ben", "cleo", "dan", "eve", "finn")}
    scores = {
        first: getattr(w.field_value(contact_id, 1), "value", None)
        for first, contact_id in people.items()
    }
    assert scores == {
        "anna": "95", "ben": "20", "cleo": "50", "dan": "65", "eve": "0", "finn": None,
    }  # fmt: skip
    assert tags_of(w, "anna") == {"vip", "score:hot"}
    assert tags_of(w, "cleo") == {"score:warm"}
    assert tags_of(w, "dan") == {"score:hot"}
    assert tags_of(w, "ben") == set()
    assert tags_of(w, "eve") == {"vip"}
    assert entries(w, "score:hot") == [people["anna"]]
    assert entries(w, "score:warm") == [people["cleo"]]
    assert len(w.tables["contacts"]) == len(before["names"])
    follow(reader, recipes, "Undo 1")
    assert picture(w) == before


def test_dunning_begins_once_and_ends_when_all_is_paid(reader: Reader, recipes: Recipes) -> None:
    """Two failed invoices enter once, and leave when all are paid.

    Opt-outs and strangers do not.
    """
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "2")
    assert entries(w, "dunning") == sorted([contact(w, "anna"), contact(w, "ben")])
    assert tags_of(w, "anna") == {"vip", "dunning"}  # one of two invoices is open
    assert tags_of(w, "ben") == tags_of(w, "cleo") == tags_of(w, "dan") - {"score:hot"} == set()
    assert statuses(w) == before["lists"]
    assert len(w.tables["contacts"]) == len(before["names"])


def test_late_billing_writes_no_rows(at_ease: Reader, recipes: Recipes) -> None:
    """If the newest invoice is older than a day, the SQL fails and sends no rows."""
    blocks = blocks_of(recipes, "2")
    tables, nightly = [block for block in blocks if block.kind == "sql"][:2]
    at_ease.follow([tables])
    at_ease.ask("UPDATE invoices SET loaded_at = now() - INTERVAL 25 HOUR")
    with pytest.raises(duckdb.Error, match="invoices are older than a day"):
        at_ease.follow([nightly])
    rows = at_ease.folder / "dunning.jsonl"
    assert not rows.exists() or not rows.read_text()


def test_an_automation_is_entered_once_for_each_debt(reader: Reader, recipes: Recipes) -> None:
    """A contact enters once per debt and leaves when it is paid.

    An opted-out contact does not enter.
    """
    w = reader.world
    before = picture(w)
    reader.follow([block for block in blocks_of(recipes, "2") if block.kind == "sql"])
    by_name = blocks_of(recipes, "By the automation's name")
    reader.follow(by_name)
    anna, ben = contact(w, "anna"), contact(w, "ben")
    assert w.enrolled(anna, 1) == 1
    assert w.enrolled(ben, 1) == 0
    reader.is_forked = True
    rows = next(block for block in by_name if block.kind == "sql")
    command = [block for block in by_name if block.kind == "sh"][-1]
    for status, entered in (("paid", 1), ("failed", 2), ("failed", 2)):
        reader.ask(f"UPDATE invoices SET status = '{status}' WHERE invoice = 'F-2'")  # noqa: S608
        reader.follow([rows, command])
        assert w.enrolled(anna, 1) == entered
    assert w.enrolled(ben, 1) == 0
    assert picture(w) == before


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


def test_paused_outreach_subscribes_no_contact_at_its_end(reader: Reader, recipes: Recipes) -> None:
    """Contacts of a company are paused and released; an opt-out in the meantime stays."""
    w = reader.world
    tag = "pause:escalation"
    follow(reader, recipes, "5")
    paused = {c.email for c in w.tables["contacts"] if tag in tags_of(w, c.email.casefold())}
    assert paused == {
        "anna@harbour.example", "Ben.Bakker@harbour.example", "gita@post.example",
        "eve@stone.example", "finn@quiet.example",
    }  # fmt: skip
    newsletter = next(
        mailing_list.id for mailing_list in w.tables["lists"] if mailing_list.name == NEWSLETTER
    )
    w.subscribe(contact(w, "anna"), newsletter, UNSUBSCRIBED, by_self=True)
    before = statuses(w)
    follow(reader, recipes, "The end of the pause")
    assert tags_of(w, "anna") == {"vip"}
    assert tags_of(w, "ben") == set()
    assert tag in tags_of(w, "gita") & tags_of(w, "eve") & tags_of(w, "finn")
    assert statuses(w) == before
    assert lists_of(w, "anna")[NEWSLETTER] == UNSUBSCRIBED


def test_webinar_guests_are_known_once_and_asked_first(reader: Reader, recipes: Recipes) -> None:
    """Each guest is one contact; only those who agreed and never left are on the list.

    Names stay.
    """
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "6")
    came, missed = "webinar:2026-11:attended", "webinar:2026-11:missed"
    assert tags_of(w, "anna") == {"vip", came}
    assert tags_of(w, "ben") == {came}
    assert tags_of(w, "gita") == {missed}
    assert tags_of(w, "ivy") == {came}
    emails = {c.email.casefold() for c in w.tables["contacts"]}
    assert emails == {email.casefold() for email in before["names"]} | {"ivy@newco.example"}
    lists = {c.email: lists_of(w, c.email.casefold()).get(WEBINARS) for c in w.tables["contacts"]}
    assert {email for email, status in lists.items() if status == ACTIVE} == {
        "anna@harbour.example", "cleo@maple.example", "hugo@post.example", "ivy@newco.example",
    }  # fmt: skip
    assert lists["gita@post.example"] == UNSUBSCRIBED
    assert subscriptions(w) == sorted(contact(w, name) for name in ("anna", "hugo", "ivy"))
    names = picture(w)["names"]
    assert names["anna@harbour.example"] == ("Anna", "Abel")
    assert names["Ben.Bakker@harbour.example"] == ("Ben", "Bakker")
    assert names["hugo@post.example"] == ("Hugo", "Haas")
    follow(reader, recipes, "Undo 6")
    after = picture(w)
    assert after["tags"].pop("ivy@newco.example", set()) == set()
    assert after["tags"] == before["tags"]


def test_an_opt_out_is_not_deleted_with_its_contact(at_ease: Reader, recipes: Recipes) -> None:
    """Undo of the webinar keeps a new contact who unsubscribed."""
    w = at_ease.world
    follow(at_ease, recipes, "6")
    webinars = next(
        mailing_list.id for mailing_list in w.tables["lists"] if mailing_list.name == WEBINARS
    )
    w.subscribe(contact(w, "ivy"), webinars, UNSUBSCRIBED, by_self=True)
    follow(at_ease, recipes, "Undo 6")
    assert lists_of(w, "ivy") == {WEBINARS: UNSUBSCRIBED}


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


# --- one account into another ---------------------------------------------------------------------


def new_account() -> World:
    """Return an account with another contact, and with Cleo, who unsubscribed there."""
    new = World(is_empty=True, api_key=KEY, requests_per_second=0, import_seconds=0)
    new.add_contact("otto@elsewhere.example", firstName="Otto")
    cleo = new.add_contact("cleo@maple.example", firstName="Cleo")
    new.subscribe(cleo.id, new.add_list(NEWSLETTER).id, UNSUBSCRIBED, by_self=True)
    new.automation_log.clear()
    return new


def test_an_account_is_copied_and_starts_nothing(reader: Reader, recipes: Recipes) -> None:
    """People, opt-outs, tags, companies, deals and notes are copied.

    Contacts start no automation.
    """
    w, new = reader.world, new_account()
    w.add_note("Subscriber", contact(w, "anna"), "Called, wants a quote.")
    reader.worlds.append(new)
    blocks = blocks_of(recipes, "9")
    at = next(n for n, block in enumerate(blocks) if block.file == "deals.json")
    with serve(new) as served:
        reader.write("new.json", settings_of(served.url))
        reader.follow(blocks[:at])
        assert [e for e in new.automation_log if e["starts"]] == []
        reader.follow(blocks[at:])
    before, after = picture(w), picture(new)
    assert after["names"].pop("otto@elsewhere.example") == ("Otto", "")
    assert after["tags"].pop("otto@elsewhere.example") == set()
    assert after["lists"].pop("otto@elsewhere.example") == {}
    assert after["names"] == before["names"]
    for part in ("tags", "accounts"):
        assert after[part] == before[part], part
    expected = {
        email: {name: status for name, status in lists.items() if status in {ACTIVE, UNSUBSCRIBED}}
        for email, lists in before["lists"].items()
    }
    expected["cleo@maple.example"][NEWSLETTER] = UNSUBSCRIBED
    assert after["lists"] == expected
    assert links_of(new) == links_of(w)
    assert deals_of(new) == deals_of(w)
    assert [n.note for n in new.tables["notes"]] == ["Called, wants a quote."]
    assert not (reader.folder / "copy.singer").exists()


def test_a_copy_is_brought_up_to_date(at_ease: Reader, recipes: Recipes) -> None:
    """A second copy adds the new contact and writes no other."""
    w, new = at_ease.world, new_account()
    at_ease.worlds.append(new)
    with serve(new) as served:
        at_ease.write("new.json", settings_of(served.url))
        follow(at_ease, recipes, "9")
        before = picture(new)
        w.add_contact("lea@late.example", firstName="Lea")
        ran = follow(at_ease, recipes, "9")
    after = picture(new)
    assert after["names"].pop("lea@late.example") == ("Lea", "")
    assert after["names"] == before["names"]
    assert after["deals"] == before["deals"]
    writes = [write for ran in ran for write in ran.writes]
    assert writes == ["POST /api/3/import/bulk_import", "POST /api/3/contact/sync"]


def links_of(w: World) -> set[tuple[str, str, str | None]]:
    """Return the company and title of each contact's first link."""
    t = w.tables
    found: dict[str, tuple[str, str, str | None]] = {}
    for row in t["accountContacts"]:
        email = t["contacts"][row.contact].email
        found.setdefault(email, (email, t["accounts"][row.account].name, row.jobTitle))
    return set(found.values())


def deals_of(w: World) -> list[tuple[Any, ...]]:
    """Return the deals in text form."""
    t = w.tables
    return sorted(
        (
            d.title,
            d.value,
            d.status,
            t["dealStages"][d.stage].title,
            t["dealGroups"][d.group].title,
            t["contacts"][d.contact].email,
            t["accounts"][d.account].name,
        )
        for d in t["deals"]
    )


def test_who_is_no_trial_user_any_more_loses_what_the_trial_gave(
    reader: Reader, recipes: Recipes
) -> None:
    """The two whose trial ended lose tag and list, but for what they had; undo ends all trials."""
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "10")
    people = ("anna", "cleo", "eve", "hugo", "ivy")
    assert [person for person in people if "trial" in tags_of(w, person)] == ["eve", "hugo", "ivy"]
    assert lists_of(w, "anna")[WEBINARS] == UNSUBSCRIBED
    assert lists_of(w, "cleo")[WEBINARS] == ACTIVE
    assert lists_of(w, "eve")[WEBINARS] == lists_of(w, "hugo")[WEBINARS] == ACTIVE
    follow(reader, recipes, "Undo 10")
    after = picture(w)
    assert after["tags"].pop("ivy@newco.example", set()) == set()
    assert after["tags"] == before["tags"]
    lists = {c.email: lists_of(w, c.email.casefold()).get(WEBINARS) for c in w.tables["contacts"]}
    assert {email for email, status in lists.items() if status == ACTIVE} == {"cleo@maple.example"}


def test_a_wrong_join_is_undone(reader: Reader, recipes: Recipes) -> None:
    """The wrong join unsubscribes Anna; after the undo she has her newsletter, score and tags."""
    w = reader.world
    before = picture(w)
    follow(reader, recipes, "11")
    assert lists_of(w, "anna")[NEWSLETTER] == UNSUBSCRIBED
    assert "former customer" in tags_of(w, "anna")
    follow(reader, recipes, "Undo 11")
    if reader.kills is None:
        assert picture(w) == before
    else:
        # A run that was killed before wrote some of it: its own undo puts that back.
        reader.undo_all("account.json", "churned.json", "--undo-unsubscribes")
        after = picture(w)
        assert {**after, "lists": None} == {**before, "lists": None}
        assert lists_of(w, "ben") == before["lists"]["Ben.Bakker@harbour.example"]
    assert subscriptions(w) in ([], [contact(w, "anna")])


def test_people_beyond_the_limit_wait_for_a_larger_plan(reader: Reader, recipes: Recipes) -> None:
    """Two of four new people fit; the others are created when the plan allows more contacts."""
    w = reader.world
    w.contact_limit = 10
    before = {c.email for c in w.tables["contacts"]}
    reader.codes = {0, 1}
    ran = follow(reader, recipes, "15")
    assert [command.code for command in ran] == [1, 1]
    assert {c.email for c in w.tables["contacts"]} - before == {
        "jon@newco.example",
        "kim@newco.example",
    }
    assert w.tables["contacts"][contact(w, "hugo")].firstName == "Hugo"
    w.contact_limit = 100
    [ran_later] = follow(reader, recipes, "With a larger plan")
    assert ran_later.code == 0
    assert len(w.tables["contacts"]) == len(before) + 4


def test_a_control_group_shows_the_lift_of_a_sequence(reader: Reader, recipes: Recipes) -> None:
    """Four people get the tag, four do not until the experiment ends."""
    w = reader.world
    people = ("anna", "ben", "cleo", "dan", "eve", "finn", "gita", "hugo")
    follow(reader, recipes, "16")
    tagged = [person for person in people if "onboarding" in tags_of(w, person)]
    assert tagged == ["ben", "dan", "eve", "hugo"]
    follow(reader, recipes, "End of the experiment")
    assert all("onboarding" in tags_of(w, person) for person in people)
