"""An account with an audience, and the tags, lists and values of its contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import Run, TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World

LEFT = "left the audience"
STAYED = "still in the audience"
ALL = ["remove_tags", "unsubscribe", "clear_fields", "leave_automations"]


class Scene:
    """A runner with two audiences, `trial` and `buyers`, whose rows are contacts."""

    def __init__(
        self, folder: Path, *, on_leave: list[str] | None = None, seed: int | None = None
    ) -> None:
        """Create an empty account with a list, a field and an automation."""
        self.clock = ManualClock()
        self.world: World = world_of(self.clock, is_empty=True)
        self.news = self.world.add_list("News")
        self.plan = self.world.add_field("Plan")
        self.welcome = self.world.add_automation("Welcome")
        self.runner = TargetRunner(self.world, self.clock, folder, seed)
        rule = {"on_leave": on_leave or ["remove_tags"], "max_leave_share": 1}
        self.settings: dict[str, Any] = {
            "audiences": {"trial": dict(rule), "buyers": dict(rule)},
            "stream_aliases": {"trial": "crm_contacts", "buyers": "marketing_contacts"},
            "allow_automations": True,
        }

    def run(self, *messages: Any, **settings: Any) -> Run:
        """Send messages as they are."""
        return self.runner.run(*messages, **{**self.settings, **settings})

    def send(self, *people: Any, stream: str = "trial", **settings: Any) -> Run:
        """Send a complete audience: addresses that get the tag `trial`, or rows."""
        return self.run(*messages_of(*people, stream=stream), **settings)

    def has(self, email: str) -> dict[str, Any]:
        """Return a contact's tags, active lists, plan and active enrolments."""
        contact, tables = self.world.find_contact(email), self.world.tables
        assert contact is not None
        value = self.world.field_value(contact.id, self.plan.id)
        tags = tables["contactTags"].by("contact", contact.id)
        return {
            "tags": {tables["tags"][row.tag].tag for row in tags},
            "lists": {
                tables["lists"][r.list].name
                for r in tables["contactLists"].by("contact", contact.id)
                if r.status == 1
            },
            "plan": value.value if value else "",
            "automations": [
                r.automation
                for r in tables["contactAutomations"].by("contact", contact.id)
                if r.status != 2
            ],
        }

    def tags(self, email: str) -> set[str]:
        """Return the names of a contact's tags."""
        found: set[str] = self.has(email)["tags"]
        return found

    def add(self, email: str, *tags: str) -> int:
        """Add a contact with tags, as a user does."""
        contact = self.world.find_contact(email) or self.world.add_contact(email)
        for name in tags:
            self.tag(contact.id, name)
        return contact.id

    def tag(self, contact: int, name: str) -> None:
        """Add a tag to a contact."""
        known = [tag for tag in self.world.tables["tags"] if tag.tag == name]
        self.world.tag(contact, (known[0] if known else self.world.add_tag(name)).id)


def row_of(person: Any, tag: str = "trial") -> dict[str, Any]:
    """Return the row of a person: a row, or an address that gets a tag."""
    return person if isinstance(person, dict) else {"email": person, "tags": [tag]}


def messages_of(*people: Any, stream: str = "trial", tag: str = "trial") -> list[dict[str, Any]]:
    """Return a complete audience, with a state at its end."""
    return [*stream_of(stream, *(row_of(one, tag) for one in people)), state_of(1)]


def leavers(run: Run) -> list[dict[str, Any]]:
    """Return the results of people who left, or should have left."""
    reasons = (LEFT, STAYED)
    return [one for one in run.results if any(text in (one["reason"] or "") for text in reasons)]
