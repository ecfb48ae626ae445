"""Waits until reads show a write, because ActiveCampaign shows some writes some seconds later.

After a lost response, the target looks for the record several times before it sends the create
again: the first look may be too early, and a gateway may have given up before ActiveCampaign did.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Clock

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

#: Seconds after which reads certainly show a write.
MAX_DELAY_SECONDS = 30.0
# The account's clock has whole seconds: a later time may be up to a second below an earlier one.
CLOCK_STEP_SECONDS = 1.0
#: Seconds to wait before each look for a record whose create was not answered: the looks are 2, 10
#: and 30 seconds (`MAX_DELAY_SECONDS`) after the lost response.
WAITS_BEFORE_LOOKS = (2.0, 8.0, 20.0)


def wait_until_shown(clock: Clock, what: str, written_at: float, now: float) -> bool:
    """Wait until reads show a write, and return whether that took time.

    ``what`` names the write. Both times are in seconds of one clock.
    """
    seconds = written_at + MAX_DELAY_SECONDS - now
    if not 0 < seconds <= MAX_DELAY_SECONDS + CLOCK_STEP_SECONDS:
        return False
    logger.info("Waiting %d s until reads show %s", round(seconds), what)
    clock.sleep(seconds)
    return True


def look_now_or_when_shown(
    clock: Clock,
    what: str,
    look: Callable[[], Found | None],
    written_at: float | None,
    now: Callable[[], float],
) -> Found | None:
    """Look for the record of an earlier request; if there is none, wait until reads show it.

    ``written_at`` is None if no request was sent. The arguments are those of `wait_until_shown`.
    """
    found = look()
    if found is not None or written_at is None:
        return found
    return look() if wait_until_shown(clock, what, written_at, now()) else None


def look_until_shown(
    clock: Clock, look: Callable[[], Found | None], *, is_brief: bool = False
) -> Found | None:
    """Look for a record whose create was not answered, until reads certainly show it.

    With ``is_brief``, look only once, because the next run looks again.
    """
    for seconds in WAITS_BEFORE_LOOKS[:1] if is_brief else WAITS_BEFORE_LOOKS:
        clock.sleep(seconds)
        found = look()
        if found is not None:
            return found
    return None
