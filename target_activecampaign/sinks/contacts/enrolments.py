"""Enrolments of contacts in automations, in the ledger and in the account.

A second enrolment sends the e-mails again. So a contact enters an automation once: an entry of its
own in the ledger keeps every later row from entering it, even with `force`. An enrolment by another
client counts, too. Only a confirmed `leave_automations` removes the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.parsing.ids import id_number

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import WriteContext


#: The columns of a contact row that name automations, and whether they enter.
COLUMNS = {"automations": True, "leave_automations": False}
STEP = "enrolment"
ACTIVE, DONE = "1", "2"
NOT_ALLOWED = "automations: left out; contacts enter and leave only with allow_automations"
NOT_READABLE = "automations: left out, ActiveCampaign does not let this key see them"
NOT_RUNNING = (
    "automations: left out, the automation is not active; turn it on, the row is sent again"
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One run of a contact through an automation; ``number`` is its id, which only grows."""

    number: int
    is_active: bool


class EnrolmentRecord:
    """What the ledger knows of one contact and one automation.

    Its note is the enrolment's id; after the contact left, the last id of before, negative. An
    enrolment after that one (`before`) counts as entered, also by another client.
    """

    def __init__(self, context: WriteContext, contact: str, automation: str) -> None:
        self._ledger, self._planned = context.ledger, context.enrolments.planned
        self._is_dry = context.write_client.is_dry_run
        self._key = context.ledger.hash_key(STEP, contact, automation)
        known = context.ledger.find(self._key)
        mark = (known and known.id) or "-0"
        self.is_entered = not mark.startswith("-") or self._key in self._planned
        self.before = int(mark[1:]) if mark.startswith("-") else 0
        self.is_unsure = context.ledger.pending_since(self._key, STEP) is not None

    def begin(self, since: float) -> None:
        """Note that entering is about to be sent (the server's seconds)."""
        self._ledger.record_pending(self._key, STEP, since)

    def note_refused(self) -> None:
        """Note that ActiveCampaign did not carry it out."""
        self._ledger.resolve_pending(self._key, STEP)

    def note_entered(self, number: int) -> None:
        """Note that the contact is, or was, in the automation; resolve the pending request."""
        self._planned.add(self._key) if self._is_dry else self._note(str(number))

    def lift(self, number: int) -> None:
        """Note that the contact left: what is behind enrolment ``number`` is new."""
        self._planned.discard(self._key) if self._is_dry else self._note(f"-{number}")

    def _note(self, mark: str) -> None:
        with self._ledger.transaction():
            self._ledger.record_id(self._key, mark)
            self._ledger.resolve_pending(self._key, STEP)


def enrolments_of(context: WriteContext, contact: str, automation: str) -> list[Enrolment]:
    """Return a contact's runs through an automation, as the account shows them now."""
    # An unknown status counts as active, so that no contact enters twice.
    return [
        Enrolment(id_number(row.get("id")) or 0, str(row.get("status")) != DONE)
        for row in context.references.nested_rows("contacts", contact, "contactAutomations")
        if str(row.get("automation") or row.get("seriesid")) == automation
    ]


def name_of(context: WriteContext, automation: str) -> str:
    """Return an automation's name, its id where it has none."""
    row = context.references.table("automation").get(automation, {})
    return str(row.get("name") or "").strip() or automation
