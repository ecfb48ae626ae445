"""The account's contact limit: contacts within it are created, the others wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World

BOTH_WAYS = pytest.mark.parametrize("count", [4, 40])
ACCOUNT = ("GET", "settings/account")


def people(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Return rows of so many people."""
    return [{"email": f"p{n}@shop.example", "first_name": "P"} for n in range(first, first + count)]


def set_free_contacts(world: World, free: int) -> None:
    """Set the contact limit so that so many more contacts fit."""
    world.contact_limit = len(world.tables["contacts"]) + free


@BOTH_WAYS
@pytest.mark.parametrize("shape", ["wrapped", "bare"])
def test_contacts_within_the_limit_are_created_and_the_others_are_held(
    runner: TargetRunner, count: int, shape: str
) -> None:
    """Of `count` new contacts all but two are created; two wait for a run in which they fit."""
    runner.world.switches.account_settings = shape
    set_free_contacts(runner.world, count - 2)
    before = len(runner.world.tables["contacts"])
    run = runner.send("crm_contacts", *people(count))
    assert (run.code, run.states) == (1, [])
    assert [run.actions.count(action) for action in ("created", "skipped")] == [count - 2, 2]
    assert "left for another run" in run.reason(count)
    assert "contact limit is reached" in run.report["problem"]
    assert len(runner.world.tables["contacts"]) == before + count - 2
    set_free_contacts(runner.world, 10)
    later = runner.send("crm_contacts", *people(count))
    assert (later.code, len(later.states)) == (0, 1)
    assert later.actions == ["unchanged"] * (count - 2) + ["created"] * 2


@BOTH_WAYS
def test_known_people_are_updated_in_a_full_account(runner: TargetRunner, count: int) -> None:
    """A full account accepts every change of its contacts, and no new contact."""
    rows = people(count)
    for row in rows:
        runner.world.add_contact(row["email"].upper())
    set_free_contacts(runner.world, 0)
    run = runner.send("crm_contacts", *rows, *people(1, first=count))
    assert run.actions.count("skipped") == 1
    assert run.actions.count("updated") == count
    assert run.reason(count + 1).startswith("respect_contact_limit")


@BOTH_WAYS
def test_a_person_whose_contact_has_another_address_is_a_new_contact(
    runner: TargetRunner, count: int
) -> None:
    """A row whose contact got another address needs room, also where the ledger has its id."""
    rows = people(count)
    runner.send("crm_contacts", *rows)
    moved = runner.world.find_contact(rows[0]["email"])
    runner.world.edit_contact(moved.id, email="new@shop.example")
    set_free_contacts(runner.world, 0)
    other = people(1, first=count)
    run = runner.send("crm_contacts", *({**row, "first_name": "New"} for row in rows), *other)
    assert run.actions == ["skipped", *["updated"] * (count - 1), "skipped"]


@BOTH_WAYS
def test_the_limit_can_be_left_to_activecampaign(runner: TargetRunner, count: int) -> None:
    """With `respect_contact_limit: false` the limit is not read, and all contacts are created."""
    set_free_contacts(runner.world, 0)
    run = runner.send("crm_contacts", *people(count), respect_contact_limit=False)
    assert (run.code, set(run.actions)) == (0, {"created"})
    assert ACCOUNT not in run.requests


def test_the_limit_costs_one_request_and_none_without_new_people(runner: TargetRunner) -> None:
    """A run reads the limit once before its first new contact, for any number of batches.

    Rows that the ledger knows, and rows with an id, do not read it.
    """
    runner.batch_rows = 3
    run = runner.send("crm_contacts", *people(12))
    assert run.requests.count(ACCOUNT) == 1
    assert run.requests[0] == ACCOUNT
    changed = [{**row, "first_name": "New"} for row in people(12)]
    again = runner.send("crm_contacts", *changed)
    assert set(again.actions) == {"updated"}
    assert ACCOUNT not in again.requests
    known = runner.world.add_contact("known@shop.example")
    by_id = runner.send("crm_contacts", {"id": str(known.id), "first_name": "New"})
    assert by_id.actions == ["updated"]
    assert ACCOUNT not in by_id.requests


def test_a_key_that_may_not_read_the_limit_keeps_none(
    runner: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """For a key that may not read the limit one line is logged, and no row is held."""
    caplog.set_level("INFO")
    set_free_contacts(runner.world, 0)
    runner.world.faults.forbid("/api/3/settings/account")
    runner.batch_rows = 2
    before = runner.clock.monotonic()
    run = runner.send("crm_contacts", *people(6))
    assert (run.code, set(run.actions)) == (0, {"created"})
    lines = [
        record.getMessage() for record in caplog.records if "contact limit" in record.getMessage()
    ]
    assert len(lines) == 1
    assert (
        lines[0]
        == "The account's contact limit is not known (403): the target creates every contact"
    )
    assert run.requests.count(ACCOUNT) == 2
    assert runner.clock.monotonic() - before < 15


@pytest.mark.parametrize(
    ("limit", "fits"),
    [("3", 1), (3.0, 1), (" 3 ", 1), (1, 0), (0, 2), ("", 2), (None, 2), ("no", 2)],
)
def test_the_limit_may_be_written_in_any_way(runner: TargetRunner, limit: Any, fits: int) -> None:
    """A limit as text or as a decimal number is kept; 0, or no number, is no limit."""
    for row in list(runner.world.tables["contacts"])[2:]:
        runner.world.delete_contact(row.id)
    runner.world.contact_limit = limit
    run = runner.send("crm_contacts", *people(2))
    assert run.actions == ["created"] * fits + ["skipped"] * (2 - fits)


@pytest.mark.parametrize("imports", ["never", "always"])
def test_contacts_that_others_create_during_a_run_use_room(
    runner: TargetRunner, imports: str
) -> None:
    """A run that takes longer than a minute sees the contacts that forms created meanwhile."""
    world, clock = runner.world, runner.clock
    set_free_contacts(world, 10)
    runner.batch_rows = 4

    def sign_up(world: World, method: str, *_: Any) -> None:
        if method == "POST" and not world.find_contact("form0@shop.example"):
            for n in range(3):
                world.add_contact(f"form{n}@shop.example")
            clock.sleep(61)

    world.before_request(sign_up)
    run = runner.send("crm_contacts", *people(12), bulk_import=imports)
    assert len(world.tables["contacts"]) == world.contact_limit
    assert (run.code, run.actions.count("created")) == (1, 7)
    assert run.requests.count(ACCOUNT) < 4


def test_a_dry_run_says_how_many_do_not_fit(
    runner: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """A dry run logs the new contacts and the account's free contacts, and plans those that fit."""
    caplog.set_level("INFO")
    runner.world.add_contact("p0@shop.example")
    set_free_contacts(runner.world, 1_000)
    rows = people(1_201)
    runner.batch_rows = 500
    run = runner.send("crm_contacts", *rows, *rows[:5], dry_run=True)
    lines = [message for message in caplog.messages if message.startswith("Dry run: creates")]
    assert lines == ["Dry run: creates 1,200 contacts; the account has room for 1,000"]
    assert run.report["plan"]["contacts"] == {"created": 1_200, "room": 1_000}
    assert run.actions.count("skipped") == 200
    assert run.writes == []


@BOTH_WAYS
def test_a_refusal_for_the_limit_holds_its_rows(runner: TargetRunner, count: int) -> None:
    """If ActiveCampaign refuses contacts for the limit, their rows are held, not rejected."""
    runner.world.switches.over_limit = "refused"
    set_free_contacts(runner.world, 0)
    run = runner.send("crm_contacts", *people(count), respect_contact_limit=False)
    assert (run.code, run.states, set(run.actions)) == (1, [], {"skipped"})
    assert "limit" in run.reason()
    set_free_contacts(runner.world, count)
    later = runner.send("crm_contacts", *people(count))
    assert (later.code, set(later.actions)) == (0, {"created"})


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    known=st.sets(st.integers(0, 24)),
    order=st.lists(st.integers(0, 24), min_size=1, max_size=40),
    free=st.integers(0, 12),
    batch=st.integers(1, 40),
    imports=st.sampled_from(["auto", "never", "always"]),
    seed=st.none() | st.integers(0, 99),
)
def test_any_input_creates_exactly_the_contacts_within_the_limit(
    tmp_path_factory: Any,
    known: set[int],
    order: list[int],
    free: int,
    batch: int,
    imports: str,
    seed: int | None,
) -> None:
    """The account gets all new contacts or is exactly full, and a second run creates none.

    This holds for any mixture of new and known contacts, in batches of any size, concurrent or not.
    """
    folder: Path = tmp_path_factory.mktemp("limit")
    clock = ManualClock()
    world = world_of(clock, is_empty=True)
    world.add_contact("owner@shop.example")
    for n in known:
        world.add_contact(f"p{n}@shop.example")
    set_free_contacts(world, free)
    runner = TargetRunner(world, clock, folder, seed)
    runner.batch_rows = batch
    rows = stream_of("crm_contacts", *[people(1, first=n)[0] for n in order], keys=["email"])
    new = set(order) - known
    for _ in range(2):
        run = runner.run(*rows, state_of(1), bulk_import=imports)
        assert len(world.tables["contacts"]) == 1 + len(known) + min(len(new), free)
        is_over = len(new) > free
        assert (run.code, bool(run.states)) == (int(is_over), not is_over)
        assert len(run.results) == len(order)
