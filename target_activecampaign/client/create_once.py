"""Creates that would be carried out twice: an intent first, and a look before a repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import Forbidden, Missing, Refused, Unconfirmed
from target_activecampaign.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.context import Desk

MOST_TRIES = 3
# The account's clock counts whole seconds, and an answer may be a moment old.
MARGIN = 2.0
LOOK_AFTER = 2.0
SEVERAL = "an earlier create was not answered, and several rows could be its: decide by hand"


def create_once(
    desk: Desk, key: bytes, step: str, send: Callable[[], str], look: Callable[[float], list[str]]
) -> str:
    """Create a row and return its id, however often the row is delivered or the answer lost.

    ``look`` returns the ids of rows like this one that were created since a moment (seconds of the
    server's clock). The intent stays in the ledger until `settled` is called.
    """
    began = desk.ledger.pending(key, step)
    if began is not None:
        found = _the_one(look(began - MARGIN))
        if found is not None:
            return found
    since = desk.server_time() if began is None else began
    for _ in range(MOST_TRIES):
        desk.ledger.begin(key, step, since)
        try:
            return send()
        except (Refused, Missing, Forbidden):
            desk.ledger.settle(key, step)
            raise
        except Unconfirmed:
            desk.clock.sleep(LOOK_AFTER)
            found = _the_one(look(since - MARGIN))
            if found is not None:
                return found
    raise Failure("the create was sent and never answered; the next run looks for it first")


def settled(desk: Desk, key: bytes, step: str, native_id: str) -> None:
    """Note a create's id: the intent is fulfilled."""
    with desk.ledger.together():
        desk.ledger.note_id(key, native_id)
        desk.ledger.settle(key, step)


def _the_one(found: list[str]) -> str | None:
    if len(set(found)) > 1:
        raise Failure(SEVERAL)
    return found[0] if found else None


def create_named(
    desk: Desk,
    send: Callable[[], str],
    look: Callable[[], str | None],
    *,
    is_taken: Callable[[Refused], bool],
) -> tuple[str, bool]:
    """Create a row that has a name of its own; returns its id and whether it is new.

    A refusal because the name is taken means that somebody was faster: the row is read instead.
    """
    for _ in range(MOST_TRIES):
        try:
            return send(), True
        except Refused as problem:
            found = look() if is_taken(problem) else None
            if found is None:
                raise
            return found, False
        except Unconfirmed:
            desk.clock.sleep(LOOK_AFTER)
            found = look()
            if found is not None:
                return found, True
    raise Failure("the create was sent and never answered")
