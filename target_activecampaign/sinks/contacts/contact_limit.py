"""The account's contact limit: contacts that do not fit are not created, and wait for another run.

ActiveCampaign itself lets the API exceed the limit. That costs money, and about ten percent beyond
the limit campaigns are not sent any more.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestError
from target_activecampaign.records.values import fold

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client
    from target_activecampaign.sinks.context import WriteContext

    from .change import ContactChange

logger = logging.getLogger(__name__)

LIMIT_REACHED = (
    "respect_contact_limit: the account has no room for another contact; the row is left for "
    "another run"
)
LIMIT_REFUSED = (
    "ActiveCampaign refused the contact for the account's contact limit; the row is left for "
    "another run"
)
UNKNOWN = "The account's contact limit is not known (%s): no limit is kept"
_REFUSAL = re.compile(
    r"(contact|subscriber)s?[ _]limit|limit (of|on|for) (the )?(contact|subscriber)", re.IGNORECASE
)


class ContactLimit:
    """Counts the contacts that a run creates against the account's limit.

    It is read once, before the first contact is created. Where the importer does not say which
    contacts were new, all of them count as new until the account's total is read again.
    """

    def __init__(self, client: Client, *, is_kept: bool) -> None:
        self._client, self._is_kept = client, is_kept
        self._is_read = False
        self._limit: int | None = None
        self._total = 0
        #: Contacts that changes under way may create.
        self._open = 0
        #: Contacts that may have been new since the total was read.
        self._unsure = 0

    def room(self) -> int | None:
        """Return how many contacts may still be created; None where no limit is kept."""
        if self._is_kept and not self._is_read:
            self._read()
            self._is_read = True
        if self._limit is None:
            return None
        return max(0, self._limit - self._total - self._open - self._unsure)

    def read_again(self) -> None:
        """Read the total again where that can show more room."""
        if self._unsure:
            self._unsure = 0
            self._read()

    def take(self, changes: list[ContactChange]) -> None:
        """Count changes that may create a contact each, until `give_back`."""
        self._open += len(changes)

    def give_back(self, changes: list[ContactChange]) -> None:
        """Count what became of changes that were taken."""
        self._open -= len(changes)
        self._total += sum(one.created is True for one in changes)
        self._unsure += sum(one.created is None for one in changes)

    def _read(self) -> None:
        try:
            # Only keys of admins may read it: a refusal says nothing about the key.
            body = self._client.get("settings/account", patience=0).body
        except RequestError as problem:
            logger.info(UNKNOWN, problem.problem)
            return
        limit, total = _count(body, "subscriber_limit"), _count(body, "subscriber_total")
        if not limit or total is None:
            logger.info(UNKNOWN, "settings/account does not have it")
            return
        # The account may count late what was created just now.
        self._limit, self._total = limit, max(total, self._total)


def _count(body: dict[str, Any], name: str) -> int | None:
    """Return a number of the account; it may stand in an object of the answer."""
    for part in (body, *(value for value in body.values() if isinstance(value, dict))):
        text = str(part.get(name, "")).strip()
        if text.isdigit():
            return int(text)
    return None


def hold_beyond_limit(
    context: WriteContext, changes: list[ContactChange]
) -> tuple[list[ContactChange], list[ContactChange], list[ContactChange]]:
    """Return the changes that may be sent, those that are held, and those to `give_back`.

    Contacts are looked up only where not all changes that may create one fit. Raises
    `RequestError` where that fails; then nothing is taken.
    """
    limit, plan = context.contact_limit, context.plan
    candidates = [
        change for change in changes if change.id is None and (change.upserts or change.enters)
    ]
    new = [change for change in candidates if change.known_id is None]
    if not (candidates if context.write_client.is_dry_run else new):
        return changes, [], []
    with context.pool.named_lock("contact limit", ""):
        room = limit.room()
        if room is None:
            return changes, [], []
        if context.write_client.is_dry_run:
            new = _find_new(context, candidates)
            plan.contact_room = room if plan.contact_room is None else plan.contact_room
            plan.new_contacts += len(new)
        elif len(new) > room:
            limit.read_again()
            new = _find_new(context, candidates)
            room = limit.room() or 0
        new, held = new[:room], new[room:]
        limit.take(new)
    left_out = {id(change) for change in held}
    return [change for change in changes if id(change) not in left_out], held, new


def _find_new(context: WriteContext, changes: list[ContactChange]) -> list[ContactChange]:
    """Return the changes whose contact the account does not have."""
    references = context.references
    by_id = references.contacts_by_id(change.known_id for change in changes if change.known_id)
    others = [change for change in changes if change.known_id not in by_id]
    by_email = references.contacts_by_email(change.email for change in others if change.email)
    return [change for change in others if fold(change.email or "") not in by_email]


def is_limit_refusal(text: str | None) -> bool:
    """Return whether ActiveCampaign refused a contact because the account is full."""
    return bool(text and _REFUSAL.search(text))
