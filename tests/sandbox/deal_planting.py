"""Planting accounts and deals with their values, notes and secondary contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox import names, rows
from tests.sandbox.acts import hash_of
from tests.sandbox.values import Samples

if TYPE_CHECKING:
    from random import Random

    from tests.sandbox.shape import Shape
    from tests.sandbox.world import World

_SPAN = 730 * 86400
_CURRENCIES = ["usd"] * 8 + ["eur", "gbp"]


def _moment(dice: Random, latest: int) -> int:
    return latest - int(_SPAN * dice.random() ** 1.5)


def plant_accounts(w: World, dice: Random, count: int, latest: int) -> None:
    """Plant accounts, each with some values, and a few with a note."""
    t = w.tables
    samples = Samples(w, dice)
    fields = list(t["accountCustomFieldMeta"])
    for number in range(count):
        adjective = names.ADJECTIVE[number % len(names.ADJECTIVE)]
        trade = names.TRADE[number // len(names.ADJECTIVE) % len(names.TRADE)]
        rank = number // (len(names.ADJECTIVE) * len(names.TRADE))
        name = f"{adjective} {trade}{dice.choice(names.SUFFIX)}" + (f" {rank + 1}" if rank else "")
        created = _moment(dice, latest)
        updated = created + int((latest - created) * dice.random())
        site = f"https://{adjective}-{trade}.example".lower() if dice.random() < 0.7 else None
        owner = 1 + dice.randrange(max(1, len(t["users"])))
        account = t["accounts"].insert(rows.Account(name, created, updated, site, owner))
        for field in fields:
            if dice.random() < 0.5:
                value, currency = samples.datum(field)
                t["accountCustomFieldData"].insert(
                    rows.Datum(account.id, field.id, value, created, updated, currency)
                )
        if dice.random() < 0.1:
            note = dice.choice(names.NOTES)
            t["notes"].insert(rows.Note(note, "CustomerAccount", account.id, updated, updated))


def plant_deals(
    w: World, dice: Random, count: int, shape: Shape, latest: int, *, hidden: int
) -> None:
    """Plant deals in all statuses, and hidden deals in a separate pipeline."""
    t = w.tables
    samples = Samples(w, dice)
    stages = list(t["dealStages"])
    for _ in range(count if stages else 0):
        row = _deal(w, dice, dice.choice(stages), latest)
        for field in t["dealCustomFieldMeta"]:
            if dice.random() < 0.5:
                value, currency = samples.datum(field)
                t["dealCustomFieldData"].insert(
                    rows.Datum(row.id, field.id, value, row.cdate, row.mdate, currency)
                )
        _plant_beside(w, dice, shape, row)
    if hidden:
        born = latest - _SPAN
        secret = t["dealGroups"].insert(rows.Pipeline("Board only", born, born, hidden=True))
        stage = t["dealStages"].insert(rows.Stage("Confidential", secret.id, 1, None, born))
        for _ in range(hidden):
            _deal(w, dice, stage, latest)


def _plant_beside(w: World, dice: Random, shape: Shape, row: rows.Deal) -> None:
    t = w.tables
    people = t["contacts"].ids()
    if len(people) > 1 and dice.random() < shape.secondary_share:
        other = dice.choice(people)
        if other != row.contact:
            role = dice.choice((None, 1, 2)) if len(t["dealRoles"]) else None
            t["contactDeals"].insert(rows.ContactDeal(other, row.id, row.cdate, row.cdate, role))
    if dice.random() < 0.1:
        note = dice.choice(names.NOTES)
        t["notes"].insert(rows.Note(note, "Deal", row.id, row.mdate, row.mdate, row.owner))
    if row.status:
        t["dealActivities"].insert(
            rows.DealActivity(
                row.id,
                "status",
                str(row.status),
                "0",
                row.status,
                row.stage,
                row.owner,
                row.mdate,
            )
        )
    if len(t["scores"]) > 1 and dice.random() < shape.scores_share:
        t["scoreValues"].insert(
            rows.ScoreValue(2, dice.randrange(100), row.cdate, row.mdate, deal=row.id)
        )


def _deal(w: World, dice: Random, stage: rows.Stage, latest: int) -> rows.Deal:
    t = w.tables
    people, companies = t["contacts"].ids(), t["accounts"].ids()
    contact = dice.choice(people) if people else None
    link = t["accountContacts"].first("contact", contact) if contact else None
    account = link.account if link else None
    if companies and (contact is None or dice.random() < 0.05):
        contact, account = None, dice.choice(companies)
    cdate = _moment(dice, latest)
    mdate = cdate + int((latest - cdate) * dice.random())
    row_id = t["deals"].take_id()
    odds = dice.random()
    return t["deals"].insert(
        rows.Deal(
            f"{dice.choice(names.DEALS)} {dice.choice(names.ADJECTIVE)}",
            stage.group,
            stage.id,
            cdate,
            mdate,
            value=dice.randrange(500, 5_000_000),
            currency=dice.choice(_CURRENCIES),
            owner=1 + dice.randrange(max(1, len(t["users"]))),
            contact=contact,
            account=account,
            description="" if odds < 0.5 else dice.choice(names.NOTES),
            percent=int(odds * 100),
            status=0 if odds < 0.7 else 1 if odds < 0.88 else 2,
            hash=hash_of(f"deal/{row_id}")[:8],
            nextdate=mdate + 86400 * 7 if odds > 0.6 else None,
            winProbability=int(odds * 100) if odds > 0.5 else None,
            winProbabilityMdate=mdate if odds > 0.5 else None,
            activitycount=int(odds * 6),
            id=row_id,
        )
    )
