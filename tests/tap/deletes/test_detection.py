"""The tap emits one tombstone per deleted row to each pipeline, and none for a row that exists."""

from __future__ import annotations

import copy
import random
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.length import of
from tests.tap.deletes.tombstones import DELETED, PAIRS, all_deleted, deleted
from tests.tap.running import CONTACT_STREAMS, Account
from tests.tap.test_stops import stop_at

FULL = (
    "marketing_tags",
    "marketing_segments",
    "crm_stages",
    "crm_pipelines",
    "crm_users",
    "crm_fields",
    "directory_groups",
    "directory_users",
)


def delete_one_of_each(world):
    """Delete a row of every kind; return the expected tombstones."""
    contact, deal, account, note = 7, 5, 3, next(iter(world.tables["notes"].ids()))
    pairs = {
        PAIRS[0]: [
            (str(contact), str(r.tag)) for r in world.tables["contactTags"].by("contact", 7)
        ],
        PAIRS[1]: [
            (str(contact), str(r.list)) for r in world.tables["contactLists"].by("contact", 7)
        ],
    }
    world.delete_contact(contact)
    world.delete_deal(deal)
    world.delete_account(account)
    world.tables["notes"].delete(note)
    rows = {
        "crm_contacts": [(str(contact),)],
        "marketing_contacts": [(str(contact),)],
        "crm_opportunities": [(str(deal),)],
        "crm_accounts": [(str(account),)],
        "crm_notes": [(str(note),)],
    }
    return rows | {stream: sorted(keys) for stream, keys in pairs.items() if keys}


def test_the_first_comparison_only_records(account, run):
    """The first run emits no tombstone: it knows no earlier ids."""
    account.world.delete_contact(7)
    assert all_deleted(run()) == {}


def test_every_kind_of_row_gets_one_tombstone(account, run):
    """A tombstone has the key and its time, and nothing else. The next run does not repeat it."""
    first = run()
    expected = delete_one_of_each(account.world)
    second = run(first.state)
    assert {s: sorted(keys) for s, keys in all_deleted(second).items()} == expected
    tombstone = next(r for r in second.records["crm_contacts"] if r[DELETED])
    assert (
        tombstone["updated_at"]
        == tombstone[DELETED]
        > first.state["bookmarks"]["crm_contacts"]["replication_key_value"]
    )
    assert {k for k, v in tombstone.items() if v} == {"id", "updated_at", DELETED}
    assert all_deleted(run(second.state)) == {}


def test_a_record_has_a_null_tombstone_column(account, run):
    """The tombstone column is in every schema and null in records, so loaders clear it."""
    ran = run()
    for stream, message in ran.schemas.items():
        assert DELETED in message["schema"]["properties"], stream
    assert all(DELETED in r for rows in ran.records.values() for r in rows)
    plain = account.run()
    assert all(DELETED not in m["schema"]["properties"] for m in plain.schemas.values())
    assert "ACTIVATE_VERSION" not in {m["type"] for m in plain.messages}


def test_an_earlier_catalog_gets_the_column(account, run):
    """A catalog that was discovered without `detect_deletes` gets the tombstone column."""
    catalog = account.discover()
    first = run(only=CONTACT_STREAMS, catalog=catalog)
    account.world.delete_contact(9)
    second = run(first.state, only=CONTACT_STREAMS, catalog=account.discover())
    assert all_deleted(second) == {stream: [("9",)] for stream in CONTACT_STREAMS}


def test_small_tables_have_tombstones_and_versions(account, run):
    """A deleted tag, stage or field gets a tombstone; a full table ends with ACTIVATE_VERSION."""
    world = account.world
    tag, group = world.add_tag("Short-lived"), world.tables["groups"]
    extra = world.add_stage("Extra", next(iter(world.tables["dealGroups"].ids())))
    field = world.add_field("Fleeting", "text")
    first = run()
    world.delete_tag(tag.id)
    world.delete_stage(extra.id)
    world.delete_field(field.id)
    second = run(first.state)
    assert len(group.ids()) == len(second.ids("directory_groups"))
    assert all_deleted(second) == {
        "marketing_tags": [(str(tag.id),)],
        "crm_stages": [(str(extra.id),)],
        "crm_fields": [("contact", str(field.id))],
    }
    for ran in (first, second):
        ends = [m for m in ran.messages if m["type"] == "ACTIVATE_VERSION"]
        assert sorted(m["stream"] for m in ends) == sorted(FULL)
        for end in ends:
            rows = [m for m in ran.messages if m.get("stream") == end["stream"]]
            assert rows[-1] is end
            versions = {
                m.get("version") for m in rows if m["type"] == "RECORD" and not m["record"][DELETED]
            }
            assert versions <= {end["version"]}
            tombstones = [m for m in rows if m["type"] == "RECORD" and m["record"][DELETED]]
            assert all("version" not in m for m in tombstones)
    versions = [
        {m["version"] for m in ran.messages if m["type"] == "ACTIVATE_VERSION"}
        for ran in (first, second)
    ]
    assert max(versions[0]) < min(versions[1])


@pytest.mark.parametrize("sideload", ["auto", "never"])
def test_a_removed_tag_gets_a_tombstone_of_the_pair(account, run, sideload):
    """The tap emits a tombstone for a tag removed from a contact, and none for its other tags."""
    world = account.world
    tags = list(world.tables["tags"].ids())[:2]
    for tag in tags:
        world.tag(4, tag)
    first = run(sideload=sideload)
    world.untag(4, tags[0])
    second = run(first.state, sideload=sideload)
    assert all_deleted(second) == {PAIRS[0]: [("4", str(tags[0]))]}
    world.tag(4, tags[0])
    third = run(second.state, sideload=sideload)
    assert all_deleted(third) == {}
    live = {r["tag_id"] for r in third.records[PAIRS[0]] if r["contact_id"] == "4"}
    assert {str(tag) for tag in tags} <= live


def test_a_row_this_key_may_not_see_any_more_is_not_deleted(account, run):
    """A row that is missing from the list but answers 403 or 200 stays known."""
    first = run()
    hidden = {"contacts": (11, 12), "deals": (4,), "accounts": (2,)}
    for table, ids in hidden.items():
        for row_id in ids:
            account.world.hidden.hide(table, row_id, status=403 if row_id % 2 else 200)
    account.world.delete_contact(13)
    second = run(first.state)
    assert all_deleted(second).keys() <= {*CONTACT_STREAMS, *PAIRS, "crm_notes"}
    assert deleted(second, "crm_contacts") == [("13",)]
    # The tap does not check it again on the same day. Once deleted, it gets a tombstone.
    third = run(second.state)
    assert not [path for path in third.paths() if path.startswith(("contacts/1", "deals/4"))]
    account.world.hidden.clear()
    account.world.delete_contact(11)
    account.wait(hours=25)
    assert deleted(run(third.state), "crm_contacts") == [("11",)]


def test_another_users_key_deletes_nothing(account, run):
    """A run with another user's key emits no tombstone for rows that this user never saw.

    It sends no requests about them.
    """
    first = run()
    world = account.world
    other = next(user_id for user_id in world.tables["users"].ids() if user_id != 1)
    for row_id in range(1, 11):
        world.hidden.hide("contacts", row_id, status=404)
    world.whoami = other
    second = run(first.state)
    assert all_deleted(second) == {}
    assert not [path for path in second.paths() if path.startswith("contacts/")]


@pytest.mark.parametrize(("count", "is_logged"), [(18, True), (19, False), (60, False)])
def test_deletes_beyond_max_delete_share_are_not_emitted(account, run, count, is_logged, caplog):
    """Above `max_delete_share` the tap logs a warning, emits no tombstone and checks no row."""
    first = run(only=CONTACT_STREAMS)
    for row_id in range(1, count + 1):
        account.world.delete_contact(row_id)
    second = run(first.state, only=CONTACT_STREAMS)
    assert len(deleted(second, "crm_contacts")) == (count if is_logged else 0)
    assert ("max_delete_share" in caplog.text) is not is_logged
    report = second.tap._report.document()["crm_contacts"]
    assert (report["deletes_refused"] is None) is is_logged
    if not is_logged:
        assert not [path for path in second.paths() if path.startswith("contacts/")]
        third = run(second.state, only=CONTACT_STREAMS, max_delete_share=1)
        assert len(deleted(third, "crm_contacts")) == count


def test_a_refused_table_keeps_its_older_versions(account, run):
    """The tap emits no ACTIVATE_VERSION for deletes beyond the limit.

    Loaders would drop the rows.
    """
    for n in range(20):
        account.world.add_tag(f"More {n}")
    first = run(only=["marketing_tags"])
    for tag in list(account.world.tables["tags"].ids())[5:]:
        account.world.delete_tag(tag)
    second = run(first.state, only=["marketing_tags"])
    assert "ACTIVATE_VERSION" not in {m["type"] for m in second.messages}


def test_an_incomplete_comparison_emits_no_tombstone(account, run):
    """A collection that the tap could not read to its end causes no tombstone, then or later."""
    first = run()
    account.world.delete_account(3)
    account.world.faults.server_error("/accounts", times=None)
    second = run(first.state, max_retry_seconds=1)
    assert second.code == 1
    assert "crm_accounts" not in all_deleted(second)
    account.world.faults.clear()
    assert all_deleted(run(second.state)) == {"crm_accounts": [("3",)]}


def test_tags_that_may_not_be_read_get_no_tombstones(account, run):
    """Tags that a run may not read get no tombstones."""
    first = run()
    for contact in range(1, 60):
        account.world.edit_contact(contact, firstName="Re-read")
    account.world.faults.forbid("/contactTags")
    account.world.faults.not_found("/contacts/", method="GET")
    second = run(first.state, sideload="never", only=[*CONTACT_STREAMS, *PAIRS])
    assert all_deleted(second) == {}


def test_fields_of_a_plan_that_lapsed_are_not_deleted(account, run):
    """Custom fields of an entity that may no longer be read get no tombstones."""
    first = run(only=["crm_fields"])
    account.world.faults.no_crm()
    second = run(first.state, only=["crm_fields"])
    assert all_deleted(second) == {}
    assert "ACTIVATE_VERSION" not in {m["type"] for m in second.messages}


def test_tombstones_are_repeated_until_the_state_covers_them(account, run):
    """The tap repeats tombstones to each pipeline until its state covers them."""
    first = run()
    account.world.delete_contact(8)
    lost = run(first.state)
    assert deleted(lost, "crm_contacts") == [("8",)]
    again = run(first.state)  # the loader failed, so the tap gets the same state again
    assert deleted(again, "crm_contacts") == [("8",)]
    assert all_deleted(run(again.state)) == {}


def test_a_row_that_exists_again_is_a_record_again(account, run):
    """A row that exists again is emitted, changed or not, with a null tombstone column."""
    first = run()
    for table in ("contacts", "notes"):
        account.world.hidden.hide(table, next(iter(account.world.tables[table].ids())), status=404)
    second = run(first.state)
    assert {"crm_contacts", "crm_notes"} <= all_deleted(second).keys()
    account.world.hidden.clear()
    third = run(second.state)
    assert third.by_id("crm_contacts")["1"][DELETED] is None
    assert len(third.ids("crm_contacts")) == 1
    assert len(third.ids("crm_notes")) == 1


@pytest.mark.parametrize("sideload", ["auto", "never"])
def test_a_record_of_a_stopped_run_gets_its_tombstone(tmp_path, sideload):
    """Rows and pairs that a stopped run emitted, and that are deleted since, get tombstones."""
    account = Account(contacts=950)
    account.world.tag(5, 1)
    known_ids = str(tmp_path / "known.sqlite")
    options = {"detect_deletes": True, "known_ids_path": known_ids, "sideload": sideload}
    options["only"] = ["crm_contacts", PAIRS[0]]
    stop_at(account, 4)
    first = account.run(**options)
    assert first.code == 128 + signal.SIGTERM
    pairs = {(r["contact_id"], r["tag_id"]) for r in first.records[PAIRS[0]]}
    assert "5" in first.ids("crm_contacts")
    account.world.hooks.clear()
    account.revive()
    account.wait(hours=1)
    account.world.delete_contact(5)
    second = account.run(first.state, **options)
    assert deleted(second, "crm_contacts") == [("5",)]
    assert set(deleted(second, PAIRS[0])) == {pair for pair in pairs if pair[0] == "5"} != set()


def test_start_date_and_filters_do_not_make_deletes(account, run):
    """Rows outside `start_date` and filters get no tombstones."""
    first = run(start_date="2031-01-01")
    second = run(first.state, start_date="2031-01-01", end_date="2040-01-01")
    assert all_deleted(second) == {}


def test_the_comparison_costs_a_request_per_hundred_contacts(tmp_path):
    """A comparison costs one request per 100 contacts more, and one for the user of the key."""
    account = Account(contacts=950)
    path = str(tmp_path / "known.sqlite")
    plain = account.run(only=CONTACT_STREAMS)
    with_deletes = account.run(
        plain.state, only=CONTACT_STREAMS, detect_deletes=True, known_ids_path=path
    )
    without = account.run(plain.state, only=CONTACT_STREAMS)
    assert with_deletes.requests - without.requests <= 10 + 1 + 1


@settings(max_examples=of(8, 400))
@given(seed=st.integers(0, 100_000), sideload=st.sampled_from(["auto", "never"]))
def test_after_any_history_the_warehouse_is_the_account(tmp_path_factory, seed, sideload):
    """After inserts, edits, deletes and lost states, the live rows are those of the account."""
    dice = random.Random(seed)
    account = Account(contacts=40, deals=12, accounts=10, seed=seed)
    world = account.world
    path = str(tmp_path_factory.mktemp("known") / "known.sqlite")
    warehouse: dict[str, dict[tuple, dict]] = {}
    state: dict = {}
    for turn in range(5):
        for _ in range(dice.randrange(6) if turn else 0):
            _act(world, dice)
        account.wait(hours=dice.choice([1, 20, 200]))
        ran = account.run(
            copy.deepcopy(state), detect_deletes=True, known_ids_path=path, sideload=sideload
        )
        assert ran.code == 0
        for stream, records in ran.records.items():
            keys = ran.schemas[stream]["key_properties"]
            table = warehouse.setdefault(stream, {})
            for record in records:
                table[tuple(record[key] for key in keys)] = record
        if dice.random() < 0.8:
            state = ran.state
    live = {
        stream: {key for key, record in table.items() if not record[DELETED]}
        for stream, table in warehouse.items()
    }
    assert live["crm_contacts"] == {
        (str(contact_id),) for contact_id in world.tables["contacts"].ids()
    }
    assert live["crm_opportunities"] == {(str(deal_id),) for deal_id in world.tables["deals"].ids()}
    assert live["crm_accounts"] == {
        (str(company_id),) for company_id in world.tables["accounts"].ids()
    }
    pairs = {(str(r.contact), str(r.tag)) for r in world.tables["contactTags"]}
    assert live.get(PAIRS[0], set()) == pairs


def _act(world, dice):
    """Make one change in the account."""
    contacts = list(world.tables["contacts"].ids())
    deals = list(world.tables["deals"].ids())
    kind = dice.choice(["insert", "edit", "delete", "deal", "tag", "untag"])
    if kind == "insert":
        world.add_contact(f"n{dice.random()}@letters.example")
    elif kind == "edit":
        world.edit_contact(dice.choice(contacts), firstName=f"E{dice.random()}")
    elif kind == "delete":
        world.delete_contact(dice.choice(contacts))
    elif kind == "deal" and len(deals) > 5:
        world.delete_deal(dice.choice(deals))
    elif kind == "tag":
        world.tag(dice.choice(contacts), dice.choice(list(world.tables["tags"].ids())))
    else:
        held = list(world.tables["contactTags"])
        if held:
            applied = dice.choice(held)
            world.untag(applied.contact, applied.tag)
