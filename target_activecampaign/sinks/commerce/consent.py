"""Consent of orders: an order that accepts marketing subscribes its contact to the store's list.

A person who left that list is not subscribed again by an order, unless `resubscribe` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.records.content import has_part
from target_activecampaign.sinks.limits import AUTOMATIONS

from .stores import list_of_store

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import WriteContext

    from .upserts import Upsert

ACCEPTS, COLUMN = "acceptsMarketing", "accepts_marketing"


def check_consent(context: WriteContext, upserts: list[Upsert]) -> None:
    """Withdraw `accepts_marketing` from the orders that would subscribe a person who opted out.

    With `run_automations: false` no order subscribes a person. Raises `RequestError`.
    """
    by_list: dict[str | None, list[Upsert]] = {}
    for upsert in upserts:
        if upsert.document.get(ACCEPTS) is True and not is_nothing(upsert.document.get("email")):
            found = list_of_store(context, upsert.key[0])
            if found != "":
                by_list.setdefault(found, []).append(upsert)
    for one, several in by_list.items():
        if not context.policy.run_automations:
            for upsert in several:
                _withdraw(upsert)
                upsert.denied.add(AUTOMATIONS)
            continue
        if context.policy.resubscribe:
            continue
        emails = {fold(upsert.document["email"]) for upsert in several}
        words = context.opt_outs.find(one, emails)
        for upsert in several:
            word = words.get(fold(upsert.document["email"]))
            if word is not None:
                _leave_out(upsert, word)


def _leave_out(upsert: Upsert, word: str) -> None:
    """Withdraw it for a person who opted out; the order itself may have said so earlier."""
    _withdraw(upsert)
    reason = f"{COLUMN}: left out, the person {word}; sent only with resubscribe"
    if any(has_part(row.record, COLUMN) for row in upsert.rows):
        upsert.undone[COLUMN] = reason
    else:
        upsert.remarks.append(reason)


def _withdraw(upsert: Upsert) -> None:
    upsert.document = {name: value for name, value in upsert.document.items() if name != ACCEPTS}
