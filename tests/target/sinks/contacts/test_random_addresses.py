"""Random rows that change addresses or name contacts by them: a model writes them in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import length
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    import pytest

    from tests.sandbox import World

COUNT = 4
ADDRESSES = [f"p{n}@shop.example" for n in range(COUNT + 2)]
ROW = st.one_of(
    st.tuples(st.integers(1, COUNT), st.sampled_from(ADDRESSES)),
    st.tuples(st.integers(1, COUNT), st.sampled_from(ADDRESSES)),
    st.tuples(st.none(), st.sampled_from(ADDRESSES)),
    st.tuples(st.integers(1, COUNT), st.none()),
)
RULE = {"on_leave": ["remove_tags"], "max_leave_share": 1}
Row = tuple[int | None, str | None]


@dataclass
class Contact:
    """A contact of the model."""

    email: str
    name: str = "Own"
    tags: set[str] = field(default_factory=set)


class Model:
    """Writes rows one by one; rows whose address is taken wait for the end."""

    def __init__(self) -> None:
        """Create the contacts that rows may name by id."""
        self.contacts = {n + 1: Contact(ADDRESSES[n]) for n in range(COUNT)}
        self.actions: dict[int, str] = {}

    def write(self, rows: list[Row]) -> None:
        """Write an input."""
        waiting = [number for number, row in enumerate(rows, 1) if not self._write(number, row)]
        while waiting:
            left = [number for number in waiting if not self._write(number, rows[number - 1])]
            if len(left) == len(waiting):
                self.actions |= dict.fromkeys(left, "rejected")
                return
            waiting = left

    def _write(self, number: int, row: Row) -> bool:
        """Write a row; return whether its address was free."""
        native_id, email = row
        owner = next((one for one, who in self.contacts.items() if who.email == email), None)
        if native_id is not None and owner not in {None, native_id}:
            return False
        contact = native_id or owner or max(self.contacts) + 1
        self.actions[number] = "updated" if contact in self.contacts else "created"
        known = self.contacts.setdefault(contact, Contact(email or ""))
        known.email, known.name = email or known.email, f"N{number}"
        known.tags.add(f"t{number}")
        return True


def content(world: World) -> dict[str, tuple[int, str, set[str]]]:
    """Return by address the id, the first name and the tags of each contact."""
    tags = world.tables["tags"]
    return {
        one.email: (
            one.id if one.id <= COUNT else 0,
            one.firstName,
            {tags[row.tag].tag for row in world.tables["contactTags"].by("contact", one.id)},
        )
        for one in world.tables["contacts"]
    }


@settings(max_examples=length.of(60, 2000), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(ROW, min_size=2, max_size=14),
    stream=st.sampled_from(["crm_contacts", "marketing_contacts"]),
    batch_rows=st.sampled_from([1, 3, 50]),
    bulk_import=st.sampled_from(["auto", "always", "never"]),
    seed=st.none() | st.integers(0, 99),
    has_audience=st.booleans(),
)
def test_rows_that_change_addresses_are_written_in_their_order(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Row],
    stream: str,
    batch_rows: int,
    bulk_import: str,
    seed: int | None,
    *,
    has_audience: bool,
) -> None:
    """Each row is written to the contact that it means after the rows before it, or is rejected.

    A row whose new address another contact has is written after the others. What is rejected
    changes nothing, and no other row is rejected with it.
    """
    clock = ManualClock()
    world = world_of(clock, is_empty=True)
    for email in ADDRESSES[:COUNT]:
        world.add_contact(email, firstName="Own")
    runner = TargetRunner(world, clock, tmp_path_factory.mktemp("addresses"), seed)
    runner.batch_rows = batch_rows
    records: list[dict[str, Any]] = [
        {"n": number, "tags": [f"t{number}"], "first_name": f"N{number}"}
        | ({"id": str(native_id)} if native_id else {})
        | ({"email": email} if email else {})
        for number, (native_id, email) in enumerate(rows, 1)
    ]
    run = runner.run(
        *stream_of(stream, *records, keys=["n"]),
        state_of(1),
        allow_email_change=True,
        unknown_columns="ignore",
        bulk_import=bulk_import,
        **({"audiences": {stream: RULE}} if has_audience else {}),
    )
    world.settle(at_once=True)
    model = Model()
    model.write(rows)
    assert {
        who.email: (one if one <= COUNT else 0, who.name, who.tags)
        for one, who in model.contacts.items()
    } == content(world)
    for one in run.results:
        is_rejected = model.actions[one["row"]] == "rejected"
        assert (one["action"] == "rejected") is is_rejected, one
    assert sorted(one["row"] for one in run.results) == list(range(1, len(rows) + 1))
    assert run.code == 0
