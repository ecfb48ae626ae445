"""Changes of automations and enrolments."""

from __future__ import annotations

from tests.sandbox import rows
from tests.sandbox.deal_acts import DealActs


class EnrolmentActs(DealActs):
    """Changes of enrolments; `World` inherits it."""

    def add_automation(self, name: str, status: int = 1) -> rows.Automation:
        """Create an automation; no endpoint does."""
        now = self.now()
        return self.tables["automations"].insert(rows.Automation(name, now, now, status))

    def enrol(self, contact: int, automation: int) -> rows.ContactAutomation:
        """Enrol a contact in an automation, again if it was enrolled before."""
        now, t = self.now(), self.tables
        row = t["contactAutomations"].insert(
            rows.ContactAutomation(contact, automation, 1, now, None, now)
        )
        t["automations"][automation].entered += 1
        self.trigger("enrolled", contact=contact, automation=automation)
        return row

    def end_enrolment(self, enrolment: int) -> None:
        """Let a contact reach the end of an automation."""
        now, t = self.now(), self.tables
        row = t["contactAutomations"][enrolment]
        t["contactAutomations"].change(row, status=2, remdate=now, lastdate=now)
        t["automations"][row.automation].exited += 1

    def take_out(self, enrolment: int) -> bool:
        """Remove a contact from an automation; return False if it is not enrolled."""
        t = self.tables
        row = t["contactAutomations"].get(enrolment)
        if row is None or (self.switches.left_enrolment == "ended" and row.status == 2):
            return False
        self.trigger("left", starts=False, contact=row.contact, automation=row.automation)
        if self.switches.left_enrolment == "ended":
            self.end_enrolment(enrolment)
        else:
            t["contactAutomations"].delete(enrolment)
        return True

    def enrolled(self, contact: int, automation: int) -> int:
        """Return how often a contact was enrolled in an automation, in any status."""
        return sum(
            entry["trigger"] == "enrolled"
            and (entry["contact"], entry["automation"]) == (contact, automation)
            for entry in self.automation_log
        )
