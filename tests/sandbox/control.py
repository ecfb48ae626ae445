"""The control interface beside the API: changes of the account, its log and its sizes.

`GET /sandbox/log` counts the arrivals, `GET /sandbox/arrivals` lists them. Both take `since` (the
number of arrivals to leave out, as an earlier log's `arrivals` gave it), `after` and `until`
(seconds since 1970). So one account serves several measurements.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from tests.sandbox import names
from tests.sandbox.limits import log_rows, log_summary, part_of
from tests.sandbox.values import Samples

if TYPE_CHECKING:
    from tests.sandbox.world import World


def answer(
    w: World, method: str, path: str, query: dict[str, str], body: bytes
) -> dict[str, Any] | None:
    """Answer a request to the control interface; None for an unknown request."""
    if method == "GET" and path.rstrip("/") in {"/sandbox/log", "/sandbox/arrivals"}:
        # A copy, counted without the lock, so that measured requests do not wait.
        log = list(w.log)
        arrivals = part_of(log, **{k: float(v) for k, v in query.items()})
        if path.rstrip("/") == "/sandbox/arrivals":
            return {"arrivals": len(log), "rows": log_rows(arrivals)}
        return {"arrivals": len(log), **log_summary(arrivals)}
    with w.lock:
        match method, path.rstrip("/"):
            case "POST", "/sandbox/change":
                document = json.loads(body or b"{}")
                return change(w, int(document.get("seed", 1)))
            case "GET", "/sandbox/tables":
                return {name: len(table) for name, table in w.tables.items()}
    return None


def change(w: World, seed: int) -> dict[str, Any]:
    """Change a few rows of every kind, as in a day's work, and return exactly which."""
    dice = random.Random(seed)
    t = w.tables
    changed: dict[str, list[Any]] = {}
    people = dice.sample(t["contacts"].ids(), min(12, len(t["contacts"])))
    edited, tagged, listed, noted = people[:5], people[5:8], people[8:11], people[11:]
    changed["contacts_edited"] = [_edit(w, dice, contact) for contact in edited]
    changed["field_values_set"] = [_value(w, dice, contact) for contact in edited[:3]]
    changed["tags_added"] = [found for c in tagged if (found := _tag(w, dice, c))]
    changed["tags_removed"] = [found for c in edited[3:] if (found := _untag(w, dice, c))]
    changed["list_status_changed"] = [found for c in listed if (found := _list(w, dice, c))]
    changed["contacts_added"] = [_add(w, dice) for _ in range(2)]
    changed["notes_added"] = [
        w.add_note("Subscriber", contact, dice.choice(names.NOTES)).id for contact in noted
    ]
    changed["deals_added"], changed["deals_moved"] = _deals(w, dice)
    changed["accounts_edited"] = []
    for account in dice.sample(t["accounts"].ids(), min(1, len(t["accounts"]))):
        url = f"https://new-{seed}-{account}.example"
        t["accounts"].change(t["accounts"][account], accountUrl=url, updated=w.now())
        changed["accounts_edited"].append(account)
    return {
        "seed": seed,
        "at": w.dt(w.now()),
        "counts": {kind: len(ids) for kind, ids in changed.items()},
        **changed,
    }


def _edit(w: World, dice: random.Random, contact: int) -> int:
    row = w.tables["contacts"][contact]
    last = dice.choice([name for name in names.LAST if name != row.lastName])
    return w.edit_contact(contact, lastName=last).id


def _value(w: World, dice: random.Random, contact: int) -> dict[str, Any]:
    """Set a field through an edit of the contact, so that udate changes."""
    field = dice.choice(list(w.tables["fields"]))
    draw = Samples(w, dice).of(field)
    before = w.field_value(contact, field.id)
    value = draw(contact)
    while not value or (before and before.value == value and field.type != "hidden"):
        value = draw(contact)
    w.set_field(contact, field.id, value)
    w.touch(contact)
    return {"contact": contact, "field": field.id, "value": value}


def _tag(w: World, dice: random.Random, contact: int) -> dict[str, int] | None:
    have = {row.tag for row in w.tables["contactTags"].by("contact", contact)}
    free = [row.id for row in w.tables["tags"] if row.tagType == "contact" and row.id not in have]
    if not free:
        return None
    tag = dice.choice(free)
    w.tag(contact, tag)
    return {"contact": contact, "tag": tag}


def _untag(w: World, dice: random.Random, contact: int) -> dict[str, int] | None:
    rows = w.tables["contactTags"].by("contact", contact)
    if not rows:
        return None
    tag = dice.choice(rows).tag
    w.untag(contact, tag)
    return {"contact": contact, "tag": tag}


def _list(w: World, dice: random.Random, contact: int) -> dict[str, int] | None:
    lists = w.tables["lists"].ids()
    if not lists:
        return None
    rows = w.tables["contactLists"].by("contact", contact)
    list_id = rows[0].list if rows else dice.choice(lists)
    status = 2 if not rows or rows[0].status == 1 else 1
    w.subscribe(contact, list_id, status)
    return {"contact": contact, "list": list_id, "status": status}


def _add(w: World, dice: random.Random) -> int:
    first, last = dice.choice(names.FIRST[:80]), dice.choice(names.LAST)
    number = w.tables["contacts"].last_id + 1
    email = f"{first}.{last}{number}@inbox.example".lower()
    return w.add_contact(email, firstName=first, lastName=last).id


def _deals(w: World, dice: random.Random) -> tuple[list[int], list[dict[str, int]]]:
    t = w.tables
    people, stages = t["contacts"].ids(), list(t["dealStages"])
    if not stages or not people:
        return [], []
    moved = []
    for deal in dice.sample(t["deals"].ids(), min(2, len(t["deals"]))):
        row = t["deals"][deal]
        others = [stage for stage in stages if stage.group == row.group and stage.id != row.stage]
        if others:
            stage = dice.choice(others)
            w.edit_deal(deal, stage=stage.id)
            moved.append({"deal": deal, "stage": stage.id})
    title = f"{dice.choice(names.DEALS)} {dice.choice(names.ADJECTIVE)}"
    stage = dice.choice(stages)
    value = dice.randrange(500, 100_000)
    added = w.add_deal(title, contact=dice.choice(people), stage=stage.id, value=value)
    return [added.id], moved
