"""Creates a record only once, though ActiveCampaign would carry out a repeated request again.

The ledger stores the create as pending before the request. A retry first looks for the created
record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import (
    REFUSALS,
    InvalidRequest,
    UnconfirmedWrite,
)
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.outcome import RowFailed

from .late_reads import look_now_or_when_shown, look_until_shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Clock
    from target_activecampaign.ledger.ledger import Ledger

    from .write_client import WriteClient

MAX_ATTEMPTS = 3
# After a create that was never answered, the run spends two seconds on each further one, not 90
# seconds, for this long or until one is answered. The next run looks for all of them.
BRIEF_SECONDS = 600.0
# The account's clock has whole seconds, and the time of a response may be a moment old.
CLOCK_MARGIN_SECONDS = 2.0
# Behind the name of a step in the ledger: when its request was last sent, if more than once.
SENT_AGAIN = ", sent again"
UNANSWERED = "the create was sent and never answered; the next run looks for it first"
SEVERAL = (
    "an earlier create was not answered, and several records could be its result: "
    "correct it in ActiveCampaign"
)


@dataclass
class CreateOnce:
    """Creates records, each only once.

    ``server_time`` returns the account's clock in seconds since the epoch.
    """

    write_client: WriteClient
    ledger: Ledger
    clock: Clock
    server_time: Callable[[], float]
    #: The ids of the records that this run created, by step: no other row's create made them.
    _created: dict[str, set[str]] = field(default_factory=dict)
    #: Until this time of the monotonic clock, a create without a response is not sent again. Each
    #: answered create ends this time.
    _brief_until: float = 0.0

    def create(
        self, key: bytes, step: str, send: Callable[[], str], look: Callable[[float], list[str]]
    ) -> str:
        """Create a record and return its id. A repeated delivery of the row creates no duplicate.

        ``look`` returns the ids of equal records that were created since a time (seconds of the
        account's clock). ``key`` and ``step`` name the create in the ledger, where it is pending
        until the id of the record is there too. If the server refuses the create, nothing is
        pending. After any other error, the create stays pending, and the next run looks for the
        record. Raises `RowFailed` if no response came, or if several records could be the created
        record.
        """
        created = self._created.setdefault(step, set())

        def look_for_new(since: float) -> list[str]:
            return [native_id for native_id in look(since) if native_id not in created]

        with self.write_client.creating(f"{step}:{key.hex()}"):
            native_id = self._create(key, step, send, look_for_new)
            self.write_client.note_created(native_id)
        created.add(native_id)
        with self.ledger.transaction():
            self.ledger.record_id(key, native_id)
            self._resolve(key, step)
        return native_id

    def _create(
        self, key: bytes, step: str, send: Callable[[], str], look: Callable[[float], list[str]]
    ) -> str:
        pending_since = self.ledger.pending_since(key, step)
        since = self.server_time() if pending_since is None else pending_since

        def find() -> str | None:
            return _single(look(since - CLOCK_MARGIN_SECONDS))

        if pending_since is not None:
            sent_at = self.ledger.pending_since(key, step + SENT_AGAIN) or pending_since
            found = look_now_or_when_shown(
                self.clock, "an earlier create", find, sent_at, self.server_time
            )
            if found is not None:
                return found
        for attempt in range(MAX_ATTEMPTS):
            with self.ledger.transaction():
                self.ledger.record_pending(key, step, since)
                if attempt or pending_since is not None:
                    self.ledger.replace_pending(key, step + SENT_AGAIN, self.server_time())
            native_id = self._send(key, step, send)
            if native_id is None:
                native_id = look_until_shown(self.clock, find, is_brief=self._is_brief)
            if native_id is not None:
                return native_id
            if self._is_brief:
                break
        else:
            self._brief_until = self.clock.monotonic() + BRIEF_SECONDS
        raise RowFailed(UNANSWERED)

    def _send(self, key: bytes, step: str, send: Callable[[], str]) -> str | None:
        """Send a create; return the id of the record, None without a response."""
        try:
            native_id = send()
        except REFUSALS:
            self._resolve(key, step)
            raise
        except UnconfirmedWrite:
            return None
        self._brief_until = 0.0
        return native_id

    @property
    def _is_brief(self) -> bool:
        return self.clock.monotonic() < self._brief_until

    def _resolve(self, key: bytes, step: str) -> None:
        with self.ledger.transaction():
            self.ledger.resolve_pending(key, step)
            self.ledger.resolve_pending(key, step + SENT_AGAIN)

    def create_named(
        self, send: Callable[[], str], look: Callable[[], str | None]
    ) -> tuple[str, bool]:
        """Create a record that has a unique name; return its id and whether it is new.

        If ActiveCampaign refuses the create because another client has created the name, this
        returns the other client's record. Raises `RowFailed` if no response came.
        """
        with self.write_client.creating():
            native_id, is_new = self._create_named(send, look)
            if is_new:
                self.write_client.note_created(native_id)
        return native_id, is_new

    def _create_named(
        self, send: Callable[[], str], look: Callable[[], str | None]
    ) -> tuple[str, bool]:
        for _ in range(MAX_ATTEMPTS):
            try:
                return send(), True
            except InvalidRequest as problem:
                native_id = look() if is_duplicate(problem) else None
                if native_id is None:
                    raise
                return native_id, False
            except UnconfirmedWrite:
                native_id = look_until_shown(self.clock, look)
                if native_id is not None:
                    return native_id, True
        raise RowFailed(UNANSWERED)


def _single(ids: list[str]) -> str | None:
    if len(set(ids)) > 1:
        raise RowFailed(SEVERAL)
    return ids[0] if ids else None
