"""Random changes of an account between two requests, on every table."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.sandbox import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox import World

    from .running import Account

FEWEST = 12  # with fewer rows nothing is deleted, because an empty account proves nothing
TABLES = {
    "crm_accounts": "accounts",
    "crm_contacts": "contacts",
    "crm_notes": "notes",
    "crm_opportunities": "deals",
    "crm_pipelines": "dealGroups",
    "crm_stages": "dealStages",
    "crm_users": "users",
    "directory_groups": "groups",
    "directory_users": "users",
    "marketing_contacts": "contacts",
    "marketing_segments": "lists",
    "marketing_tags": "tags",
}


class RandomChanges:
    """Changes the account before some requests, and records which rows existed all the time."""

    def __init__(self, account: Account, seed: int, rate: float) -> None:
        """Seed the random generator; ``rate`` is the share of requests before which it acts."""
        self._account, self._dice, self._rate = account, random.Random(seed), rate
        self._made = 0
        #: Keys by stream of the rows that existed all the time.
        self.steady = keys_of(account.world)

    def __call__(self, w: World, *_: Any) -> None:
        """Perhaps change the account."""
        self._account.moments.advance(0.3)
        if self._dice.random() > self._rate:
            return
        for _each in range(self._dice.choice((1, 1, 2, 5))):
            self._made += 1
            self._dice.choice(ACTS)(self, w)
        for stream, keys in keys_of(w).items():
            self.steady[stream] &= keys

    # --- choosing ---------------------------------------------------------------------------

    def any_id(self, w: World, table: str, *, first: int = 0) -> int | None:
        """Choose a row, among the ``first`` rows of its table if given."""
        ids = w.tables[table].ids()
        return self._dice.choice(ids[:first] if first else ids) if ids else None

    def spare(self, w: World, table: str, *, first: int = 40) -> int | None:
        """Choose a row to delete: an early row, because its delete shifts all later rows."""
        return self.any_id(w, table, first=first) if len(w.tables[table]) > FEWEST else None

    def choose(self, values: list[Any]) -> Any:
        """Choose a value of several."""
        return self._dice.choice(values)

    @property
    def name(self) -> str:
        """Return a name that no other row has."""
        return f"made {self._made}"


def _insert(g: RandomChanges, w: World) -> None:
    match g.choose(
        ["contact", "tag", "list", "field", "note", "deal", "account", "stage", "group"]
    ):
        case "contact":
            w.add_contact(f"{g.name.replace(' ', '')}@letters.example", firstName=g.name)
        case "tag":
            w.add_tag(g.name)
        case "list":
            w.add_list(g.name)
        case "field":
            w.add_field(g.name)
        case "note":
            w.add_note("Subscriber", g.any_id(w, "contacts") or 0, g.name)
        case "deal":
            contact = g.any_id(w, "contacts")
            w.add_deal(g.name, value=1234, contact=contact, stage=g.any_id(w, "dealStages") or 0)
        case "account":
            w.add_account(g.name)
        case "stage":
            w.add_stage(g.name, g.any_id(w, "dealGroups") or 1)
        case "group":
            w.add_pipeline(g.name)


def _change(g: RandomChanges, w: World) -> None:
    t = w.tables
    match g.choose(["contact", "contact", "note", "deal"]):
        case "contact":
            w.edit_contact(g.any_id(w, "contacts") or 0, lastName=g.name, phone=g.name)
        case "note":
            if note_id := g.any_id(w, "notes"):
                t["notes"].change(t["notes"][note_id], note=g.name, mdate=w.now())
        case "deal":
            if deal_id := g.any_id(w, "deals"):
                stage = t["dealStages"][g.any_id(w, "dealStages")]
                w.edit_deal(deal_id, title=g.name, stage=stage.id, group=stage.group)


def _change_beside(g: RandomChanges, w: World) -> None:
    t, company_id = w.tables, g.any_id(w, "accounts")
    match g.choose(["account", "datum", "user"]):
        case "account" if company_id:
            t["accounts"].change(t["accounts"][company_id], accountUrl=g.name, updated=w.now())
        case "datum" if company_id:
            w.set_datum("account", company_id, 1, g.name)
        case _:
            t["users"].change(t["users"][g.any_id(w, "users")], lastName=g.name)


GOES = {
    "contacts": "delete_contact",
    "deals": "delete_deal",
    "accounts": "delete_account",
    "tags": "delete_tag",
}


def _delete(g: RandomChanges, w: World) -> None:
    """Delete early rows, of the large tables several at once."""
    table = g.choose(["contacts", *GOES])
    for _ in range(1 if table == "tags" else 3):
        if row_id := g.spare(w, table):
            getattr(w, GOES[table])(row_id)


def _delete_beside(g: RandomChanges, w: World) -> None:
    t = w.tables
    match g.choose(["note", "list", "stage", "field"]):
        case "note":
            t["notes"].delete(g.spare(w, "notes") or 0)
        case "list" if len(t["lists"]) > 3:
            w.delete_list(g.any_id(w, "lists") or 0)
        case "stage" if len(t["dealStages"]) > 4:
            w.delete_stage(g.any_id(w, "dealStages") or 0)
        case "field" if len(t["fields"]) > FEWEST:
            w.delete_field(t["fields"].ids()[-1])


def _tag(g: RandomChanges, w: World) -> None:
    """Apply a tag or remove a tag: that marks the contact."""
    contact_id, tag = g.any_id(w, "contacts") or 0, g.any_id(w, "tags") or 0
    applied = w.tables["contactTags"].by("contact", contact_id)
    if applied and g.choose([True, False]):
        w.untag(contact_id, applied[0].tag)
    else:
        w.tag(contact_id, tag)


def _hang(g: RandomChanges, w: World) -> None:
    """Change related rows in ways that are not known to change the contact's date."""
    contact_id, account = g.any_id(w, "contacts") or 0, g.any_id(w, "accounts")
    links = w.tables["accountContacts"]
    match g.choose(["list", "list", "value", "link", "second"]):
        case "list":
            w.subscribe(contact_id, g.any_id(w, "lists") or 0, g.choose([1, 2]))
        case "value":
            w.set_field(contact_id, 1, g.name)
        case "second":
            for deal in w.tables["deals"].ids()[:1]:
                w.tables["contactDeals"].insert(
                    rows.ContactDeal(contact_id, deal, w.now(), w.now())
                )
        case "link" if links.ids_by("contact", contact_id):
            links.delete(links.ids_by("contact", contact_id)[0])
            if w.switches.bump_account_link:
                w.touch(contact_id)
        case "link" if account:
            w.link(contact_id, account, g.name)


def _rename(g: RandomChanges, w: World) -> None:
    """Rename rows that other rows quote by name, which changes no date of theirs."""
    t, now = w.tables, w.now()
    match g.choose(["tags", "lists", "accounts", "dealStages", "dealGroups", "groups"]):
        case "tags":
            t["tags"].change(t["tags"][g.any_id(w, "tags")], tag=g.name)
        case "lists":
            t["lists"].change(t["lists"][g.any_id(w, "lists")], name=g.name, udate=now, updated=now)
        case "accounts":
            if company_id := g.any_id(w, "accounts"):
                t["accounts"].change(t["accounts"][company_id], name=g.name, updated=now)
        case "groups":
            t["groups"].change(t["groups"][g.any_id(w, "groups")], title=g.name)
        case table:
            t[table].change(t[table][g.any_id(w, table)], title=g.name, udate=now)


def _merge(g: RandomChanges, w: World) -> None:
    """Merge two contacts: one is deleted, the other gets its tags and lists."""
    kept, merged = g.any_id(w, "contacts"), g.spare(w, "contacts")
    if kept and merged and kept != merged:
        w.merge_contacts(kept, merged)


ACTS: list[Callable[[RandomChanges, World], None]] = [
    _insert,
    _insert,
    _change,
    _change_beside,
    _delete,
    _delete,
    _delete,
    _delete_beside,
    _tag,
    _hang,
    _hang,
    _rename,
    _merge,
]


def keys_of(w: World) -> dict[str, set[tuple[str, ...]]]:
    """Return the keys of all rows by stream."""
    found = {
        stream: {(str(row_id),) for row_id in w.tables[table].ids()}
        for stream, table in TABLES.items()
    }
    for stream, table, column in (
        ("marketing_contact_tags", "contactTags", "tag"),
        ("marketing_segment_memberships", "contactLists", "list"),
    ):
        found[stream] = {(str(r.contact), str(getattr(r, column))) for r in w.tables[table]}
    found["crm_fields"] = {
        (entity, str(field_id))
        for entity, table in (
            ("contact", "fields"),
            ("account", "accountCustomFieldMeta"),
            ("opportunity", "dealCustomFieldMeta"),
        )
        for field_id in w.tables[table].ids()
    }
    return found
