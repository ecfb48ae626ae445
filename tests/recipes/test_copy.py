"""The recipe that copies an account into another account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.recipes.account import ACTIVE, KEY, NEWSLETTER, UNSUBSCRIBED, contact
from tests.recipes.conftest import settings_of
from tests.recipes.pictures import deals_of, links_of, picture
from tests.recipes.steps import Recipes, blocks_of, follow
from tests.sandbox import World, serve

if TYPE_CHECKING:
    from tests.recipes.reader import Reader


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
