"""The control group where rows name a contact by id and have another address than the contact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from target_activecampaign.holdout import position_of
from target_activecampaign.sinks.contacts.address_changes import ADDRESS_HELD_OUT
from tests import length
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner

if TYPE_CHECKING:
    from tests.sandbox import World

PERCENT = 40
ADDRESSES = [f"p{n}@shop.example" for n in range(60)]
HELD = [address for address in ADDRESSES if position_of(address, "") < PERCENT]
TREATED = [address for address in ADDRESSES if address not in HELD]
SETTINGS = {"holdout_percent": PERCENT, "allow_email_change": True}
STREAMS = ("crm_contacts", "marketing_contacts")


def person(world: World, email: str) -> dict[str, Any]:
    """Add a contact; return its id as rows have it."""
    return {"id": str(world.add_contact(email, firstName="Own").id)}


def content(world: World) -> dict[int, tuple[str, str]]:
    """Return the address and first name of each contact of these tests."""
    return {
        contact.id: (contact.email, contact.firstName)
        for contact in world.tables["contacts"]
        if contact.email in ADDRESSES
    }


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("new", [HELD[1], TREATED[1]])
def test_a_held_out_contact_stays_held_out_whatever_address_its_row_has(
    runner: TargetRunner, stream: str, new: str
) -> None:
    """The address that the contact has decides: nothing is written, the address neither."""
    row = person(runner.world, HELD[0]) | {"email": new, "first_name": "New", "tags": ["x"]}
    before = content(runner.world)
    for _ in range(2):
        run = runner.send(stream, row, **SETTINGS)
        assert (run.actions, run.reason(), run.writes) == (["skipped"], "held out", [])
        assert content(runner.world) == before
    assert runner.send(stream, row, allow_email_change=True).actions == ["updated"]
    assert content(runner.world) == {int(row["id"]): (new, "New")}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_treated_contact_gets_no_address_of_the_control_group(
    runner: TargetRunner, stream: str
) -> None:
    """The rest of the row is written; the address is changed when the control group ends."""
    row = person(runner.world, TREATED[0]) | {"email": HELD[0], "first_name": "New"}
    run = runner.send(stream, row, **SETTINGS)
    assert (run.actions, run.reason()) == (["updated"], ADDRESS_HELD_OUT)
    again = runner.send(stream, row, **SETTINGS)
    assert (again.actions, again.reason(), again.writes) == (["skipped"], ADDRESS_HELD_OUT, [])
    assert content(runner.world) == {int(row["id"]): (TREATED[0], "New")}
    assert runner.send(stream, row, allow_email_change=True).actions == ["updated"]
    assert content(runner.world) == {int(row["id"]): (HELD[0], "New")}


def test_a_treated_contact_gets_another_address_of_its_group(runner: TargetRunner) -> None:
    """A change of address within the treated group is written."""
    row = person(runner.world, TREATED[0]) | {"email": TREATED[1]}
    assert runner.send("crm_contacts", row, **SETTINGS).actions == ["updated"]
    assert content(runner.world) == {int(row["id"]): (TREATED[1], "Own")}


@pytest.mark.parametrize("new", [HELD[1], TREATED[1]])
def test_an_unsubscription_of_a_held_out_contact_changes_no_address(
    runner: TargetRunner, new: str
) -> None:
    """Of a held-out contact's row with another address, only the unsubscription is written."""
    news = runner.world.add_list("News")
    row = person(runner.world, HELD[0])
    runner.world.subscribe(int(row["id"]), news.id, 1)
    leave = {"segments": [{"name": "News", "status": "unsubscribed"}]}
    run = runner.send("crm_contacts", row | leave | {"email": new}, **SETTINGS)
    assert (run.actions, run.reason()) == (["updated"], "held out")
    assert content(runner.world) == {int(row["id"]): (HELD[0], "Own")}
    rows = runner.world.tables["contactLists"].by("contact", int(row["id"]))
    assert [membership.status for membership in rows] == [2]


@pytest.mark.parametrize(
    ("stream", "columns"),
    [
        ("marketing_contact_tags", {"tag_name": "x"}),
        ("marketing_segment_memberships", {"segment_name": "News"}),
        ("crm_notes", {"content": "N"}),
    ],
)
@pytest.mark.parametrize("is_held", [True, False])
def test_a_row_that_names_id_and_address_belongs_to_the_contact_of_the_id(
    runner: TargetRunner, stream: str, columns: dict[str, Any], is_held: bool
) -> None:
    """The id decides to which contact such a row is written, and so who is held out."""
    runner.world.add_list("News")
    present, named = (HELD[0], TREATED[0]) if is_held else (TREATED[0], HELD[0])
    contact = {"contact": person(runner.world, present) | {"email": named}}
    run = runner.send(stream, columns | contact, holdout_percent=PERCENT)
    assert (run.actions == ["skipped"], run.reason() == "held out") == (is_held, is_held)
    assert (run.writes == []) is is_held


def test_an_event_belongs_to_the_address_that_it_names(runner: TargetRunner) -> None:
    """An event goes to the address of its row: that address decides."""
    keys = {"event_account_id": runner.world.event_account_id, "event_key": runner.world.event_key}
    contact = {"contact": person(runner.world, TREATED[0]) | {"email": HELD[0]}}
    run = runner.send("marketing_events", {"name": "signup"} | contact, **SETTINGS, **keys)
    assert (run.actions, run.reason()) == (["skipped"], "held out")


def test_a_row_with_another_address_is_rejected_without_the_setting(runner: TargetRunner) -> None:
    """Without `allow_email_change` such a row is not written, and costs no request of its own."""
    rows = [person(runner.world, HELD[0]) | {"email": TREATED[0]}]
    rows += [person(runner.world, TREATED[1]) | {"email": HELD[1]}]
    run = runner.send("crm_contacts", *rows, holdout_percent=PERCENT)
    assert run.actions == ["rejected", "skipped"]
    assert run.requests == [("GET", f"contacts/{rows[0]['id']}")]


@pytest.mark.parametrize(("is_allowed", "most"), [(False, 5), (True, 10)])
def test_rows_with_id_and_address_cost_a_request_per_hundred(
    runner: TargetRunner, is_allowed: bool, most: int
) -> None:
    """Of 500 rows, the target reads the rows that may change group: 100 contacts in one request."""
    rows = [
        person(runner.world, f"x{n}@shop.example") | {"email": f"x{n}@shop.example"}
        for n in range(500)
    ]
    settings = SETTINGS | {"allow_email_change": is_allowed, "bulk_import": "never"}
    run = runner.send("crm_contacts", *rows, **settings)
    held = run.actions.count("skipped")
    assert 150 < held < 250
    assert run.requests.count(("GET", "contacts")) <= most


MOVES = st.lists(
    st.tuples(st.sampled_from(range(6)), st.sampled_from(ADDRESSES[:16]), st.booleans()),
    min_size=1,
    max_size=8,
)


@settings(max_examples=length.of(30, 1000), deadline=None, suppress_health_check=list(HealthCheck))
@given(inputs=st.lists(MOVES, min_size=1, max_size=3), stream=st.sampled_from(STREAMS))
def test_no_change_of_an_address_changes_the_group_of_a_contact(
    tmp_path_factory: pytest.TempPathFactory,
    inputs: list[list[tuple[int, str, bool]]],
    stream: str,
) -> None:
    """After any rows each contact stays in its group, and a held-out contact is unchanged."""
    clock = ManualClock()
    world = world_of(clock, is_empty=True)
    runner = TargetRunner(world, clock, tmp_path_factory.mktemp("holdout"))
    people = [world.add_contact(email, firstName="Own").id for email in ADDRESSES[:6]]
    before = content(world)
    for rows in inputs:
        records = [
            {"email": email, "first_name": "New"}
            | ({"id": str(people[person_id])} if is_by_id else {})
            for person_id, email, is_by_id in rows
        ]
        run = runner.send(stream, *records, **SETTINGS)
        assert len(run.results) == len(records)
        for native_id, (email, name) in before.items():
            now = content(world)[native_id]
            assert (now[0] in HELD) is (email in HELD)
            assert email not in HELD or now == (email, name)
        created = {email for email, _ in content(world).values()} - set(ADDRESSES[:6])
        assert created.isdisjoint(HELD)
