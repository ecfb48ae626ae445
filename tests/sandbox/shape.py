"""Size and variety of a seeded account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Numbers and shares of planted rows beside contacts, deals and accounts."""

    contact_fields: int = 18  # the first 18 have every type and trap; more are plain text fields
    values_per_contact: int | None = None  # None: 60 % of the fields
    tags: int = 60
    template_tags: int = 3
    tags_per_contact: float = 2
    lists: int = 6
    lists_per_contact: float = 1
    accounts_share: float = 0.5  # of the contacts that are linked to an account
    notes_share: float = 0.05  # notes per contact; deals and accounts get a tenth of theirs
    account_fields: int = 22
    deal_fields: int = 13
    pipelines: int = 2
    secondary_share: float = 0.15  # of the deals that have a second contact
    users: int = 5
    groups: int = 3
    edited_share: float = 0.7  # of the contacts whose nulls have become zero values
    null_udate_share: float = 0.02
    diverging_share: float = 0.03  # of the contacts whose updated_timestamp is far from udate
    scores_share: float = 0.05
    automations: int = 4
    enrolled_share: float = 0.05
    hidden_deals: int = 5  # how many stubs, when hidden deals are asked for
    stores: int = 0  # above 0: the account serves e-commerce, with so many of each of these
    orders: int = 0  # of ten one is a cart and one was written by REST
    lines_per_order: int = 3
    products: int = 0
    subscriptions: int = 0
    sends: int = 0  # above 0: the account serves engagement, with opens, clicks and bounces
    tasks: int = 0  # above 0: the account serves tasks of contacts and deals
