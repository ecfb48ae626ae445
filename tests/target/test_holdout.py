"""The control group: the same people everywhere, and no row is written to them."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from target_activecampaign.holdout import position_of
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox import World

KNOWN = (70.5504351364843, 98.10492147798607)
PERCENT = 40
ADDRESSES = [f"p{n}@shop.example" for n in range(24)]
HELD_OUT = {address for address in ADDRESSES if position_of(address, "") < PERCENT}
EVERY = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def test_the_share_is_exact_within_statistics() -> None:
    """Of 100,000 addresses the held-out share is the percentage within four standard deviations."""
    positions = [position_of(f"person.{n}@shop{n % 7}.example", "salt") for n in range(100_000)]
    for percent in (1, 10, 50, 90):
        share = percent / 100
        count = sum(position < percent for position in positions)
        assert abs(count - 100_000 * share) < 4 * math.sqrt(100_000 * share * (1 - share))


def test_the_choice_is_the_same_on_every_machine_and_in_every_version() -> None:
    """The position of an address is a constant of address and salt."""
    assert position_of("ada@shop.example", "") == pytest.approx(KNOWN[0])
    assert position_of("ada@shop.example", "spring") == pytest.approx(KNOWN[1])


@given(st.emails(), st.text(max_size=20))
def test_the_spelling_of_an_address_does_not_matter(address: str, salt: str) -> None:
    """Case, outer blanks and the Unicode form of an address do not change who is held out."""
    for spelling in (address.upper(), f" {address}\n", unicodedata.normalize("NFD", address)):
        assert position_of(spelling, salt) == position_of(address, salt)


def picture(world: World) -> dict[str, Any]:
    """Return the contacts of an account with related rows, without ids and times."""
    tables = world.tables
    address = {contact.id: contact.email for contact in tables["contacts"]}
    return {
        "people": {
            contact.email: (contact.firstName, contact.phone) for contact in tables["contacts"]
        },
        "tags": {(address[applied.contact], applied.tag) for applied in tables["contactTags"]},
        "lists": {
            (address[membership.contact], membership.list, membership.status)
            for membership in tables["contactLists"]
        },
        "deals": {(deal.title, address.get(deal.contact)) for deal in tables["deals"]},
    }


def account_of(seed_people: list[str]) -> tuple[World, ManualClock]:
    """Return an account with a list, a pipeline and these people."""
    clock = ManualClock()
    world = world_of(clock, is_empty=True)
    world.add_list("Readers")
    pipeline = world.add_pipeline("Orders", autoassign=1)
    world.add_stage("Open", pipeline.id)
    for address in seed_people:
        world.add_contact(address)
    return world, clock


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {"email": st.sampled_from(ADDRESSES)},
        optional={
            "first_name": st.sampled_from(["A", "B"]),
            "tags": st.lists(st.sampled_from(["t1", "t2"]), max_size=2),
            "segments": st.just(["Readers"]),
        },
    ),
    max_size=30,
)
DEALS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["One", "Two", "Three"]),
            "contact__email": st.sampled_from(ADDRESSES),
            "pipeline__name": st.just("Orders"),
            "stage__name": st.just("Open"),
            "currency": st.just("EUR"),
        }
    ),
    max_size=6,
)
PAIRS = st.lists(
    st.fixed_dictionaries(
        {"email": st.sampled_from(ADDRESSES[:12]), "tag_name": st.sampled_from(["t1", "t3"])}
    ),
    max_size=10,
)


@EVERY
@given(people=PEOPLE, pairs=PAIRS, deals=DEALS, imports=st.sampled_from(["auto", "never"]))
def test_a_run_with_a_control_group_is_a_run_without_its_people(
    tmp_path_factory: Any,
    people: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    deals: list[dict[str, Any]],
    imports: str,
) -> None:
    """The account ends as if no row of a held-out person had come; each such row says why."""
    pictures = []
    for is_held_out in (True, False):
        world, clock = account_of(ADDRESSES[:12])
        runner = TargetRunner(world, clock, tmp_path_factory.mktemp("holdout"))
        runner.batch_rows = 9
        messages, kept = [], []
        for stream, key, rows in (
            ("crm_contacts", "email", people),
            ("marketing_contact_tags", "email", pairs),
            ("crm_opportunities", "contact__email", deals),
        ):
            chosen = [row for row in rows if is_held_out or row[key] not in HELD_OUT]
            kept += [row[key] for row in chosen]
            messages += stream_of(stream, *chosen)
        run = runner.run(
            *messages,
            state_of(1),
            holdout_percent=PERCENT if is_held_out else 0,
            bulk_import=imports,
            match_opportunities_on=["id", "name+contact"],
        )
        pictures.append(picture(world))
        if is_held_out:
            for result in run.results:
                is_ours = kept[result["row"] - 1] in HELD_OUT
                assert ((result["action"], result["reason"]) == ("skipped", "held out")) == is_ours
            assert run.code == 0
    assert pictures[0] == pictures[1]


@given(first=st.floats(0, 100), more=st.floats(0, 100), address=st.emails())
def test_a_larger_percentage_only_adds_people(first: float, more: float, address: str) -> None:
    """A person who is held out at one percentage is held out at every higher percentage."""
    low, high = sorted((first, more))
    assert not (position_of(address, "s") < low) or position_of(address, "s") < high


@pytest.fixture
def person(runner: TargetRunner) -> dict[str, Any]:
    """A held-out person of the account, with a deal and a list."""
    email = next(address for address in ADDRESSES if address in HELD_OUT)
    contact = runner.world.add_contact(email, firstName="Own")
    news = runner.world.add_list("News")
    runner.world.subscribe(contact.id, news.id, 1)
    pipeline = runner.world.add_pipeline("Sales", autoassign=1)
    stage = runner.world.add_stage("First", pipeline.id)
    runner.world.add_stage("Second", pipeline.id)
    deal = runner.world.add_deal("Deal", contact=contact.id, group=pipeline.id, stage=stage.id)
    return {"email": email, "id": str(contact.id), "deal": str(deal.id)}


ROWS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "contact by id": ("crm_contacts", lambda p: {"id": p["id"], "first_name": "New"}),
    "contact by address": ("marketing_contacts", lambda p: {"email": p["email"].upper()}),
    "contact by its primary address": (
        "crm_contacts",
        lambda p: {
            "email_addresses": [
                {"email": "other@shop.example"},
                {"email": p["email"], "is_primary": True},
            ]
        },
    ),
    "tag by id": ("marketing_contact_tags", lambda p: {"contact_id": p["id"], "tag_name": "x"}),
    "tag taken away": (
        "marketing_contact_tags",
        lambda p: {"contact": {"email": p["email"]}, "tag": "x", "status": "removed"},
    ),
    "list": (
        "marketing_segment_memberships",
        lambda p: {"email": p["email"], "segment_name": "News"},
    ),
    "note": ("crm_notes", lambda p: {"content": "N", "contact": {"id": p["id"]}}),
    "task": (
        "crm_tasks",
        lambda p: {"subject": "Call", "contact__email": p["email"], "due_at": "2031-01-01"},
    ),
    "event": ("marketing_events", lambda p: {"name": "signup", "contact": {"id": p["id"]}}),
    "deal by its contact": (
        "crm_opportunities",
        lambda p: {
            "id": p["deal"],
            "contact": [{"email": p["email"]}],
            "stage": {"name": "Second"},
        },
    ),
    "deal by its id": (
        "crm_opportunities",
        lambda p: {"id": p["deal"], "stage__name": "Second", "pipeline__name": "Sales"},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_no_stream_writes_to_a_held_out_contact(
    runner: TargetRunner, person: dict[str, Any], name: str
) -> None:
    """Whichever stream and column names the contact, the row is skipped and counted."""
    stream, row = ROWS[name]
    event = {"event_account_id": runner.world.event_account_id, "event_key": runner.world.event_key}
    run = runner.send(stream, row(person), holdout_percent=PERCENT, **event)
    assert run.actions == ["skipped"]
    assert run.reason() == "held out"
    assert run.writes == []
    assert run.report["streams"][stream]["reasons"] == {"skipped: held out": 1}
    without = runner.send(stream, row(person), **event)
    assert without.actions != ["skipped"]


def test_a_user_with_the_address_of_a_held_out_contact_is_written(
    runner: TargetRunner, person: dict[str, Any]
) -> None:
    """Users of the account are no contacts, whatever their address is."""
    group = next(iter(runner.world.tables["groups"]))
    row = {"email": person["email"], "username": "own", "name": "Own User", "password": "S3cret-77"}
    run = runner.send("directory_users", row | {"group": group.title}, holdout_percent=100)
    assert run.actions == ["created"]


@pytest.mark.parametrize(
    ("stream", "row"),
    [
        ("crm_contacts", {"segments": [{"name": "News", "status": "unsubscribed"}, "Other"]}),
        ("crm_contacts", {"SEGMENTS": '[{"name": "News", "status": "Opt-Out"}]'}),
        ("marketing_segment_memberships", {"segment_name": "News", "status": "unsubscribed"}),
    ],
)
def test_an_unsubscription_is_written_for_held_out_people_too(
    runner: TargetRunner, person: dict[str, Any], stream: str, row: dict[str, Any]
) -> None:
    """An opt-out is not part of an experiment: it is written, and nothing else of its row."""
    runner.world.add_list("Other")
    extra = {"first_name": "New", "tags": ["x"]} if stream == "crm_contacts" else {}
    run = runner.send(stream, {"email": person["email"], **row, **extra}, holdout_percent=PERCENT)
    assert run.actions == ["updated"]
    assert run.reason() == ("held out" if extra else "")
    seen = picture(runner.world)
    assert [membership[2] for membership in seen["lists"] if membership[0] == person["email"]] == [
        2
    ]
    assert seen["people"][person["email"]][0] == "Own"


def test_a_delete_is_written_for_held_out_people_too(
    runner: TargetRunner, person: dict[str, Any]
) -> None:
    """A person who asks to be deleted is deleted, control group or not."""
    row = {"email": person["email"], "_sdc_deleted_at": "2031-01-01T00:00:00Z"}
    settings = {"delete_mode": "delete", "max_deletes": 1, "holdout_percent": PERCENT}
    assert runner.send("crm_contacts", row, **settings).actions == ["updated"]


def test_rows_are_written_once_the_control_group_ends(runner: TargetRunner) -> None:
    """The ledger does not know what was held out: without the setting, the same rows are sent."""
    rows = [{"email": address, "first_name": "New", "tags": ["x"]} for address in ADDRESSES]
    first = runner.send("crm_contacts", *rows, holdout_percent=PERCENT)
    again = runner.send("crm_contacts", *rows, holdout_percent=PERCENT)
    assert first.actions.count("skipped") == again.actions.count("skipped") == len(HELD_OUT)
    assert again.writes == []
    after = runner.send("crm_contacts", *rows)
    assert after.actions.count("created") == len(HELD_OUT)
    # A row that is held out again is not unchanged.
    held = runner.send("crm_contacts", *rows, holdout_percent=PERCENT)
    assert held.actions.count("skipped") == len(HELD_OUT)


def test_rows_with_only_an_id_cost_a_request_per_hundred(runner: TargetRunner) -> None:
    """250 rows that name contacts by id alone cost three requests to look up their addresses."""
    people = [runner.world.add_contact(f"x{n}@shop.example") for n in range(750)][::3]
    rows = [{"id": str(person.id), "first_name": "New"} for person in people]
    run = runner.send("crm_contacts", *rows, holdout_percent=100)
    assert set(run.actions) == {"skipped"}
    assert run.requests == [("GET", "contacts")] * 3


def test_another_salt_chooses_other_people(runner: TargetRunner) -> None:
    """`holdout_salt` makes independent groups, so that two experiments do not share people."""
    rows = [{"email": address, "first_name": "New"} for address in ADDRESSES]
    run = runner.send("crm_contacts", *rows, holdout_percent=PERCENT, holdout_salt="autumn")
    chosen = {result["key"]["email"] for result in run.results if result["reason"] == "held out"}
    assert chosen == {address for address in ADDRESSES if position_of(address, "autumn") < PERCENT}
    assert chosen != HELD_OUT
