"""Who was entered into which automation: told by a row, guarded in the ledger, seen at the account.

Entering again sends somebody the mails again. So a contact enters an automation once: a note of its
own, beside those of the rows, keeps every later row from entering it, `force` or not. Whoever was
let in by others counts as well. Only a confirmed `leave_automations` lifts the note.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.api import Forbidden, Missing

from .guards import AUTOMATIONS
from .results import Rejection
from .rows import named_references

if TYPE_CHECKING:
    from .desk import Desk
    from .rows import Record
    from .wishes import Wish

logger = logging.getLogger(__name__)

#: The columns of a contact row that name automations, and whether they enter.
COLUMNS = {"automations": True, "leave_automations": False}
STEP = "enrolment"
ACTIVE, DONE = "1", "2"
NOT_ALLOWED = "automations: left out; contacts enter and leave only with allow_automations"
NOT_SEEN = "automations: left out, ActiveCampaign does not let this key see them"
NOT_RUNNING = (
    "automations: left out, the automation is not active; turn it on, the row is sent again"
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One run of a contact through an automation; ``number`` is its id, which only grows."""

    number: int
    is_active: bool


class Enrolments:
    """What this run did, by the automation's name."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.entered: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        #: The pairs that a dry run would have entered by now.
        self.planned: set[bytes] = set()
        #: Why nobody can be entered in this run, None while it is not known to be so.
        self.refused: str | None = None

    def document(self) -> dict[str, dict[str, int]]:
        """Return the numbers as JSON."""
        return {
            "entered": dict(sorted(self.entered.items())),
            "left": dict(sorted(self.left.items())),
        }

    def log(self) -> None:
        """Write the numbers to the process log."""
        for verb, counts in self.document().items():
            for name, count in counts.items():
                logger.info("%d contacts %s the automation %s", count, verb, name)


class Guard:
    """What the ledger knows of one contact and one automation.

    Its note is the enrolment's id; after the contact left, the last id of before, negative. An
    enrolment behind that one counts as entered, whoever did it: `before`.
    """

    def __init__(self, desk: Desk, contact: str, automation: str) -> None:
        """Look the pair up."""
        self._ledger, self._planned = desk.ledger, desk.enrolments.planned
        self._is_dry = desk.pen.is_dry
        self._key = desk.ledger.key(STEP, contact, automation)
        known = desk.ledger.find(self._key)
        mark = (known and known.id) or "-0"
        self.is_entered = not mark.startswith("-") or self._key in self._planned
        self.before = int(mark[1:]) if mark.startswith("-") else 0
        self.is_unsure = desk.ledger.pending(self._key, STEP) is not None

    def begin(self, since: float) -> None:
        """Note that entering is about to be sent (the server's seconds)."""
        self._ledger.begin(self._key, STEP, since)

    def note_refused(self) -> None:
        """Note that ActiveCampaign did not carry it out."""
        self._ledger.settle(self._key, STEP)

    def note_entered(self, number: int) -> None:
        """Note that the contact is, or was, in the automation; settles what was begun."""
        self._planned.add(self._key) if self._is_dry else self._note(str(number))

    def lift(self, number: int) -> None:
        """Note that the contact left: what is behind enrolment ``number`` is new."""
        self._planned.discard(self._key) if self._is_dry else self._note(f"-{number}")

    def _note(self, mark: str) -> None:
        with self._ledger.together():
            self._ledger.note_id(self._key, mark)
            self._ledger.settle(self._key, STEP)


def enrolments_of(desk: Desk, contact: str, automation: str) -> list[Enrolment]:
    """Return a contact's runs through an automation, as the account tells them now."""
    # A status unknown to us is taken for active: nobody is entered on a guess.
    return [
        Enrolment(_number(row.get("id")), str(row.get("status")) != DONE)
        for row in desk.references.below("contacts", contact, "contactAutomations")
        if str(row.get("automation") or row.get("seriesid")) == automation
    ]


def _number(value: Any) -> int:
    text = str(value)
    return int(text) if text.isdecimal() else 0


# --- what a row says ----------------------------------------------------------------------------


def read_automations(desk: Desk, record: Record, wish: Wish) -> None:
    """Read ``automations`` and ``leave_automations``; both hold names, or objects with id or name.

    Raises `Rejection` for an automation that the account does not have, or has several of.
    """
    part, asked = wish.parts[0], []
    for column, enters in COLUMNS.items():
        refs = named_references(record.get(column), column)
        asked += [(column, ref, enters) for ref in refs]
    if not asked:
        return
    if not (desk.policy.run_automations and desk.policy.allow_automations):
        part.denied.append(NOT_ALLOWED if desk.policy.run_automations else AUTOMATIONS)
        return
    try:
        desk.references.table("automation")
    except (Forbidden, Missing):
        part.postponed.append(NOT_SEEN)
        return
    for column, ref, enters in asked:
        one = _find(desk, ref, column)
        if wish.automations.setdefault(one, enters) is not enters:
            raise Rejection(
                "automations: the row enters and leaves the same one; to enter anew, leave with "
                "one run and enter with a later one"
            )
    for one, enters in list(wish.automations.items()):
        status = desk.references.table("automation")[one].get("status")
        if enters and status is not None and str(status) != ACTIVE:
            del wish.automations[one]
            part.postponed.append(NOT_RUNNING)


def _find(desk: Desk, ref: dict[str, str], column: str) -> str:
    source, name = ref.get("id"), ref.get("name")
    if source and not desk.policy.is_foreign:
        if source in desk.references.table("automation"):
            return source
        raise Rejection(f"{column}: the account has no automation with this id; mend the row")
    if not name:
        raise Rejection(f"{column}: give a name; another account's id says nothing here")
    rows = desk.references.named("automation", name)
    if len(rows) == 1:
        return str(rows[0]["id"])
    if rows:
        ids = ", ".join(sorted((str(row["id"]) for row in rows), key=_number))
        raise Rejection(f"{column}: several automations carry this name; give the id, one of {ids}")
    raise Rejection(
        f"{column}: the account has no automation with this name; ActiveCampaign lets nobody make "
        "one by API: make it there, or mend the row"
    )


def name_of(desk: Desk, automation: str) -> str:
    """Return an automation's name, its id where it has none."""
    row = desk.references.table("automation").get(automation, {})
    return str(row.get("name") or "").strip() or automation
