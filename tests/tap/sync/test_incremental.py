"""The next run emits everything that changed, and nothing else."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from tests.cases import briefly
from tests.tap.running import CONTACT_STREAMS, Account

INCREMENTAL = (
    "crm_accounts",
    "crm_contacts",
    "crm_notes",
    "crm_opportunities",
    "marketing_contact_tags",
    "marketing_contacts",
    "marketing_segment_memberships",
)


def bookmark(state: dict, stream: str) -> dt.datetime:
    """Return a stream's bookmark as a datetime."""
    return dt.datetime.fromisoformat(state["bookmarks"][stream]["replication_key_value"])


def test_an_unchanged_account_emits_no_row_again():
    """Without changes a second run emits no row of an incremental stream."""
    account = Account(contacts=150, deals=40, accounts=20, hidden_deals=True, fresh=True)
    first = account.run()
    for _ in range(3):
        account.wait(minutes=7)
        again = account.run(first.state)
        assert {name: again.ids(name) for name in ("crm_contacts", "crm_opportunities")} == {
            "crm_contacts": [],
            "crm_opportunities": [],
        }
        assert not set(again.records) & set(INCREMENTAL)
        first = again


def test_only_changed_contacts_are_emitted():
    """A changed contact is emitted in each of its streams, and no other contact is."""
    account = Account(contacts=150)
    first = account.run(only=CONTACT_STREAMS)
    account.wait(hours=2)
    account.world.edit_contact(7, firstName="Quirin")
    second = account.run(first.state, only=CONTACT_STREAMS)
    assert second.ids("crm_contacts") == ["7"]
    assert second.ids("marketing_contacts") == ["7"]
    assert second.by_id("crm_contacts")["7"]["first_name"] == "Quirin"


FILTERS = [
    ("Pacific/Kiritimati", "UTC", False, "day"),
    ("Etc/GMT+12", "account", True, "second"),
    ("America/Chicago", "account", False, "day"),
]
FILTERS += [
    combination
    for combination in itertools.product(
        ["Pacific/Kiritimati", "Etc/GMT+12", "America/Chicago"],
        ["account", "UTC"],
        [True, False],
        ["second", "day"],
    )
    if combination not in FILTERS
]


@pytest.mark.parametrize(("timezone", "zone", "inclusive", "granularity"), briefly(FILTERS, 3))
def test_the_filter_may_mean_anything(granularity, inclusive, zone, timezone):
    """No change is missed, whatever the account's date filter means."""
    account = Account(
        contacts=30,
        deals=5,
        timezone=timezone,
        date_granularity=granularity,
        date_inclusive=inclusive,
        date_naive_zone=zone,
    )
    state: dict = {}
    for hour in range(0, 30, 5):
        ran = account.run(state)
        state = ran.state
        account.wait(seconds=2)
        account.world.edit_contact(3, firstName=f"At {hour}")
        account.world.edit_deal(2, title=f"Deal at {hour}")
        account.wait(hours=5)
        ran = account.run(state)
        assert [r["first_name"] for r in ran.records["crm_contacts"]] == [f"At {hour}"]
        assert [r["name"] for r in ran.records["crm_opportunities"]] == [f"Deal at {hour}"]
        state = ran.state


def test_a_filter_that_is_ignored_costs_requests_not_rows():
    """If the account ignores the filter, the tap reads more and emits the same rows."""
    account = Account(contacts=250, deals=30, date_filters="ignored")
    first = account.run()
    account.wait(hours=1)
    account.world.touch(9)
    second = account.run(first.state)
    assert second.ids("crm_contacts") == ["9"]
    assert "crm_opportunities" not in second.records


def test_a_row_changed_while_the_run_was_reading_comes_next_time():
    """A row that changes after its page was read is emitted by the next run.

    The bookmark is the start of the run.
    """
    account = Account(contacts=250)

    def change(world, _method, path, query):
        is_later = any(name == "id_greater" and value != "0" for name, value in query)
        if path.endswith("/contacts") and is_later:
            world.edit_contact(5, firstName="Changed behind")

    account.world.before_request(change)
    first = account.run(only=["crm_contacts"])
    account.world.hooks.clear()
    assert first.by_id("crm_contacts")["5"]["first_name"] != "Changed behind"
    account.wait(hours=1)
    second = account.run(first.state, only=["crm_contacts"])
    assert second.by_id("crm_contacts")["5"]["first_name"] == "Changed behind"


def test_the_bookmark_is_never_ahead_of_the_runs_start():
    """A contact dated in the future does not move the bookmark beyond the run's start.

    It is emitted once.
    """
    account = Account(contacts=20)
    ahead = int((account.moments() + dt.timedelta(hours=30)).timestamp())
    row = account.world.tables["contacts"][4]
    account.world.tables["contacts"].change(row, udate=ahead)
    began = account.moments()
    first = account.run(only=["crm_contacts"])
    assert bookmark(first.state, "crm_contacts") <= began
    account.wait(minutes=10)
    second = account.run(first.state, only=["crm_contacts"])
    assert second.ids("crm_contacts") == []
    account.world.tables["contacts"].change(row, firstName="Moved on")
    third = account.run(second.state, only=["crm_contacts"])
    assert third.ids("crm_contacts") == ["4"]


def test_a_row_that_shows_late_is_still_found():
    """A change that becomes visible hours after its date is emitted, within `lookback_hours`."""
    account = Account(contacts=20)
    first = account.run(only=["crm_contacts"])
    account.wait(hours=1)
    late = int((account.moments() - dt.timedelta(hours=9)).timestamp())
    row = account.world.tables["contacts"][4]
    account.world.tables["contacts"].change(row, firstName="Late", udate=late)
    second = account.run(first.state, only=["crm_contacts"])
    assert second.ids("crm_contacts") == ["4"]


def test_without_lookback_a_late_row_is_not_looked_for():
    """With `lookback_hours` 0 a row dated before the bookmark is not emitted."""
    account = Account(contacts=20)
    first = account.run(only=["crm_contacts"], lookback_hours=0)
    account.wait(hours=1)
    late = int((account.moments() - dt.timedelta(hours=9)).timestamp())
    row = account.world.tables["contacts"][4]
    account.world.tables["contacts"].change(row, firstName="Late", udate=late)
    account.world.touch(6)
    second = account.run(first.state, only=["crm_contacts"], lookback_hours=0)
    assert second.ids("crm_contacts") == ["6"]


def test_updated_timestamp_alone_counts_as_a_change():
    """A row is emitted when only `updated_timestamp` changed."""
    account = Account(contacts=20, date_column="updated_timestamp")
    first = account.run(only=["crm_contacts"])
    account.wait(hours=3)
    row = account.world.tables["contacts"][8]
    account.world.tables["contacts"].change(
        row, updated=int(account.moments().timestamp()), firstName="Quiet"
    )
    second = account.run(first.state, only=["crm_contacts"])
    assert second.ids("crm_contacts") == ["8"]


def test_list_status_arrives_with_the_sweep():
    """A list status that moves no `udate` is emitted by the sweep after `full_sweep_hours`."""
    account = Account(contacts=40)
    first = account.run(only=["crm_contacts", "marketing_segment_memberships"])
    account.wait(hours=1)
    account.world.subscribe(11, 2, 2)
    streams = ["crm_contacts", "marketing_segment_memberships"]
    second = account.run(first.state, only=streams)
    assert second.ids("crm_contacts") == []
    account.wait(hours=170)
    third = account.run(second.state, only=streams)
    assert len(third.ids("crm_contacts")) == 40
    assert {"id": "2", "status": "unsubscribed"}.items() <= next(
        s for s in third.by_id("crm_contacts")["11"]["segments"] if s["id"] == "2"
    ).items()
    account.wait(hours=1)
    assert account.run(third.state, only=streams).ids("crm_contacts") == []


def test_no_sweep_when_it_is_switched_off():
    """With `full_sweep_hours` 0 contacts are never read as a whole again."""
    account = Account(contacts=40)
    first = account.run(only=["crm_contacts"], full_sweep_hours=0)
    account.wait(hours=5000)
    second = account.run(first.state, only=["crm_contacts"], full_sweep_hours=0)
    assert second.ids("crm_contacts") == []


def test_start_and_end_bound_what_is_read():
    """Rows updated before `start_date` or from `end_date` on are not emitted."""
    account = Account(contacts=200)
    everything = account.run(only=["crm_contacts"]).records["crm_contacts"]
    moments = sorted(record["updated_at"] for record in everything)
    start, end = moments[50], moments[120]
    ran = account.run(only=["crm_contacts"], start_date=start, end_date=end)
    wanted = {r["id"] for r in everything if start <= r["updated_at"] < end}
    assert wanted <= set(ran.ids("crm_contacts"))
    assert all(r["updated_at"] < end for r in ran.records["crm_contacts"])
    # Those before start_date are here because their other time stamp is later.
    assert len(ran.ids("crm_contacts")) <= len(wanted) + 10
    assert bookmark(ran.state, "crm_contacts") <= dt.datetime.fromisoformat(end)


def test_dates_at_the_ends_of_the_calendar_bound_nothing():
    """0001-01-01 and 9999-12-31 read everything, in this run and the next."""
    account = Account(contacts=60)
    far = {"start_date": "0001-01-01", "end_date": "9999-12-31", "only": ["crm_contacts"]}
    first = account.run(**far)
    assert len(first.ids("crm_contacts")) == 60
    assert account.run(first.state, **far).ids("crm_contacts") == []


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00"])
@pytest.mark.parametrize("sweep", [0, "auto"])
def test_a_state_from_the_first_year_reads_everything(time, sweep):
    """Other programs write 0001-01-01 for "never". As a bookmark, it reads all rows."""
    account = Account(contacts=60)
    progress = {"after": 3, "started": time, "whole": False}
    for entry, count in (({}, 60), ({"progress": progress}, 57)):
        state = {"bookmarks": {"crm_contacts": {"replication_key_value": time, **entry}}}
        ran = account.run(state, only=["crm_contacts"], full_sweep_hours=sweep)
        assert (ran.code, len(ran.ids("crm_contacts"))) == (0, count)


@pytest.mark.parametrize("names", [[["tags"]], [{}], ["tags", 5], [None]])
def test_names_in_a_state_that_are_no_text_are_ignored(names):
    """`left_out` may hold anything; the names in it that are text count."""
    account = Account(contacts=20)
    first = account.run(only=["crm_contacts"])
    entry = first.state["bookmarks"]["crm_contacts"] | {"left_out": names}
    ran = account.run({"bookmarks": {"crm_contacts": entry}}, only=["crm_contacts"])
    assert (ran.code, len(ran.ids("crm_contacts"))) == (0, 20 if "tags" in names else 0)


def test_an_accounts_field_value_counts_though_the_account_does_not_move():
    """An account whose custom value alone changed is emitted."""
    account = Account(accounts=30)
    first = account.run(only=["crm_accounts"])
    account.wait(hours=30)
    stamp = account.world.tables["accounts"][5].updated
    account.world.set_datum("account", 5, 1, "Newly described")
    row = account.world.tables["accounts"][5]
    account.world.tables["accounts"].change(row, updated=stamp)
    second = account.run(first.state, only=["crm_accounts"])
    assert second.ids("crm_accounts") == ["5"]


def test_a_stream_selected_later_is_read_whole():
    """A contact stream that is selected later gets all rows; the earlier stream gets changes."""
    account = Account(contacts=60)
    first = account.run(only=["crm_contacts"])
    account.wait(hours=1)
    second = account.run(first.state, only=CONTACT_STREAMS)
    assert second.ids("crm_contacts") == []
    assert len(second.ids("marketing_contacts")) == 60


def test_a_new_contact_without_udate_is_found():
    """A new contact without `udate`, which no date filter finds, is emitted."""
    account = Account(contacts=150)
    first = account.run(only=["crm_contacts"])
    account.wait(hours=60)
    new = account.world.add_contact("fresh@letters.example")
    row = account.world.tables["contacts"][new.id]
    account.world.tables["contacts"].change(row, udate=None)
    second = account.run(first.state, only=["crm_contacts"])
    assert second.ids("crm_contacts") == [str(new.id)]
    assert second.by_id("crm_contacts")[str(new.id)]["updated_at"] is not None
