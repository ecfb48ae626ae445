"""Random stories in which users move addresses: a model knows which contacts keep the tag."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import length
from tests.target.runner import schema_of, state_of

from .scene import Scene

if TYPE_CHECKING:
    import pytest

    from tests.target.runner import Run

PEOPLE = [f"p{n}@shop.example" for n in range(12)]
FEW = PEOPLE[:3]
AUDIENCES = ("trial", "buyers")
ONE = st.sampled_from(FEW)
SOME = st.sampled_from([*map(set, itertools.combinations(FEW, 1)), set(FEW[:2]), set(PEOPLE)])
AUDIENCE = st.tuples(
    st.sampled_from(AUDIENCES),
    st.one_of(SOME, SOME, st.just({"end@shop.example"})),
    st.integers(0, 1),
    st.sampled_from([True, True, True, False]),
)
OTHER = st.sampled_from(["plain", "imported", "pair", "pair by id", "by hand", "removed"])
#: Most stories of a few steps have a person who leaves after an address moved.
STEP = st.one_of(AUDIENCE, AUDIENCE, st.tuples(OTHER, ONE), st.tuples(st.just("swap"), ONE, ONE))


@dataclass
class Member:
    """A contact in an audience: the address of its row, and its rows, which the ledger knows."""

    address: str
    rows: set[tuple[str, str]] = field(default_factory=set)


class Model:
    """Who has the tag, and why. Contacts are ids; rows are a stream and what names the contact."""

    def __init__(self, scene: Scene) -> None:
        """Nothing was written."""
        self.scene = scene
        self.tagged: set[int] = set()
        self.is_known_grant = False
        #: By contact, the streams that gave it the tag, once an audience did.
        self.grantors: dict[int, set[str]] = {}
        #: The names, addresses and ids, to which streams give that are no audience.
        self.names: set[str] = set()
        #: Contacts that an import of another stream may have given the tag.
        self.doubtful: set[int] = set()
        #: What the ledger has of a row: the contact, and the version of the row.
        self.confirmed: dict[tuple[str, str], tuple[int, Any]] = {}
        self.members: dict[str, dict[int, Member]] = {name: {} for name in AUDIENCES}

    def contact(self, email: str) -> int | None:
        """Return the contact that has an address now."""
        contact = self.scene.world.find_contact(email)
        return None if contact is None else int(contact.id)

    def address(self, contact: int) -> str:
        """Return the present address of a contact."""
        return str(self.scene.world.tables["contacts"][contact].email)

    def give(self, stream: str, name: str, contact: int, version: Any) -> None:
        """Let a stream that is no audience give the tag."""
        if self.confirmed.get((stream, name), (0, None))[1] == version:
            return
        self.confirmed[stream, name] = contact, version
        self.tagged.add(contact)
        if self.is_known_grant:
            self.names.add(name)
            if self.grantors.get(contact):
                self.grantors[contact].add(stream)

    def remove(self, email: str, contact: int) -> None:
        """Let a pair remove the tag."""
        if self.confirmed.get(("pair", email), (0, None))[1] == "removed":
            return
        self.confirmed["pair", email] = contact, "removed"
        self.tagged.discard(contact)
        if self.is_known_grant:
            self.grantors.pop(contact, None)
            self.names -= {email, str(contact)}
            self.doubtful.discard(contact)

    def audience(self, name: str, people: set[str], version: int, contacts: dict[str, int]) -> None:
        """Write the rows of an audience; ``contacts`` are those of the addresses after it."""
        mine, found = self.members[name], set()
        for email in people:
            known, last = self.confirmed.get((name, email), (contacts[email], None))
            contact = known if last == version else contacts[email]
            if last != version:
                self.confirmed[name, email] = contact, version
                self.is_known_grant = True
                if self.grantors.get(contact) or contact not in self.tagged:
                    self.grantors.setdefault(contact, set()).add(name)
                self.tagged.add(contact)
            rows = mine[contact].rows if contact in mine else set()
            mine[contact] = Member(email, {*rows, (name, email)})
            found.add(contact)
        self._found = found

    def end(self, name: str, people: set[str]) -> None:
        """Let contacts leave whose rows are gone."""
        mine = self.members[name]
        gone = [c for c, m in mine.items() if m.address not in people and c not in self._found]
        for contact in gone:
            for row in mine[contact].rows:
                self.confirmed.pop(row, None)
            present = self.address(contact)
            if present in people:
                mine[contact].address = present
                continue
            del mine[contact]
            grantors = self.grantors.get(contact, set())
            for other in set(AUDIENCES) - {name}:
                self._join(other, contact, present)
            is_kept = {present, str(contact)} & self.names
            if grantors == {name} and not is_kept:
                self.tagged.discard(contact)
            grantors.discard(name)

    def _join(self, name: str, contact: int, present: str) -> None:
        """Let a leaver join another audience that has a row of its present address."""
        mine = self.members[name]
        named = {one: member for one, member in mine.items() if member.address == present}
        if not named or contact in mine:
            return
        mine[contact] = Member(present, set().union(*(member.rows for member in named.values())))
        if self.grantors.get(contact) and any(
            name in self.grantors.get(one, set()) for one in named
        ):
            self.grantors[contact].add(name)


class Story:
    """An account, its model, and the steps of a story."""

    def __init__(self, scene: Scene) -> None:
        """Let two audiences and two other streams write into an account."""
        self.scene, self.model = scene, Model(scene)
        scene.settings["stream_aliases"] |= {"plain": "marketing_contacts"}
        scene.settings["unknown_columns"] = "ignore"

    def run(self, stream: str, keys: list[str], *rows: dict[str, Any]) -> Run:
        """Send the rows of a stream. Streams of one target stream have rows of their own."""
        messages = [schema_of(stream, [*keys, "source"])]
        messages += [
            {"type": "RECORD", "stream": stream, "record": {"source": stream, **row}}
            for row in rows
        ]
        run = self.scene.run(*messages, state_of(1))
        assert run.code == 0
        assert sorted(one["row"] for one in run.results if one["row"]) == list(
            range(1, len(rows) + 1)
        )
        self.scene.world.settle(at_once=True)
        self.scene.clock.sleep(100)
        return run

    def step(self, kind: str, *what: Any) -> None:
        """Take a step, and compare the account with the model."""
        model = self.model
        before = {name: contact for name in PEOPLE if (contact := model.contact(name))}
        if kind in AUDIENCES:
            self._audience(kind, *what)
        elif kind == "swap":
            self._swap(*what)
        elif kind == "by hand":
            self.scene.add(what[0], "trial")
            model.tagged.add(model.contact(what[0]) or 0)
        elif kind in {"plain", "imported"} or what[0] in before:
            self._other(kind, what[0])
        self._check()

    def _audience(self, name: str, people: set[str], version: int, is_complete: bool) -> None:
        rows = [
            {"email": one, "tags": ["trial"], "first_name": f"V{version}"} for one in sorted(people)
        ]
        if not is_complete:
            rows.append({"email": "x"})
        self.run(name, ["email"], *rows)
        contacts = {email: self.model.contact(email) or 0 for email in people}
        self.model.audience(name, people, version, contacts)
        if is_complete and people:
            self.model.end(name, people)

    def _swap(self, first: str, second: str) -> None:
        """Swap two addresses; where one of them is free, a contact moves to it."""
        world, model = self.scene.world, self.model
        one, other = model.contact(first), model.contact(second)
        if first == second:
            return
        for contact in filter(None, (one, other)):
            world.edit_contact(contact, email=f"between{contact}@shop.example")
        for contact, email in ((one, second), (other, first)):
            if contact:
                world.edit_contact(contact, email=email)

    def _other(self, kind: str, email: str) -> None:
        model = self.model
        if kind in {"plain", "imported"}:
            more = [f"more{n}@shop.example" for n in range(10)] if kind == "imported" else []
            rows = [{"email": one, "tags": ["trial"]} for one in (email, *more)]
            self.run("plain", ["email"], *rows)
            contact = model.contact(email) or 0
            grantors = model.grantors.get(contact)
            is_sent = ("plain", email) not in model.confirmed
            model.give("plain", email, contact, True)
            if kind == "imported" and is_sent and grantors and grantors & set(AUDIENCES):
                # The importer does not say which contact it wrote.
                grantors.discard("plain")
                model.doubtful.add(contact)
            for one in more:
                model.give("plain", one, model.contact(one) or 0, True)
            return
        contact = model.contact(email) or 0
        pair: dict[str, Any] = {"tag_name": "trial", "status": "applied"}
        if kind == "pair by id":
            self.run("marketing_contact_tags", ["contact_id"], pair | {"contact_id": str(contact)})
            model.give("pair", str(contact), contact, "applied")
        elif kind == "pair":
            self.run("marketing_contact_tags", ["email"], pair | {"email": email})
            model.give("pair", email, contact, "applied")
        else:
            removed = {"email": email, "status": "removed"}
            self.run("marketing_contact_tags", ["email"], pair | removed)
            model.remove(email, contact)

    def _check(self) -> None:
        tables = self.scene.world.tables
        tag = next((one.id for one in tables["tags"] if one.tag == "trial"), 0)
        found = {int(row.contact) for row in tables["contactTags"] if row.tag == tag}
        kept = (found - self.model.tagged) & self.model.doubtful
        self.model.tagged |= kept
        assert found == self.model.tagged


@settings(max_examples=length.of(60, 3000), deadline=None, suppress_health_check=list(HealthCheck))
@given(story=st.lists(STEP, min_size=6, max_size=14))
def test_random_stories_in_which_addresses_move(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[Any, ...]]
) -> None:
    """After each step, the contacts with the tag are those to which some stream gives it.

    No contact loses what another stream gives to it, or to its present address. A contact that
    leaves the last audience loses what nothing else gives, whatever address it has by then.
    """
    found = Story(Scene(tmp_path_factory.mktemp("story")))
    for step in story:
        found.step(*step)
