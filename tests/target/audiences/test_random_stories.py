"""Random audiences, streams, users and interruptions: a small model gives the expected tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import length
from tests.target.runner import state_of, stream_of

from .scene import Scene, messages_of, row_of

if TYPE_CHECKING:
    import pytest

PEOPLE = [f"p{n}@shop.example" for n in range(12)]
AUDIENCES = ("trial", "buyers")
FEW = PEOPLE[:3]
SOME = st.sets(st.sampled_from(FEW)) | st.sets(st.sampled_from(PEOPLE))
STEP = st.one_of(
    st.tuples(st.sampled_from(AUDIENCES), SOME, st.booleans()),
    st.tuples(st.just("other"), st.sampled_from(FEW)),
    st.tuples(st.just("by hand"), st.sampled_from(FEW)),
    st.tuples(st.just("removed"), st.sampled_from(FEW)),
)


class Model:
    """The contacts that have the tag, the streams that gave it, and their last rows.

    Where the streams write to one stream of the target (``is_shared``), they share its rows.
    """

    def __init__(self, *, is_shared: bool) -> None:
        """No contact exists."""
        self.is_shared = is_shared
        #: By person, the streams that are known to deliver the shared row.
        self.shared: dict[str, set[str]] = {}
        self.tagged: set[str] = set()
        self.givers: dict[str, set[str]] = {}
        self.members: dict[str, set[str]] = {name: set() for name in AUDIENCES}
        self.confirmed: dict[str, set[str]] = {name: set() for name in (*AUDIENCES, "other")}

    def give(self, stream: str, person: str, *, is_audience: bool) -> None:
        """Write a row; a confirmed row is not sent."""
        if self.is_confirmed(stream, person):
            return
        self.confirmed[stream].add(person)
        is_new = person not in self.tagged
        self.tagged.add(person)
        if is_audience and (is_new or self.givers.get(person)):
            self.givers.setdefault(person, set()).add(stream)
        elif self.givers.get(person):
            self.givers[person].add(stream)

    def is_confirmed(self, stream: str, person: str) -> bool:
        """Return whether a row is not sent; a shared one is sent for each stream of an audience."""
        if not self.is_shared:
            return person in self.confirmed[stream]
        is_known = person in self.shared
        known = self.shared.setdefault(person, set())
        is_sent = not is_known or bool(known & set(AUDIENCES) and stream not in known)
        if stream in AUDIENCES or known & set(AUDIENCES):
            known.add(stream)
        return not is_sent

    def end(self, audience: str, people: set[str], *, is_complete: bool) -> None:
        """Send an audience, and let contacts leave if its input is complete."""
        for person in sorted(people):
            self.give(audience, person, is_audience=True)
        self.members[audience] |= people
        if not is_complete or not people:
            return
        for person in self.members[audience] - people:
            self.confirmed[audience].discard(person)
            self.shared.pop(person, None)
            givers = self.givers.get(person, set())
            if givers == {audience}:
                self.tagged.discard(person)
            givers.discard(audience)
        self.members[audience] = set(people)


@settings(
    max_examples=length.of(40, 1500),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(story=st.lists(STEP, min_size=2, max_size=9), is_shared=st.booleans())
def test_random_stories(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[Any, ...]], *, is_shared: bool
) -> None:
    """After every step each contact has the tag if some stream gave it and has not removed it.

    This holds for audiences and streams with rows of their own, and with equal rows of one stream.
    """
    scene, model = Scene(tmp_path_factory.mktemp("story")), Model(is_shared=is_shared)
    if is_shared:
        scene.settings["stream_aliases"]["buyers"] = "crm_contacts"
    for kind, who, *more in story:
        if kind in AUDIENCES:
            is_complete = more[0]
            messages = messages_of(*sorted(who), stream=kind)
            if not is_complete:
                messages.insert(-1, {"type": "RECORD", "stream": kind, "record": {"email": "x"}})
            assert scene.run(*messages).code == 0
            model.end(kind, who, is_complete=is_complete)
        elif kind == "other":
            row = {"email": who, "tag_name": "trial"}
            if is_shared:
                assert scene.run(*stream_of("crm_contacts", row_of(who)), state_of(1)).code == 0
                model.give("other", who, is_audience=False)
            elif scene.world.find_contact(who) is not None:
                assert scene.run(*stream_of("marketing_contact_tags", row), state_of(1)).code == 0
                model.give("other", who, is_audience=False)
        elif kind == "by hand":
            scene.add(who, "trial")
            model.tagged.add(who)
        elif scene.world.find_contact(who) is not None and who in model.tagged:
            row = {"email": who, "tag_name": "trial", "status": "removed"}
            scene.run(
                *stream_of("marketing_contact_tags", row, keys=["email"]), state_of(1), force=True
            )
            model.tagged.discard(who)
            model.givers.pop(who, None)
        scene.world.settle(at_once=True)
        found = {
            one.email for one in scene.world.tables["contacts"] if "trial" in scene.tags(one.email)
        }
        assert found == model.tagged, (kind, who)
