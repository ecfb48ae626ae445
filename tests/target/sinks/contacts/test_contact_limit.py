"""The account's contact limit: contacts within it are created, the others wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tap.client.lab import LabClock, world_of
from tests.target.lab import Lab, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World

BOTH_WAYS = pytest.mark.parametrize("count", [4, 40])
ACCOUNT = ("GET", "settings/account")


def people(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Return rows of so many people."""
    return [{"email": f"p{n}@shop.example", "first_name": "P"} for n in range(first, first + count)]


def leave_room(world: World, room: int) -> None:
    """Leave room for so many more contacts in the account."""
    world.contact_limit = len(world.tables["contacts"]) + room


@BOTH_WAYS
@pytest.mark.parametrize("shape", ["wrapped", "bare"])
def test_what_fits_is_created_and_the_rest_is_held(lab: Lab, count: int, shape: str) -> None:
    """Of `count` new contacts all but two are created; two wait for a run with room."""
    lab.world.switches.account_settings = shape
    leave_room(lab.world, count - 2)
    before = len(lab.world.tables["contacts"])
    run = lab.send("crm_contacts", *people(count))
    assert (run.code, run.states) == (1, [])
    assert [run.actions.count(one) for one in ("created", "skipped")] == [count - 2, 2]
    assert "left for another run" in run.reason(count)
    assert "no room for another contact" in run.report["problem"]
    assert len(lab.world.tables["contacts"]) == before + count - 2
    leave_room(lab.world, 10)
    later = lab.send("crm_contacts", *people(count))
    assert (later.code, len(later.states)) == (0, 1)
    assert later.actions == ["unchanged"] * (count - 2) + ["created"] * 2


@BOTH_WAYS
def test_known_people_are_updated_in_a_full_account(lab: Lab, count: int) -> None:
    """A full account accepts every change of its contacts, and no new contact."""
    rows = people(count)
    for row in rows:
        lab.world.add_contact(row["email"].upper())
    leave_room(lab.world, 0)
    run = lab.send("crm_contacts", *rows, *people(1, first=count))
    assert run.actions.count("skipped") == 1
    assert run.actions.count("updated") == count
    assert run.reason(count + 1).startswith("respect_contact_limit")


@BOTH_WAYS
def test_the_limit_can_be_left_to_activecampaign(lab: Lab, count: int) -> None:
    """With `respect_contact_limit: false` the limit is not read, and all contacts are created."""
    leave_room(lab.world, 0)
    run = lab.send("crm_contacts", *people(count), respect_contact_limit=False)
    assert (run.code, set(run.actions)) == (0, {"created"})
    assert ACCOUNT not in run.requests


def test_the_limit_costs_one_request_and_none_without_new_people(lab: Lab) -> None:
    """A run reads the limit once before its first new contact, for any number of batches.

    Rows that the ledger knows, and rows with an id, do not read it.
    """
    lab.batch_rows = 3
    run = lab.send("crm_contacts", *people(12))
    assert run.requests.count(ACCOUNT) == 1
    assert run.requests[0] == ACCOUNT
    changed = [{**row, "first_name": "New"} for row in people(12)]
    again = lab.send("crm_contacts", *changed)
    assert set(again.actions) == {"updated"}
    assert ACCOUNT not in again.requests
    known = lab.world.add_contact("known@shop.example")
    by_id = lab.send("crm_contacts", {"id": str(known.id), "first_name": "New"})
    assert by_id.actions == ["updated"]
    assert ACCOUNT not in by_id.requests


def test_a_key_that_may_not_read_the_limit_keeps_none(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    """For a key that may not read the limit one line is logged, and no row is held."""
    caplog.set_level("INFO")
    leave_room(lab.world, 0)
    lab.world.faults.forbid("/api/3/settings/account")
    lab.batch_rows = 2
    before = lab.clock.monotonic()
    run = lab.send("crm_contacts", *people(6))
    assert (run.code, set(run.actions)) == (0, {"created"})
    lines = [one.getMessage() for one in caplog.records if "contact limit" in one.getMessage()]
    assert len(lines) == 1
    assert lines[0] == "The account's contact limit is not known (403): no limit is kept"
    assert run.requests.count(ACCOUNT) == 2
    assert lab.clock.monotonic() - before < 15


def test_a_dry_run_says_how_many_do_not_fit(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """A dry run names the new contacts and the room, and plans those that fit."""
    caplog.set_level("INFO")
    lab.world.add_contact("p0@shop.example")
    leave_room(lab.world, 1_000)
    rows = people(1_201)
    lab.batch_rows = 500
    run = lab.send("crm_contacts", *rows, *rows[:5], dry_run=True)
    said = [one for one in caplog.messages if one.startswith("Dry run: creates")]
    assert said == ["Dry run: creates 1,200 contacts; the account has room for 1,000"]
    assert run.report["plan"]["contacts"] == {"created": 1_200, "room": 1_000}
    assert run.actions.count("skipped") == 200
    assert run.writes == []


@BOTH_WAYS
def test_a_refusal_for_the_limit_holds_its_rows(lab: Lab, count: int) -> None:
    """If ActiveCampaign refuses contacts for the limit, their rows are held, not rejected."""
    lab.world.switches.over_limit = "refused"
    leave_room(lab.world, 0)
    run = lab.send("crm_contacts", *people(count), respect_contact_limit=False)
    assert (run.code, run.states, set(run.actions)) == (1, [], {"skipped"})
    assert "limit" in run.reason()
    leave_room(lab.world, count)
    later = lab.send("crm_contacts", *people(count))
    assert (later.code, set(later.actions)) == (0, {"created"})


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    known=st.sets(st.integers(0, 24)),
    order=st.lists(st.integers(0, 24), min_size=1, max_size=40),
    room=st.integers(0, 12),
    batch=st.integers(1, 40),
    imports=st.sampled_from(["auto", "never", "always"]),
    seed=st.none() | st.integers(0, 99),
)
def test_whatever_comes_exactly_what_fits_is_created(
    tmp_path_factory: Any,
    known: set[int],
    order: list[int],
    room: int,
    batch: int,
    imports: str,
    seed: int | None,
) -> None:
    """The account gets all new contacts or is exactly full, and a second run creates none.

    This holds for any mixture of new and known contacts, in batches of any size, concurrent or not.
    """
    folder: Path = tmp_path_factory.mktemp("limit")
    clock = LabClock()
    world = world_of(clock, is_empty=True)
    world.add_contact("owner@shop.example")
    for one in known:
        world.add_contact(f"p{one}@shop.example")
    leave_room(world, room)
    lab = Lab(world, clock, folder, seed)
    lab.batch_rows = batch
    rows = stream_of("crm_contacts", *[people(1, first=one)[0] for one in order], keys=["email"])
    new = set(order) - known
    for _ in range(2):
        run = lab.run(*rows, state_of(1), bulk_import=imports)
        assert len(world.tables["contacts"]) == 1 + len(known) + min(len(new), room)
        is_over = len(new) > room
        assert (run.code, bool(run.states)) == (int(is_over), not is_over)
        assert len(run.results) == len(order)
