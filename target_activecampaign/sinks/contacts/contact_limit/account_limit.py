"""The account's contact limit, and the contacts of a run that count against it.

ActiveCampaign itself lets the API exceed the limit. Further contacts cost money, and about ten
percent above the limit ActiveCampaign stops sending campaigns.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.numbers import parse_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_activecampaign_unified.client import Client

logger = logging.getLogger(__name__)

UNKNOWN = "The account's contact limit is not known (%s): the target creates every contact"
#: Age at which limit and total are read again, because other clients create contacts too.
MAX_AGE_SECONDS = 60.0


class MayCreate(Protocol):
    """A change that may create a contact; ``created`` is None if it is unknown whether it did."""

    created: bool | None


class ContactLimit:
    """Counts the contacts that a run creates against the account's limit.

    The limit is read before the first create, and again at most once a minute. If the importer does
    not report which contacts were new, all of them count as new until `read_again`.
    """

    def __init__(self, client: Client, *, is_kept: bool) -> None:
        self._client, self._is_kept = client, is_kept
        self._read_at: float | None = None
        self._limit: int | None = None
        self._total = 0
        #: The number of contacts that unfinished changes may create.
        self._open = 0
        #: The number of contacts that may have been new since the total was read.
        self._unsure = 0

    def remaining(self) -> int | None:
        """Return how many more contacts may be created, None without a limit."""
        if self._is_kept and self._is_due():
            self._read(self._unsure)
            self._is_kept = self._limit is not None
        if self._limit is None:
            return None
        return max(0, self._limit - self._total - self._open - self._unsure)

    def read_again(self) -> None:
        """Read the total again if some counted contacts may not have been new."""
        if self._unsure and self._read(0):
            self._unsure = 0

    def take(self, changes: Sequence[MayCreate]) -> None:
        """Count changes that may create a contact each, until `give_back`."""
        self._open += len(changes)

    def give_back(self, changes: Sequence[MayCreate]) -> None:
        """Count the results of changes that `take` counted."""
        self._open -= len(changes)
        self._total += sum(change.created is True for change in changes)
        self._unsure += sum(change.created is None for change in changes)

    def _is_due(self) -> bool:
        """Return whether to read limit and total. They are not read during creates of this run."""
        if self._read_at is None:
            return True
        return not self._open and self._client.clock.monotonic() - self._read_at > MAX_AGE_SECONDS

    def _read(self, unsure: int) -> bool:
        """Read limit and total; ``unsure`` contacts in the total are already counted."""
        is_first, self._read_at = self._read_at is None, self._client.clock.monotonic()
        try:
            # Only keys of admins may read the limit: a refusal does not mean that the key is bad.
            body = self._client.get("settings/account", patience=0).body
        except RequestError as problem:
            logger.info(UNKNOWN, problem.problem) if is_first else None
            return False
        limit, total = _count(body, "subscriber_limit"), _count(body, "subscriber_total")
        if not limit or total is None:
            logger.info(UNKNOWN, "settings/account does not have it") if is_first else None
            return False
        # The account may count new contacts late.
        self._limit, self._total = limit, max(total - unsure, self._total)
        return True


def _count(body: dict[str, Any], name: str) -> int | None:
    """Return a number of the account, which may be in an object of the response."""
    for part in (body, *(value for value in body.values() if isinstance(value, dict))):
        with contextlib.suppress(InvalidValue):
            number = parse_whole(part.get(name))
            if number is not None and number >= 0:
                return number
    return None
