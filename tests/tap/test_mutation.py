"""What moves while it is read: nothing that was there all along is missing."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tap.running import Account


class Gremlin:
    """Inserts, edits and deletes between any two requests, and remembers what it touched."""

    def __init__(self, account: Account, seed: int, rate: float) -> None:
        """Start with a seeded dice."""
        self._account, self._dice, self._rate = account, random.Random(seed), rate
        self.deleted: set[str] = set()
        self._made = 0

    def __call__(self, world, _method, _path, _query):
        """Act, now and then, before a request is answered."""
        self._account.moments.advance(0.3)
        if self._dice.random() > self._rate:
            return
        kind = self._dice.choice(["insert", "edit", "delete", "delete", "note", "deal", "tag"])
        contacts = list(world.tables["contacts"].ids())
        self._made += 1
        if kind == "insert":
            world.add_contact(f"new{self._made}@letters.example")
        elif kind == "edit":
            world.edit_contact(self._dice.choice(contacts), lastName=f"Edit {self._made}")
        elif kind == "delete" and len(contacts) > 30:
            for one in self._dice.sample(contacts[:40], 3):
                if one in world.tables["contacts"].ids():
                    world.delete_contact(one)
                    self.deleted.add(str(one))
        elif kind == "note":
            world.add_note("Subscriber", contacts[0], f"note {self._made}")
        elif kind == "deal":
            deals = list(world.tables["deals"].ids())
            if len(deals) > 20:
                world.delete_deal(self._dice.choice(deals))
        else:
            world.tag(self._dice.choice(contacts), 1)


def truth(world) -> dict[str, set[str]]:
    """Return the ids there are."""
    return {
        stream: {str(one) for one in world.tables[table].ids()}
        for stream, table in {
            "crm_contacts": "contacts",
            "marketing_contacts": "contacts",
            "crm_opportunities": "deals",
            "crm_notes": "notes",
            "crm_accounts": "accounts",
            "marketing_tags": "tags",
        }.items()
    }


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    rate=st.floats(0.05, 0.9),
    sideload=st.sampled_from(["auto", "never"]),
    by_id=st.booleans(),
    far=st.booleans(),
)
def test_what_was_there_all_along_is_never_missing(seed, rate, sideload, by_id, far):
    """Under any mutation between any two requests, read in any order, nothing is missing."""
    account = Account(contacts=460, deals=230, accounts=120, seed=seed, id_greater=by_id)
    account.order, account.reads_far_ahead = seed, far
    before = truth(account.world)
    account.world.before_request(Gremlin(account, seed, rate))
    ran = account.run(sideload=sideload)
    account.world.hooks.clear()
    after = truth(account.world)
    for stream, ids in before.items():
        assert ids & after[stream] <= set(ran.ids(stream)), stream
        assert len(ran.ids(stream)) == len(set(ran.ids(stream))), stream
    # What changed meanwhile arrives at the next run at the latest: both runs are the account.
    account.wait(minutes=5)
    again = account.run(ran.state, sideload=sideload)
    known = ran.by_id("crm_contacts") | again.by_id("crm_contacts")
    assert after["crm_contacts"] <= set(known)
    for one in after["crm_contacts"]:
        row = account.world.tables["contacts"][int(one)]
        assert known[one]["last_name"] == (row.lastName or None)
        tagged = {str(a.tag) for a in account.world.tables["contactTags"].by("contact", int(one))}
        assert {tag["id"] for tag in known[one]["tags"]} == tagged
