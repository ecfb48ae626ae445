"""Random changes that users and other programs make of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.sandbox import rows

from .random_runs import STORES
from .random_stores import STORE_ACTS, STORE_TABLES, changes_of_stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox import World

#: A change: its name among `ACTS`, and what it is given.
Change = tuple[Any, ...]


def changes(world: World, part: str) -> st.SearchStrategy[list[Change]]:
    """Return some changes of a part of an account as it is now, records of a run included."""
    if part == STORES:
        return st.lists(st.one_of(changes_of_stores(world)), min_size=1, max_size=6)
    t = world.tables

    def id_in(table: str) -> st.SearchStrategy[int]:
        found = sorted(t[table].ids())
        return st.sampled_from(found) if found else st.nothing()

    def change(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Change]:
        return st.tuples(st.just(name), *arguments)

    person, deal, account = id_in("contacts"), id_in("deals"), id_in("accounts")
    tag = st.sampled_from([tag.id for tag in t["tags"] if tag.tagType == "contact"])
    return st.lists(
        st.one_of(
            change("contact", person, st.sampled_from(("firstName", "lastName", "phone"))),
            change("address", person),
            change("value", person, st.just(1)),
            change("tag", person, tag),
            change("list", person, id_in("lists"), st.sampled_from((1, 2))),
            change("link", person, account),
            change("enrolment", id_in("contactAutomations")),
            change("deal", deal, st.sampled_from(("title", "description"))),
            change("status", deal, st.sampled_from((0, 1, 2))),
            change("stage", deal, id_in("dealStages")),
            change("secondary contact", deal, person),
            change("deal value", deal, st.just(11)),
            change("new deal", person),
            change("account", account, st.sampled_from(("accountUrl", "name"))),
            change("account value", account, st.just(12)),
            change("note", id_in("notes")),
            change("new note", person),
            change("delete contact", person),
            change("delete deal", deal),
        ),
        min_size=1,
        max_size=6,
    )


def make(world: World, found: list[Change]) -> None:
    """Make the changes; a change of a record that an earlier change deleted is left out."""
    for name, *arguments in found:
        table = _TABLES.get(name, "contacts")
        if arguments[0] in world.tables[table]:
            ACTS[name](world, *arguments)


def _tag(world: World, person: int, tag: int) -> None:
    if not world.untag(person, tag):
        world.tag(person, tag)


def _link(world: World, person: int, account: int) -> None:
    table = world.tables["accountContacts"]
    for row_id in list(table.ids_by("contact", person)):
        table.delete(row_id)
    world.link(person, account, "Foreign")


def _list(world: World, person: int, list_id: int, status: int) -> None:
    world.subscribe(person, list_id, status, by_self=True)


def _stage(world: World, deal: int, stage: int) -> None:
    world.edit_deal(deal, stage=stage, group=world.tables["dealStages"][stage].group)


def _secondary_contact(world: World, deal: int, person: int) -> None:
    table = world.tables["contactDeals"]
    link_ids = [link.id for link in table.by("deal", deal) if link.contact == person]
    if link_ids:
        table.delete(link_ids[0])
    else:
        table.insert(rows.ContactDeal(person, deal, world.now(), world.now()))


def _account(world: World, account: int, column: str) -> None:
    table = world.tables["accounts"]
    text = f"foreign{account}.example"
    table.change(table[account], **{column: text})


ACTS: dict[str, Callable[..., object]] = {
    "contact": lambda w, contact, column: w.edit_contact(contact, **{column: "Foreign"}),
    "address": lambda w, contact: w.edit_contact(contact, email=f"foreign{contact}@shop.example"),
    "value": lambda w, contact, field: w.set_field(contact, field, "Foreign"),
    "tag": _tag,
    "list": _list,
    "link": _link,
    "enrolment": lambda w, enrolment: w.end_enrolment(enrolment),
    "deal": lambda w, deal, column: w.edit_deal(deal, **{column: "Foreign"}),
    "status": lambda w, deal, status: w.edit_deal(deal, status=status),
    "stage": _stage,
    "secondary contact": _secondary_contact,
    "deal value": lambda w, deal, field: w.set_datum("deal", deal, field, 77),
    "new deal": lambda w, contact: w.add_deal("Foreign", contact=contact),
    "account": _account,
    "account value": lambda w, account, field: w.set_datum("account", account, field, "Foreign"),
    "note": lambda w, note: w.tables["notes"].change(w.tables["notes"][note], note="Foreign"),
    "new note": lambda w, contact: w.add_note("Subscriber", contact, "Foreign"),
    "delete contact": lambda w, contact: w.delete_contact(contact),
    "delete deal": lambda w, deal: w.delete_deal(deal),
    **STORE_ACTS,
}
_TABLES = {
    "enrolment": "contactAutomations",
    **dict.fromkeys(("deal", "status", "stage", "deal value", "secondary contact"), "deals"),
    **dict.fromkeys(("account", "account value"), "accounts"),
    "delete deal": "deals",
    "note": "notes",
    **STORE_TABLES,
}
