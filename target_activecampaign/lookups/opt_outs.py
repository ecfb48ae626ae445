"""Finds the people who opted out of a list, with the fewest requests."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import FULL_PAGE, Page, total_of, walk_keyset
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.records.list_status import OPTED_OUT, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client import Client, Clock

    from .reference_resolver import ReferenceResolver

#: Seconds after which the opt-outs of a list are read again.
FRESH_SECONDS = 300.0


def list_contacts(client: Client, list_id: str, status: int, lookups: int) -> Iterator[Page | None]:
    """Walk a list's contacts of one status; yield None if ``lookups`` single requests are fewer."""
    params: list[tuple[str, Any]] = [("listid", list_id), ("status", status)]
    for number, page in enumerate(walk_keyset(client, "contacts", "contacts", params)):
        total = total_of(page.body)
        if number == 0 and total is not None and total / FULL_PAGE > 2 * lookups + 1:
            yield None
            return
        yield page


class OptOuts:
    """The people who opted out of a list. Reads all of them if that takes fewer requests."""

    def __init__(self, references: ReferenceResolver, clock: Clock) -> None:
        self._references, self._clock = references, clock
        self._looked_up: Counter[str] = Counter()
        #: By list: when its opt-outs were read, and their folded addresses.
        self._opted_out: dict[str, tuple[float, set[str]]] = {}

    def find(self, list_id: str | None, emails: set[str]) -> dict[str, str]:
        """Return "unsubscribed" or "bounced" by folded address; ``list_id`` None means any list."""
        references, candidates = self._references, emails
        if list_id is not None:
            self._looked_up[list_id] += len(emails)
            opted_out = self._read_list(list_id)
            # ActiveCampaign may ignore a filter: the contact's own memberships decide.
            candidates = emails if opted_out is None else emails & opted_out
        statuses: dict[str, str] = {}

        def check(email: str, native_id: str) -> None:
            for row in references.nested_rows("contacts", native_id, "contactLists"):
                word = OPTED_OUT.get(number_of(row.get("status")))
                if word and list_id in {None, str(row.get("list"))}:
                    statuses[email] = word

        ids = references.contacts_by_email(candidates)
        references.pool.each([partial(check, email, contact) for email, contact in ids.items()])
        return statuses

    def forget(self) -> None:
        """Forget the opt-outs, because a contact has another address now."""
        self._opted_out.clear()

    def _read_list(self, list_id: str) -> set[str] | None:
        """Return all who opted out of a list, None if a request per contact is cheaper."""
        now = self._clock.monotonic()
        read_at, emails = self._opted_out.get(list_id, (None, set[str]()))
        if read_at is not None and now - read_at < FRESH_SECONDS:
            return emails
        emails = set()
        for status in OPTED_OUT:
            for page in list_contacts(
                self._references.client, list_id, status, self._looked_up[list_id]
            ):
                if page is None:
                    return None
                emails |= {fold(str(row.get("email") or "")) for row in page.rows}
        self._opted_out[list_id] = now, emails
        return emails
