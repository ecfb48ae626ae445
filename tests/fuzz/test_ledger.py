"""The ledger beside a plain dictionary: whatever is noted, however the process ends."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from target_activecampaign.ledger import Confirmed, Ledger
from tests import length

NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.sampled_from(["create", "link"])
IDS = st.none() | st.integers(1, 9).map(str)
CONTENT = st.dictionaries(
    st.sampled_from(["email", "custom_fields.x", "tags"]),
    st.none() | st.text(max_size=3) | st.integers() | st.lists(st.integers(0, 2), max_size=2),
    max_size=3,
)
MOMENTS = st.floats(0, 2e9)


class Notes:
    """What a ledger is to know, as dictionaries."""

    def __init__(self) -> None:
        """Know nothing."""
        self.confirmed: dict[str, tuple[str | None, dict[str, Any]]] = {}
        self.pending: dict[tuple[str, str], float] = {}
        self.copies: dict[tuple[str, str], str] = {}

    def copy(self) -> Notes:
        """Return the same, for a time when all may be taken back."""
        found = Notes()
        found.confirmed = dict(self.confirmed)
        found.pending, found.copies = dict(self.pending), dict(self.copies)
        return found


class LedgerMachine(RuleBasedStateMachine):
    """Notes in any order; between any two the process may end, be killed or start anew."""

    def __init__(self) -> None:
        """Begin with a new file."""
        super().__init__()
        self.folders = [Path(tempfile.mkdtemp(prefix="ledger-"))]
        self.notes = Notes()
        self.before: Notes | None = None  # what there was before the notes that belong together
        self.group: Any = None
        self.killed: list[Ledger] = []

    @initialize()
    def open(self) -> None:
        """Open the file that is there."""
        self.ledger = Ledger(self.folders[-1] / "ledger.sqlite", "acme")

    # --- notes ------------------------------------------------------------------------------

    @rule(name=NAMES, native_id=IDS, content=CONTENT)
    def confirm(self, name: str, native_id: str | None, content: dict[str, Any]) -> None:
        """What is confirmed stands beside what was; an id once known is not forgotten."""
        self.ledger.confirm(self.ledger.key(name), native_id, self.ledger.fields(content.items()))
        old_id, old = self.notes.confirmed.get(name, (None, {}))
        self.notes.confirmed[name] = (native_id or old_id, old | content)

    @rule(name=NAMES, native_id=st.integers(1, 9).map(str))
    def note_id(self, name: str, native_id: str) -> None:
        """An id alone changes no field."""
        self.ledger.note_id(self.ledger.key(name), native_id)
        self.notes.confirmed[name] = (native_id, self.notes.confirmed.get(name, (None, {}))[1])

    @rule(name=NAMES)
    def forget(self, name: str) -> None:
        """A row that is gone."""
        self.ledger.forget(self.ledger.key(name))
        self.notes.confirmed.pop(name, None)

    @rule(name=NAMES, step=STEPS, since=MOMENTS)
    def begin(self, name: str, step: str, since: float) -> None:
        """A create that is under way keeps the moment of its first attempt."""
        self.ledger.begin(self.ledger.key(name), step, since)
        self.notes.pending.setdefault((name, step), since)

    @rule(name=NAMES, step=STEPS)
    def settle(self, name: str, step: str) -> None:
        """A create that was answered."""
        self.ledger.settle(self.ledger.key(name), step)
        self.notes.pending.pop((name, step), None)

    @rule(family=STEPS, source=NAMES, own=st.integers(1, 9).map(str))
    def note_copy(self, family: str, source: str, own: str) -> None:
        """The latest copy counts."""
        self.ledger.note_copy(family, source, own)
        self.notes.copies[family, source] = own

    @rule(family=STEPS, source=NAMES)
    def drop_copy(self, family: str, source: str) -> None:
        """A copy that is gone."""
        self.ledger.drop_copy(family, source)
        self.notes.copies.pop((family, source), None)

    # --- notes that belong together ---------------------------------------------------------

    @rule()
    def join(self) -> None:
        """From here on all or none is noted; within such a group another changes nothing."""
        if self.group is None:
            self.before, self.group = self.notes.copy(), self.ledger.together()
            self.group.__enter__()
        else:
            with self.ledger.together():
                pass

    @rule(fails=st.booleans())
    def part(self, *, fails: bool) -> None:
        """All of them, or none when something was raised."""
        if self.group is None:
            return
        group, self.group = self.group, None
        if fails and self.before is not None:
            group.__exit__(KeyError, KeyError(), None)
            self.notes = self.before
        else:
            group.__exit__(None, None, None)
        self.before = None

    # --- ends of the process ----------------------------------------------------------------

    @rule()
    def reopen(self) -> None:
        """A run ends well, and the next one opens the file."""
        self.part(fails=False)
        self.ledger.close()
        self.open()

    @rule()
    def kill(self) -> None:
        """A run is killed: the next one finds what is on disk at this moment, and no half group."""
        folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        for one in self.folders[-1].iterdir():
            if not one.name.endswith("-shm"):  # memory that dies with its processes
                shutil.copy(one, folder / one.name)
        self.killed.append(self.ledger)
        if self.before is not None:
            self.notes, self.before = self.before, None
            self.group = None
        self.folders.append(folder)
        self.open()

    @rule(content=CONTENT)
    def plan(self, content: dict[str, Any]) -> None:
        """A dry run reads the same file and leaves nothing in it."""
        if self.group is not None:
            return
        dry = Ledger(self.folders[-1] / "ledger.sqlite", "acme", is_dry=True)
        dry.confirm(dry.key("a"), "77", dry.fields(content.items()))
        dry.forget(dry.key("b"))
        dry.begin(dry.key("c"), "create", 1.0)
        dry.settle(dry.key("a"), "create")
        dry.note_copy("link", "a", "77")
        dry.drop_copy("create", "b")
        assert dry.own_id("link", "a") == "77"
        dry.close()

    # --- what it knows ----------------------------------------------------------------------

    @invariant()
    def all_is_known(self) -> None:
        """Everything that was noted and nothing else."""
        if not hasattr(self, "ledger"):
            return
        ledger, notes = self.ledger, self.notes
        for name in ("a", "b", "c"):
            key = ledger.key(name)
            known = notes.confirmed.get(name)
            told = known and Confirmed(known[0], ledger.fields(known[1].items()))
            assert ledger.find(key) == told
            for step in ("create", "link"):
                assert ledger.pending(key, step) == notes.pending.get((name, step))
                assert ledger.own_id(step, name) == notes.copies.get((step, name))

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.part(fails=False)
        for one in (*self.killed, self.ledger):
            one.close()
        for folder in self.folders:
            shutil.rmtree(folder)


LedgerMachine.TestCase.settings = settings(
    max_examples=length.of(25, 2000), stateful_step_count=length.of(30, 80), deadline=None
)
TestAnyHistory = LedgerMachine.TestCase
