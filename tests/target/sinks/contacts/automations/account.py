"""A made-up account with automations, and a way to send rows of contacts to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.target.runner import Run, TargetRunner

EMAIL = "ada@shop.example"
ON: dict[str, Any] = {"allow_automations": True}


class Account:
    """A runner's account with an active and an inactive automation, and a way to send rows."""

    def __init__(self, runner: TargetRunner) -> None:
        """Create the automations, and a field for a score."""
        self.runner, self.world = runner, runner.world
        self.dunning = self.world.add_automation("Dunning")
        self.nurture = self.world.add_automation("Nurture")
        self.off = self.world.add_automation("Summer sale", status=2)
        self.world.add_field("Score")

    def send(self, *records: dict[str, Any], **settings: Any) -> Run:
        """Send rows of contacts, with automations allowed."""
        run = self.runner.send("crm_contacts", *records, **{**ON, **settings})
        assert len(run.results) == len(records)
        return run

    def entered(self, email: str = EMAIL, automation: Any = None) -> int:
        """Return how often a contact was enrolled in an automation."""
        person = self.world.find_contact(email)
        automation_id = (automation or self.dunning).id
        return self.world.enrolled(person.id, automation_id) if person else 0

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The write requests about enrolments."""
        found = [
            (request.method, request.path.removeprefix("/api/3/")) for request in self.world.log
        ]
        return [
            request
            for request in found
            if request[1].startswith("contactAutomations") and request[0] != "GET"
        ]
