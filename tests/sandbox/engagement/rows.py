"""Rows of the engagement tables; instants are whole seconds UTC."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Log:
    """A message that was sent to a contact."""

    contact: int
    campaign: int
    message: int
    tstamp: int
    successful: int = 1
    id: int = 0


@dataclass(slots=True)
class Link:
    """A link of a message; the text `open` is the pseudo-link of opens."""

    campaign: int
    message: int
    link: str
    created: int
    name: str = ""
    id: int = 0


@dataclass(slots=True)
class LinkDatum:
    """An open or a click of a contact; `times` and `tstamp` change when it happens again.

    `isread` is 1 for an open, 0 for a click, 2 for a machine that fetched the message.
    """

    link: int
    contact: int
    campaign: int
    message: int
    isread: int
    tstamp: int
    created: int
    times: int = 1
    ua: str = ""
    id: int = 0


@dataclass(slots=True)
class BounceLog:
    """A message that bounced."""

    contact: int
    campaign: int
    message: int
    tstamp: int
    email: str
    code: str = "5.1.1"
    error: str = "mailbox unknown"
    id: int = 0


@dataclass(slots=True)
class Reaction:
    """A `Forward` or a `Reply`, which only a contact's activities show."""

    contact: int
    campaign: int
    message: int
    kind: str
    tstamp: int
    id: int = 0
