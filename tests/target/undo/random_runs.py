"""Random rows of the kinds that an undo covers, and random changes of other clients."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox import World

Message = dict[str, Any]
TAGS = ("vip", "webinar", "trial", "pricing", "brand new")
COMPANIES = ("Initech", "Hooli")
CONTACT_VALUES: dict[str, tuple[Any, ...]] = {
    "lead_source": ("fair", "ad"),
    "plan_tier": ("Team", "Business"),
    "lead_score": (1, 7.5),
    "renewal_date": ("2031-01-05", "2032-02-06"),
    "last_demo": ("2031-01-05T10:00:00Z",),
    "channels": (["E-mail", "Post"], ["Phone"]),
}
DEAL_VALUES: dict[str, tuple[Any, ...]] = {
    "field_4": ("2031-01-05T10:00:00Z",),
    "field_5": ("EXW", "DAP"),
    "field_6": (["Hiking"], ["Music", "Chess"]),
    "field_10": ({"amount": "7.50", "currency": "EUR"}, {"amount": "100", "currency": "USD"}),
    "field_11": (3, 12),
    "field_12": ("2031-01-05", "2032-02-06"),
}
ACCOUNT_VALUES: dict[str, tuple[Any, ...]] = {
    "field_12": ("K1", "K2"),
    "field_14": ("2031-01-05",),
    "field_17": (["Hiking"],),
    "field_21": ({"amount": "5", "currency": "EUR"},),
    "field_22": (1, 2),
}


class RandomRuns:
    """Draws rows for an account from a seed."""

    def __init__(self, world: World, seed: int) -> None:
        """Begin with the seed."""
        self.world, self.dice = world, random.Random(seed)
        self._new = 0

    def messages(self) -> list[Message]:
        """Return the messages of one run: some streams with some rows each."""
        kinds: list[tuple[str, Callable[[], Message]]] = [
            ("crm_contacts", self._contact),
            ("marketing_contact_tags", self._tag_pair),
            ("marketing_segment_memberships", self._membership),
            ("crm_opportunities", self._deal),
            ("crm_accounts", self._account),
            ("crm_notes", self._note),
        ]
        found: list[Message] = []
        for stream, make in self.dice.sample(kinds, self.dice.randint(1, 4)):
            rows = [make() for _ in range(self.dice.randint(1, 8))]
            found += stream_of(stream, *rows)
        return [*found, state_of(1)]

    def settings(self) -> dict[str, Any]:
        """Return settings that change how rows are written."""
        return {
            "bulk_import": self.dice.choice(("auto", "always", "never")),
            "null_policy": self.dice.choice(("ignore", "clear")),
            "resubscribe": self.dice.random() < 0.3,
            "allow_automations": True,
            "match_opportunities_on": ["id", "name+contact"],
        }

    def _some(self, values: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
        names = self.dice.sample(sorted(values), self.dice.randint(0, 3))
        return {name: self.dice.choice((*values[name], None)) for name in names}

    def _maybe(self, share: float = 0.4) -> bool:
        return self.dice.random() < share

    def _person(self) -> dict[str, Any]:
        row = self.dice.choice(list(self.world.tables["contacts"]))
        return self.dice.choice(({"id": str(row.id)}, {"email": row.email}))

    def _contact(self) -> Message:
        row = self._person()
        if self._maybe(0.3):
            row = {"email": f"new{self.dice.randint(1, 4)}@shop.example"}
        lists = [str(one) for one in self.world.tables["lists"].ids()]
        parts: dict[str, Any] = {
            "first_name": self.dice.choice(("Zed", "", None)),
            "last_name": "Quill",
            "phone": "555 1",
            "custom_fields": self._some(CONTACT_VALUES),
            "tags": self.dice.sample(TAGS, 2),
            "remove_tags": [
                one.tag
                for one in self.dice.sample(list(self.world.tables["tags"]), 3)
                if one.tagType == "contact" and one.tag not in TAGS
            ],
            "segments": [
                {"id": one, "status": self.dice.choice(("active", "unsubscribed"))}
                for one in self.dice.sample(lists, 2)
            ],
            "company": self.dice.choice(COMPANIES),
            "title": self.dice.choice(("Boss", "Chef")),
            "automations": ["Welcome series 1"],
            "leave_automations": ["Welcome series 3"],
        }
        return row | {name: parts[name] for name in parts if self._maybe()}

    def _tag_pair(self) -> Message:
        person = self._person()
        named = {"contact_id": person["id"]} if "id" in person else {"email": person["email"]}
        status = self.dice.choice(("applied", "removed"))
        tags = [one for one in self.world.tables["tags"] if one.tagType == "contact"]
        return {**named, "tag_id": str(self.dice.choice(tags).id), "status": status}

    def _membership(self) -> Message:
        person = self._person()
        named = {"contact_id": person["id"]} if "id" in person else {"email": person["email"]}
        status = self.dice.choice(("active", "unsubscribed"))
        one = self.dice.choice(self.world.tables["lists"].ids())
        return {**named, "segment_id": str(one), "status": status}

    def _deal(self) -> Message:
        deal = self.dice.choice(list(self.world.tables["deals"]))
        stage = self.dice.choice(list(self.world.tables["dealStages"]))
        people = [self._person(), self._person()]
        parts: dict[str, Any] = {
            "name": f"Deal {self.dice.randint(1, 3)}",
            "amount": self.dice.choice(("7.50", "10")),
            "currency": "EUR",
            "status": self.dice.choice(("open", "won", "lost")),
            "owner": {"id": self.dice.choice(("1", "2"))},
            "description": self.dice.choice(("long", None)),
            "contact": people,
            "stage": {"id": str(stage.id)},
            "custom_fields": self._some(DEAL_VALUES),
        }
        chosen = {name: parts[name] for name in parts if self._maybe()}
        if self._maybe(0.3):
            whole = {"name": "New deal", "contact": [people[0]], "owner": {"id": "1"}}
            return {**chosen, **whole, "stage": {"id": str(stage.id)}}
        return {"id": str(deal.id), **chosen}

    def _account(self) -> Message:
        one = self.dice.choice(list(self.world.tables["accounts"]))
        self._new += 1
        row: Message = {"id": str(one.id)} if self._maybe(0.7) else {"name": f"Co {self._new}"}
        if "id" in row and self._maybe():
            row["name"] = f"Renamed {self._new}"
        if self._maybe():
            row["website"] = "https://co.example"
        return row | {"custom_fields": self._some(ACCOUNT_VALUES)}

    def _note(self) -> Message:
        one = self.dice.choice(list(self.world.tables["notes"]))
        text = f"text {self.dice.randint(1, 5)}"
        if self._maybe(0.6):
            return {"id": str(one.id), "content": text}
        person = self._person()
        return {"content": text, "contact": person}

    # --- other clients ------------------------------------------------------------------------

    def change_something(self) -> None:
        """Make some changes as users and other programs do."""
        for _ in range(self.dice.randint(1, 6)):
            self.dice.choice(
                (
                    self._edit,
                    self._edit_deal,
                    self._edit_tag,
                    self._edit_list,
                    self._edit_value,
                    self._edit_account,
                    self._edit_note,
                )
            )()

    def _row(self, table: str) -> Any:
        return self.dice.choice(list(self.world.tables[table]))

    def _edit(self) -> None:
        column = self.dice.choice(("firstName", "lastName", "phone"))
        self.world.edit_contact(self._row("contacts").id, **{column: "Foreign"})

    def _edit_deal(self) -> None:
        column = self.dice.choice(("title", "description"))
        self.world.edit_deal(self._row("deals").id, **{column: "Foreign"})

    def _edit_tag(self) -> None:
        person, tag = self._row("contacts"), self._row("tags")
        if not self.world.untag(person.id, tag.id) and tag.tagType == "contact":
            self.world.tag(person.id, tag.id)

    def _edit_list(self) -> None:
        one = self._row("lists").id
        self.world.subscribe(self._row("contacts").id, one, self.dice.choice((1, 2)), by_self=True)

    def _edit_value(self) -> None:
        self.world.set_field(self._row("contacts").id, 1, "Foreign")

    def _edit_account(self) -> None:
        table = self.world.tables["accounts"]
        table.change(self._row("accounts"), accountUrl="https://foreign.example")

    def _edit_note(self) -> None:
        self.world.tables["notes"].change(self._row("notes"), note="Foreign")
