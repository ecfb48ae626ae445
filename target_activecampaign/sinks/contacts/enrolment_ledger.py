"""Enrolments of contacts in automations, in the ledger and in the account.

A second enrolment sends the e-mails again, so a contact enters an automation only once. The ledger
has an entry per contact and automation, which stops every later row, even with `force`. An
enrolment by another client counts too. Only a confirmed `leave_automations` removes the entry.
`automations.py` decides whether a contact may enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.ids import id_number

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext


#: The columns of a contact row that name automations, and whether they enter.
COLUMNS = {"automations": True, "leave_automations": False}
STEP = "enrolment"
#: The status of an automation that contacts can enter.
RUNNING = "1"
#: The status of an enrolment that has ended.
ENDED = "2"
NOT_ALLOWED = "automations: left out; contacts enter and leave only with allow_automations"
NOT_READABLE = "automations: left out, ActiveCampaign does not let this key see them"
NOT_RUNNING = (
    "automations: left out, the automation is not active; turn it on, the row is sent again"
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment of a contact in an automation; ``number`` is its id. Later ids are higher."""

    number: int
    is_active: bool


class EnrolmentRecord:
    """The ledger's entry of a contact and an automation.

    Its value is the enrolment's id. After the contact left, the value is the negative id of its
    last enrolment, ``before``. A later enrolment counts as entered, also by another client.
    ``is_pending``: a request to enter was sent, and its outcome is not known.
    """

    def __init__(self, context: WriteContext, contact: str, automation: str) -> None:
        self._ledger, self._planned = context.ledger, context.enrolments.planned
        self._is_dry = context.write_client.is_dry_run
        self._key = context.ledger.hash_key(STEP, contact, automation)
        confirmed = context.ledger.find(self._key)
        mark = (confirmed and confirmed.id) or "-0"
        self.is_entered = not mark.startswith("-") or self._key in self._planned
        self.before = int(mark[1:]) if mark.startswith("-") else 0
        self.pending_since = context.ledger.pending_since(self._key, STEP)
        self.is_pending = self.pending_since is not None

    def begin(self, since: float) -> None:
        """Note that the request to enter is sent next (``since``: server time in seconds).

        A repeated request replaces the time of the first one.
        """
        self._ledger.replace_pending(self._key, STEP, since)

    def note_refused(self) -> None:
        """Note that ActiveCampaign refused the request."""
        self._ledger.resolve_pending(self._key, STEP)

    def note_entered(self, number: int) -> None:
        """Note that the contact is or was in the automation; resolve the pending request."""
        self._planned.add(self._key) if self._is_dry else self._note(str(number))

    def note_left(self, number: int) -> None:
        """Note that the contact left. Only enrolments after ``number`` count from now on."""
        self._planned.discard(self._key) if self._is_dry else self._note(f"-{number}")

    def _note(self, mark: str) -> None:
        with self._ledger.transaction():
            self._ledger.record_id(self._key, mark)
            self._ledger.resolve_pending(self._key, STEP)


def enrolments_of(context: WriteContext, contact: str, automation: str) -> list[Enrolment]:
    """Return a contact's enrolments in an automation, as the account shows them now."""
    # An unknown status counts as active, so that no contact enters twice.
    return [
        Enrolment(id_number(row.get("id")) or 0, str(row.get("status")) != ENDED)
        for row in context.references.nested_rows("contacts", contact, "contactAutomations")
        if str(row.get("automation") or row.get("seriesid")) == automation
    ]


def automation_name(context: WriteContext, automation: str) -> str:
    """Return an automation's name, or its id if it has no name."""
    row = context.references.table("automation").get(automation, {})
    return str(row.get("name") or "").strip() or automation
