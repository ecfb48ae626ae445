"""Fills an account from a seed: the same seed and clock give the same rows."""

from __future__ import annotations

import gc
import random
import unicodedata
from typing import TYPE_CHECKING, Any

from tests.sandbox import names, rows
from tests.sandbox.acts import hash_of
from tests.sandbox.deal_planting import plant_accounts, plant_deals
from tests.sandbox.definitions import define
from tests.sandbox.ecommerce.planting import plant_shops
from tests.sandbox.engagement.acts import plant_engagement
from tests.sandbox.tasks.planting import plant_tasks
from tests.sandbox.values import Samples

if TYPE_CHECKING:
    from random import Random

    from tests.sandbox.shape import Shape
    from tests.sandbox.world import World

DAY = 86400
_SPAN = 730 * DAY
_QUIET = 80 * 3600  # the newest row is this old, unless the world is fresh
_STATUSES = [1] * 78 + [2] * 13 + [0] * 4 + [3] * 5


def plant(
    w: World,
    *,
    contacts: int,
    deals: int,
    accounts: int,
    shape: Shape,
    fresh: bool,
    hidden_deals: bool,
    is_empty: bool,
) -> None:
    """Fill a world; an empty world gets only its first user and group."""
    dice = random.Random(w.seed)
    now = w.now()
    born = w.born
    if is_empty:
        w.tables["groups"].insert(rows.Group("Admin", None, born, 1))
        w.tables["users"].insert(
            rows.User("admin", "Ada", "Abel", "admin@acme.example", born, born)
        )
        w.tables["userGroups"].insert(rows.UserGroup(1, 1))
        return
    collecting = gc.isenabled()
    gc.disable()  # millions of rows that are no garbage
    try:
        define(w, dice, shape, born)
        latest = now if fresh else now - _QUIET
        plant_accounts(w, dice, accounts, latest)
        _plant_contacts(w, dice, contacts, shape, latest)
        plant_deals(w, dice, deals, shape, latest, hidden=shape.hidden_deals if hidden_deals else 0)
        plant_shops(w, shape, latest)
        plant_engagement(w, shape, latest)
        plant_tasks(w, shape, latest)
    finally:
        if collecting:
            gc.enable()
    if contacts > 20_000:
        gc.collect()
        gc.freeze()


def moment(dice: Random, latest: int) -> int:
    """Return an instant within two years before the latest, with more of them recent."""
    return latest - int(_SPAN * dice.random() ** 1.5)


def around(dice: Random, mean: float) -> int:
    """Return a whole number with the given mean."""
    return int(mean) + (dice.random() < mean % 1)


def _plant_contacts(w: World, dice: Random, count: int, shape: Shape, latest: int) -> None:
    t = w.tables
    samples = Samples(w, dice)
    fields = [(row.id, samples.of(row)) for row in t["fields"]]
    tags = [row.id for row in t["tags"] if row.tagType == "contact"]
    lists = t["lists"].ids()
    accounts = t["accounts"].ids()
    asciied = {name: _ascii(name) for name in (*names.FIRST, *names.LAST)}
    for number in range(1, count + 1):
        row = _contact(dice, shape, latest, asciied, number)
        t["contacts"].insert(row)
        for field, value in _chosen(dice, fields, shape):
            t["fieldValues"].insert(
                rows.FieldValue(number, field, value(number), row.cdate, row.updated)
            )
        _plant_marks(w, dice, shape, row, tags, lists)
        if accounts and dice.random() < shape.accounts_share:
            title = dice.choice(names.JOBS) if dice.random() < 0.8 else None
            account = accounts[int(len(accounts) * dice.random() ** 2)]
            t["accountContacts"].insert(
                rows.AccountContact(account, number, row.cdate, row.updated, title)
            )
        _plant_rest(w, dice, shape, row)


def _contact(
    dice: Random, shape: Shape, latest: int, asciied: dict[str, str], number: int
) -> rows.Contact:
    first, last = dice.choice(names.FIRST), dice.choice(names.LAST)
    cdate = moment(dice, latest)
    edited = dice.random() < shape.edited_share
    udate = cdate + int((latest - cdate) * dice.random()) if edited else cdate
    updated = udate
    if edited and dice.random() < shape.diverging_share:
        updated = udate + int((latest - udate) * dice.random())
    email = f"{asciied[first]}.{asciied[last]}{number}@{dice.choice(names.PROVIDERS)}"
    row = rows.Contact(
        email,
        cdate,
        udate,
        cdate,
        updated,
        firstName=first,
        lastName=last,
        hash=hash_of(f"{email}/{number}"),
        edited=edited,
        id=number,
    )
    odd = dice.random()
    if odd < 0.3:
        row.phone = f"+1 555 {number % 1000:03} {number % 10000:04}"
    elif odd < 0.34:
        row.firstName = ""
    elif odd < 0.37:
        row.lastName = ""
    elif odd < 0.40:
        row.email = email.replace(".", "+", 1).title()
    elif odd < 0.40 + shape.null_udate_share and not edited:
        row.udate = None
    if edited and odd > 0.6:
        row.sentcnt = int(odd * 40)
        row.last_open = udate
        row.last_click = udate if odd > 0.8 else None
        row.adate = cdate
    return row


def _chosen(dice: Random, fields: list[Any], shape: Shape) -> list[Any]:
    if shape.values_per_contact is None:
        return [field for field in fields if dice.random() < 0.6]
    return fields[: shape.values_per_contact]


def _plant_marks(
    w: World, dice: Random, shape: Shape, row: rows.Contact, tags: list[int], lists: list[int]
) -> None:
    t = w.tables
    since = row.updated - row.cdate
    for tag in _distinct(dice, tags, around(dice, shape.tags_per_contact)):
        at = row.cdate + int(since * dice.random())
        t["contactTags"].insert(rows.ContactTag(row.id, tag, at, at))
    for list_id in _distinct(dice, lists, around(dice, shape.lists_per_contact)):
        status = dice.choice(_STATUSES)
        changed = row.cdate + int(since * dice.random()) if status in (2, 3) else None
        reason = "too many mails" if status == 2 and row.id % 3 == 0 else ""
        t["contactLists"].insert(
            rows.ContactList(
                row.id,
                list_id,
                status,
                row.cdate if status else None,
                changed,
                row.cdate,
                changed or row.cdate,
                first_name=row.firstName,
                last_name=row.lastName,
                unsubreason=reason,
                by_self=status == 2,
            )
        )
        if status == 3:
            row.bounced_hard = 1


def _plant_rest(w: World, dice: Random, shape: Shape, row: rows.Contact) -> None:
    t = w.tables
    if dice.random() < shape.notes_share:
        at = row.udate or row.cdate
        note = dice.choice(names.NOTES)
        user = 1 + dice.randrange(max(1, shape.users))
        t["notes"].insert(rows.Note(note, "Subscriber", row.id, at, at, user))
    if dice.random() < shape.scores_share:
        t["scoreValues"].insert(
            rows.ScoreValue(1, dice.randrange(100), row.cdate, row.updated, contact=row.id)
        )
    if shape.automations and dice.random() < shape.enrolled_share:
        done = dice.random() < 0.5
        automation = t["automations"][1 + dice.randrange(shape.automations)]
        automation.entered += 1
        automation.exited += done
        end = row.cdate + DAY if done else None
        t["contactAutomations"].insert(
            rows.ContactAutomation(row.id, automation.id, 1 + done, row.cdate, end, row.cdate)
        )


def _distinct(dice: Random, ids: list[int], count: int) -> list[int]:
    if count == 1 and ids:
        return [ids[int(len(ids) * dice.random() ** 1.3)]]
    return sorted(dice.sample(ids, min(count, len(ids)))) if count else []


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.casefold()
