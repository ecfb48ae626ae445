"""Raw streams over several runs: changes, forbidden collections, deletes."""

from __future__ import annotations

import logging

import pytest

from tests.tap.running import Account

from .account import RAW, complete, schemas_of

INCREMENTAL = {
    "raw_contacts": "udate",
    "raw_deals": "mdate",
    "raw_activities": "tstamp",
    "raw_notes": "mdate",
    "raw_email_activities": "tstamp",
}


def test_only_incremental_streams_are_labelled_incremental():
    """The catalog's replication method of each stream is what its runs do."""
    catalog = complete().discover()
    for name in RAW:
        method = "INCREMENTAL" if name in INCREMENTAL else "FULL_TABLE"
        assert (catalog[name].replication_method or "FULL_TABLE") == method
        assert catalog[name].replication_key == INCREMENTAL.get(name)


def test_incremental_ones_bring_what_changed_and_others_all():
    """A second run emits changed rows of incremental streams, and all rows of the others."""
    account = complete(contacts=120, deals=30)
    chosen = [*INCREMENTAL, "raw_tags"]
    account.wait(hours=48)
    first = account.run(only=chosen)
    account.wait(hours=72)
    quiet = account.run(first.state, only=chosen)
    assert set(quiet.records) == {"raw_tags"}
    account.world.touch(7)
    account.world.edit_deal(3, title="Another")
    now = account.world.dt(account.world.now())
    account.world.planted["/activities"].rows.append({"id": "9", "tstamp": now, "recipients": []})
    account.wait(minutes=5)
    ran = account.run(quiet.state, only=chosen)
    assert ran.ids("raw_contacts") == ["7"]
    assert ran.ids("raw_deals") == ["3"]
    assert ran.ids("raw_activities") == ["9"]
    assert len(ran.ids("raw_tags")) == len(first.ids("raw_tags"))
    queries = [dict(entry.query) for entry in ran.received if entry.path.endswith("/activities")]
    assert all("after" in query for query in queries)


def test_a_filter_that_is_ignored_brings_nothing_twice():
    """If the account ignores `after`, the tap reads all activities and emits only the new row."""
    account = complete()
    account.world.planted["/activities"].after = None
    first = account.run(only=["raw_activities"])
    account.wait(hours=72)
    assert account.run(first.state, only=["raw_activities"]).records == {}


def test_a_whole_stream_beside_an_incremental_stream_stays_whole():
    """Each run reads the related rows of all contacts, also of unchanged contacts."""
    account = complete()
    first = account.run(only=["raw_contacts", "raw_tracking_logs"])
    account.wait(hours=72)
    again = account.run(first.state, only=["raw_contacts", "raw_tracking_logs"])
    assert again.ids("raw_tracking_logs") == first.ids("raw_tracking_logs")
    assert len(again.ids("raw_tracking_logs")) == 12
    assert "raw_contacts" not in again.records


@pytest.mark.parametrize("fault", ["not_found", "forbid", "refuse"])
@pytest.mark.parametrize("on_forbidden", ["skip", "fail"])
def test_an_undocumented_collection_may_be_missing(fault, on_forbidden, caplog):
    """A missing undocumented collection is skipped with one line, and the run exits with 0.

    It answers 404, 403 or 400.
    """
    account = complete()
    if fault == "refuse":
        account.world.faults.refuse("/goals", {}, times=None, status=400)
    else:
        getattr(account.world.faults, fault)("/goals")
    with caplog.at_level(logging.WARNING):
        ran = account.run(only=["raw_goals", "raw_tags"], on_forbidden=on_forbidden)
    assert ran.code == 0
    assert ran.tap._report.stats_by_stream["raw_goals"].outcome == "skipped"
    assert len([text for text in caplog.messages if "raw_goals: skipped" in text]) == 1
    assert ran.ids("raw_tags")


def test_a_documented_collection_may_be_forbidden():
    """A documented collection that answers 403 is skipped or fails, as `on_forbidden` says."""
    account = complete()
    account.world.faults.forbid("/campaigns")
    assert account.run(only=["raw_campaigns"]).code == 0
    ran = account.run(only=["raw_campaigns"], on_forbidden="fail")
    assert ran.code == 1
    assert ran.tap._report.stats_by_stream["raw_campaigns"].outcome == "failed"


def test_children_without_an_endpoint_are_skipped():
    """If the path below the first parent is unknown, the tap tries no other parent."""
    account = complete(contacts=3)
    for number in (2, 3, 4):
        row = {"id": str(number), "title": "c"}
        account.world.planted.plant("/calendars", "calendars", [{"id": "1"}, row])
    account.world.planted.pop("/calendars/1/calendarUsers")
    ran = account.run(only=["raw_calendar_users", "raw_calendars"], on_forbidden="fail")
    assert ran.code == 0
    assert ran.tap._report.stats_by_stream["raw_calendar_users"].outcome == "skipped"
    assert len(ran.ids("raw_calendars")) == 2


def test_an_endpoint_that_is_not_there_is_asked_for_once():
    """A path below contacts that answers 404 is requested once, for the first contact."""
    account = Account(contacts=300)
    account.world.faults.not_found("/contacts/1/contactLogs")
    ran = account.run(only=["raw_contact_logs"])
    assert [path for path in ran.paths() if path.endswith("contactLogs")] == [
        "contacts/1/contactLogs"
    ]
    assert ran.tap._report.stats_by_stream["raw_contact_logs"].outcome == "skipped"


def test_links_that_are_not_listed_come_from_the_campaigns():
    """Without a list of links the tap reads them by campaign; with a list it reads only that."""
    account = complete()
    listed = account.run(only=["raw_links"])
    assert set(listed.paths()) == {"links"}
    account.world.faults.not_found("/links")
    for number in (1, 2, 3):
        rows = [{"id": f"{number}{n}", "campaignid": str(number)} for n in range(number)]
        account.world.planted.plant(f"/campaigns/{number}/links", "links", rows)
    ran = account.run(only=["raw_links"])
    assert sorted(ran.ids("raw_links")) == ["10", "20", "21", "30", "31", "32"]


def test_rows_under_another_name_are_found():
    """The tap finds the rows of a collection whose key differs between accounts."""
    account = complete()
    account.world.planted.plant("/groupMembers", "groupMembers", [{"id": 3, "rel_id": 1}])
    account.world.planted.plant("/sms/broadcasts", "theBroadcasts", [{"id": "x"}])
    ran = account.run(only=["raw_group_members", "raw_sms_broadcasts"])
    assert ran.records["raw_group_members"] == [{"id": 3, "rel_id": 1}]
    assert ran.ids("raw_sms_broadcasts") == ["x"]


def test_a_row_without_its_key_is_counted():
    """The tap skips a row without an id, and the report has the reason."""
    account = complete()
    account.world.planted.plant("/goals", "goals", [{"name": "lost"}, {"id": "1"}])
    ran = account.run(only=["raw_goals"])
    stats = ran.tap._report.stats_by_stream["raw_goals"]
    assert ran.ids("raw_goals") == ["1"]
    assert (stats.read, stats.emitted, dict(stats.skipped)) == (2, 1, {"without an id": 1})


def test_with_deletes_a_whole_table_ends_with_its_version(tmp_path):
    """With `detect_deletes` a full raw table ends with ACTIVATE_VERSION and has no tombstones."""
    account = complete()
    options = {"detect_deletes": True, "known_ids_path": str(tmp_path / "known.sqlite")}
    chosen = ["raw_tags", "raw_contacts", "raw_tracking_logs"]
    first = account.run(only=chosen, **options)
    account.world.delete_tag(2)
    account.world.planted["/contacts/3/trackingLogs"].rows.clear()
    account.wait(hours=1)
    ran = account.run(first.state, only=chosen, **options)
    versions = {m["stream"]: m for m in ran.messages if m["type"] == "ACTIVATE_VERSION"}
    assert set(versions) == {"raw_tags", "raw_tracking_logs"}
    assert "2" not in ran.ids("raw_tags")
    assert "_sdc_deleted_at" not in schemas_of(ran, "raw_tags")[-1]
    assert not any(path.startswith(("tags/", "users/me")) for path in ran.paths())
    for stream in versions:
        kinds = [m["type"] for m in ran.messages if m.get("stream") == stream]
        assert kinds[-1] == "ACTIVATE_VERSION"


def test_contacts_of_an_interrupted_run_go_on():
    """After an interruption the next run emits the missing rows and keeps the inferred schema."""
    account = Account(contacts=2_500)
    account.world.faults.server_error("/contacts", status=500, times=None, after=14)
    first = account.run(only=["raw_contacts"], max_retry_seconds=5)
    assert first.code == 1
    assert 0 < len(first.ids("raw_contacts")) < 2_500
    account.world.faults.clear()
    second = account.run(first.state, only=["raw_contacts"])
    assert set(first.ids("raw_contacts")) | set(second.ids("raw_contacts")) == {
        str(n) for n in account.world.tables["contacts"].ids()
    }
    assert second.requests < 30
