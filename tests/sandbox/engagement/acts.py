"""Sending, opening, clicking and bouncing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.sandbox.engagement.rows import BounceLog, Link, LinkDatum, Log, Reaction

if TYPE_CHECKING:
    from tests.sandbox.shape import Shape
    from tests.sandbox.world import World

_APPLE = "Mozilla/5.0"
_MAIL = "Mozilla/5.0 (X11; Linux x86_64) Thunderbird/115.0"


def send(w: World, contact: int, campaign: int = 1, message: int = 1, at: int | None = None) -> Log:
    """Send a message of a campaign to a contact."""
    log = Log(contact, campaign, message, w.now() if at is None else at)
    return w.tables["logs"].insert(log)


def link(w: World, url: str, campaign: int = 1, message: int = 1) -> Link:
    """Return the link of a message, created if necessary."""
    for row in w.tables["links"].by("campaign", campaign):
        if (row.link, row.message) == (url, message):
            return row
    return w.tables["links"].insert(Link(campaign, message, url, w.now()))


def click(
    w: World,
    contact: int,
    url: str = "open",
    campaign: int = 1,
    message: int = 1,
    at: int | None = None,
) -> LinkDatum:
    """Open a message or click a link in it; a second time updates the row of the first."""
    return _touched(w, "linkData", contact, link(w, url, campaign, message), at)


def prefetch(
    w: World, contact: int, campaign: int = 1, message: int = 1, at: int | None = None
) -> LinkDatum:
    """Let Apple's mail program fetch a message that perhaps no person has read."""
    return _touched(w, "mppLinkData", contact, link(w, "open", campaign, message), at)


def _touched(w: World, name: str, contact: int, target: Link, at: int | None) -> LinkDatum:
    now = w.now() if at is None else at
    table = w.tables[name]
    is_machine = name == "mppLinkData"
    person = w.tables["contacts"].rows.get(contact)
    if person is not None and not is_machine:
        column = "last_open" if target.link == "open" else "last_click"
        if (getattr(person, column) or 0) < now:
            w.tables["contacts"].change(person, **{column: now})
    for row in table.by("contact", contact):
        if row.link == target.id:
            return table.change(row, times=row.times + 1, tstamp=now)
    isread = 2 if is_machine else int(target.link == "open")
    ua = _APPLE if is_machine else _MAIL
    campaign, message = target.campaign, target.message
    return table.insert(LinkDatum(target.id, contact, campaign, message, isread, now, now, ua=ua))


def bounce(
    w: World, contact: int, campaign: int = 1, message: int = 1, at: int | None = None
) -> BounceLog:
    """Add a bounce."""
    email = w.tables["contacts"][contact].email
    now = w.now() if at is None else at
    return w.tables["bounceLogs"].insert(BounceLog(contact, campaign, message, now, email))


def react(
    w: World, contact: int, kind: str, campaign: int = 1, message: int = 1, at: int | None = None
) -> Reaction:
    """Add a `Forward` or a `Reply`."""
    now = w.now() if at is None else at
    return w.tables["reactions"].insert(Reaction(contact, campaign, message, kind, now))


def plant_engagement(w: World, shape: Shape, latest: int) -> None:
    """Send as many messages as the shape says, three campaigns in turn, oldest first."""
    people: list[Any] = w.tables["contacts"].ids()
    if not shape.sends or not people:
        return
    w.switches.engagement = "served"
    dice = random.Random(f"{w.seed}/engagement")
    span = 200 * 86400
    for number in range(shape.sends):
        contact = people[number % len(people)]
        campaign = 1 + number % 3
        message = 1 + number % 2
        at = latest - span + span * number // shape.sends
        send(w, contact, campaign, message, at)
        odd = dice.random()
        if odd < 0.4:
            click(w, contact, "open", campaign, message, at + 600)
        elif odd < 0.5:
            prefetch(w, contact, campaign, message, at + 5)
        if odd < 0.1:
            click(w, contact, f"https://acme.example/{number % 5}", campaign, message, at + 660)
        elif odd > 0.98:
            bounce(w, contact, campaign, message, at + 30)
