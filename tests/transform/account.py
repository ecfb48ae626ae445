"""The expected content of the marts, derived from the account's own tables.

It shares no code with the product or with the project in `transform/`.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults.truth import truth_of
from tests.faults.values import text, utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.sandbox import World

Row = dict[str, Any]
Key = tuple[str, ...]
ACTIVE, UNSUBSCRIBED = 1, 2
OPEN, WON, LOST = 0, 1, 2
DAY = 86_400
CENTS = 100
OUTCOMES = {
    **dict.fromkeys(("COMPLETED", "RECOVERED", 1, 3), "completed"),
    **dict.fromkeys(("PENDING", "WAITING", "PENDING_PAYMENT", 0, 4), "pending"),
    **dict.fromkeys(("CANCELLED", "REFUNDED", "RETURNED", "FAILED"), "cancelled"),
}


@dataclass(frozen=True)
class Expected:
    """The expected content of the project's tables at one moment."""

    contacts: dict[str, Row]
    members: dict[str, int]
    subscriptions: dict[tuple[str, str], tuple[int, int]]
    visits: dict[str, list[tuple[str, str | None, str | None]]]
    funnel: dict[str, Row]
    revenue: dict[tuple[str | None, str], Row]
    tags: set[tuple[str, str]]
    streams: dict[str, dict[Key, Row]]


def expected(w: World) -> Expected:
    """Derive it from the account."""
    streams = truth_of(w)
    return Expected(
        contacts(w, streams["marketing_contacts"]),
        members(w),
        subscriptions(w),
        visits(w),
        funnel(w),
        revenue(w),
        {(str(row.contact), str(row.tag)) for row in w.tables["contactTags"]},
        streams,
    )


def seen_deals(w: World) -> list[Any]:
    """Return the deals in pipelines that the key's user may see."""
    hidden = {row.id for row in w.tables["dealGroups"] if row.hidden}
    return [row for row in w.tables["deals"] if row.group not in hidden]


def contacts(w: World, streams: dict[Key, Row]) -> dict[str, Row]:
    """Return tags, lists, deals, orders and engagement of each person, by contact id."""
    t = w.tables
    tags = {row.id: text(row.tag) for row in t["tags"]}
    lists = {row.id: text(row.name) for row in t["lists"]}
    placed = orders(w)
    found = {}
    for person in t["contacts"]:
        memberships = t["contactLists"].by("contact", person.id)
        deals = [row for row in seen_deals(w) if row.contact == person.id]
        bought = [order for order in placed if order["contact"] == person.id]
        bought = [order for order in bought if order["outcome"] == "completed"]
        found[str(person.id)] = {
            "email": text(person.email),
            "tags": sorted(tags[row.tag] for row in t["contactTags"].by("contact", person.id)),
            "active_lists": sorted(
                lists[membership.list] for membership in memberships if membership.status == ACTIVE
            ),
            "unsubscribed_lists": sorted(
                lists[membership.list]
                for membership in memberships
                if membership.status == UNSUBSCRIBED
            ),
            "open_deals": sum(row.status == OPEN for row in deals),
            "won_deals": sum(row.status == WON for row in deals),
            "lost_deals": sum(row.status == LOST for row in deals),
            "deals_currency": only(row.currency.upper() for row in deals),
            "completed_orders": len(bought),
            "orders_currency": only(order["currency"] for order in bought),
            "last_ordered_at": max((order["ordered_at"] for order in bought), default=None),
            **engagement(w, person.id, streams[str(person.id),]),
        }
    return found


def only(values: Iterable[str]) -> str | None:
    """Return the value if there is exactly one value."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def engagement(w: World, contact: int, own: Row) -> Row:
    """Return the engagement of a contact; ``own`` is its record, which has times of its own."""
    t = w.tables
    sent = [row for row in t["logs"].by("contact", contact) if row.successful]
    opened, clicked = (
        [row for row in t["linkData"].by("contact", contact) if row.isread == isread]
        for isread in (1, 0)
    )
    return {
        "emails_sent": len(sent),
        "emails_opened": len({(row.campaign, row.message) for row in opened}),
        "emails_clicked": len({(row.campaign, row.message) for row in clicked}),
        "emails_bounced": sum(row.contact == contact for row in t["bounceLogs"]),
        "last_sent_at": max((utc(row.tstamp) for row in sent), default=None),
        "last_open_at": newest(own["last_open_at"], *(utc(row.tstamp) for row in opened)),
        "last_click_at": newest(own["last_click_at"], *(utc(row.tstamp) for row in clicked)),
    }


def newest(*times: str | None) -> str | None:
    """Return the latest of times that may be null."""
    return max((moment for moment in times if moment), default=None)


def orders(w: World) -> list[Row]:
    """Return the orders without the carts."""
    found = []
    for row in w.tables["ecomOrders"]:
        if row.externalid is None:
            continue
        record = w.tables["storeOrders"].first("key", (row.connectionid, row.externalid))
        status = record.document["normalizedStatus"] if record else row.state
        person = w.find_contact(row.email)
        found.append(
            {
                "contact": person.id if person else None,
                "outcome": OUTCOMES[status],
                "currency": row.currency.upper(),
                "amount": row.totalPrice / CENTS,
                "ordered_at": utc(row.externalCreated),
            }
        )
    return found


def members(w: World) -> dict[str, int]:
    """Return the number of subscribed contacts of each list that ever had a contact."""
    found: dict[str, int] = defaultdict(int)
    for row in w.tables["contactLists"]:
        if row.status in {ACTIVE, UNSUBSCRIBED}:
            found[str(row.list)] += row.status == ACTIVE
    return dict(found)


def subscriptions(w: World) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the numbers of subscriptions and unsubscriptions by list and day."""
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in w.tables["contactLists"]:
        if row.status in {ACTIVE, UNSUBSCRIBED} and row.sdate is not None:
            found[str(row.list), day(row.sdate)][0] += 1
            if row.status == UNSUBSCRIBED:
                left = row.sdate if row.udate is None else max(row.udate, row.sdate)
                found[str(row.list), day(left)][1] += 1
    return {key: (came, went) for key, (came, went) in found.items()}


def plant_campaigns(w: World) -> dict[str, Row]:
    """Create two campaigns, one of them never sent; return their rows of the mart."""
    common = {"type": "single", "cdate": utc(w.born), "mdate": utc(w.born)}
    sent = {
        "send_amt": "980",
        "uniqueopens": "480",
        "verified_unique_opens": "240",
        "subscriberclicks": "96",
        "hardbounces": "5",
        "softbounces": "15",
        "unsubscribes": "12",
    }
    draft = dict.fromkeys(sent, "0")
    rows = [
        {**common, **sent, "id": "1", "name": "Spring", "status": "5", "ldate": utc(w.born + DAY)},
        {**common, **draft, "id": "2", "name": "Summer", "status": "0", "ldate": None},
    ]
    w.planted.plant("/campaigns", "campaigns", rows)
    nothing = dict.fromkeys(("open_rate", "click_rate", "unsubscribe_rate", "last_sent_at"))
    return {
        "1": {
            "status": "completed",
            "last_sent_at": utc(w.born + DAY),
            "delivered": 960,
            "open_rate": 0.5,
            "verified_open_rate": 0.25,
            "click_rate": 0.1,
            "click_to_open_rate": 0.2,
            "unsubscribe_rate": 0.0125,
        },
        "2": {"status": "draft", "delivered": 0, **nothing},
    }


def day(instant: int) -> str:
    """Return the day of a moment, in UTC."""
    return dt.datetime.fromtimestamp(instant, dt.UTC).date().isoformat()


def visits(w: World) -> dict[str, list[tuple[str, str | None, str | None]]]:
    """Return stage, start and end of each visit, by deal and in order."""
    found = {}
    for deal in seen_deals(w):
        lines = sorted(w.tables["dealActivities"].by("deal", deal.id), key=lambda line: line.id)
        moves = [line for line in lines if line.dataType == "stage"]
        stages = [int(moves[0].dataOldval) if moves else deal.stage]
        stages += [int(line.dataId) for line in moves]
        times = [deal.cdate, *(line.cdate for line in moves)]
        ends = [line.cdate for line in lines if line.dataType == "status"]
        closed = max(ends[-1], times[-1]) if deal.status != OPEN and ends else None
        leaving = [*times[1:], closed]
        found[str(deal.id)] = [
            (str(stage), utc(came), utc(left))
            for stage, came, left in zip(stages, times, leaving, strict=True)
        ]
    return found


def funnel(w: World) -> dict[str, Row]:
    """Return the expected rows of the funnel."""
    history, deals = visits(w), {str(row.id): row for row in seen_deals(w)}
    hidden = {row.id for row in w.tables["dealGroups"] if row.hidden}
    found = {}
    for pipeline in w.tables["dealGroups"]:
        if pipeline.id in hidden:
            continue
        stages = sorted(
            w.tables["dealStages"].by("group", pipeline.id),
            key=lambda stage: (stage.order, stage.id),
        )
        names = [str(stage.id) for stage in stages]
        reached = []
        for step, stage in enumerate(names):
            further = set(names[step:])
            ids = {
                deal_id for deal_id, seen in history.items() if further & {to for to, *_ in seen}
            }
            ids |= {
                deal_id
                for deal_id, row in deals.items()
                if row.status == WON and _ended(row, names)
            }
            times = [
                _seconds(came, left) / DAY
                for seen in history.values()
                for to, came, left in seen
                if to == stage and came and left
            ]
            reached.append(len(ids))
            found[stage] = {
                "step": step + 1,
                "reached": len(ids),
                "visited": sum(any(to == stage for to, *_ in seen) for seen in history.values()),
                "open_now": sum(r.status == OPEN and str(r.stage) == stage for r in deals.values()),
                "median_days": statistics.median(times) if times else None,
            }
        won = sum(row.status == WON and _ended(row, names) for row in deals.values())
        for stage, after in zip(names, [*reached[1:], won], strict=True):
            found[stage]["advanced"] = after
    return found


def _ended(deal: Any, stages: list[str]) -> bool:
    return str(deal.stage) in stages


def _seconds(came: str, left: str) -> float:
    return (dt.datetime.fromisoformat(left) - dt.datetime.fromisoformat(came)).total_seconds()


def revenue(w: World, *, with_orders: bool = True) -> dict[tuple[str | None, str], Row]:
    """Return counts and sums of deals and orders by account and currency."""
    first: dict[int | None, int] = {}
    for link in w.tables["accountContacts"]:
        first.setdefault(link.contact, link.account)
    names = ("won_deals", "open_deals", "won_amount", "open_amount", "order_amount")
    names += ("completed_orders", "pending_orders", "cancelled_orders", "unknown_orders")
    found: dict[tuple[str | None, str], Row] = defaultdict(lambda: dict.fromkeys(names, 0))
    for deal in seen_deals(w):
        account = deal.account or first.get(deal.contact)
        row = found[str(account) if account else None, deal.currency.upper()]
        for status, word in ((WON, "won"), (OPEN, "open")):
            if deal.status == status:
                row[f"{word}_deals"] += 1
                row[f"{word}_amount"] = round(row[f"{word}_amount"] + deal.value / CENTS, 2)
    for order in orders(w) if with_orders else []:
        account = first.get(order["contact"])
        row = found[str(account) if account else None, order["currency"]]
        row[f"{order['outcome']}_orders"] += 1
        if order["outcome"] == "completed":
            row["order_amount"] = round(row["order_amount"] + order["amount"], 2)
    return dict(found)
