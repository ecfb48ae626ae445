"""Recipes for contacts: scores, sequences, lists, opt-outs and control groups.

Each recipe changes the account as it says, and in no other way. The tests follow a recipe as it is
written and compare every output. They follow it again with every target killed at one of its
requests and run again. Plans and second runs write nothing (`reader.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.recipes.account import (
    ACTIVE,
    NEWSLETTER,
    UNSUBSCRIBED,
    WEBINARS,
    contact,
    lists_of,
    statuses,
    tags_of,
)
from tests.recipes.pictures import entries, picture, subscriptions
from tests.recipes.steps import Recipes, blocks_of, follow

if TYPE_CHECKING:
    from tests.recipes.reader import Reader


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
