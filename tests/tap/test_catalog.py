"""Catalogs that people write by hand, and metadata that Meltano adds."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.unified_stream import parse_catalog
from tests.tap.running import Account

ONLY = ["crm_contacts", "marketing_contacts", "marketing_tags"]


@pytest.fixture
def account() -> Account:
    return Account(contacts=30, deals=12, accounts=8)


def written(account: Account, *selected: str, **changes: Any) -> dict[str, Any]:
    """Return a discovered catalog as JSON; apply ``changes`` to each stream's own metadata."""
    found: dict[str, Any] = json.loads(json.dumps(account.discover().to_dict()))
    for stream in found["streams"]:
        root = next(metadata for metadata in stream["metadata"] if not metadata["breadcrumb"])[
            "metadata"
        ]
        root["selected"] = stream["tap_stream_id"] in selected
        root |= changes
    return found


def by_hand(account: Account, *names: str) -> dict[str, Any]:
    """Return a catalog without metadata."""
    streams = [s for s in written(account)["streams"] if s["tap_stream_id"] in names]
    for stream in streams:
        del stream["metadata"]
    return {"streams": streams}


def run(account: Account, catalog: dict[str, Any], state: Any = None, **settings: Any) -> Any:
    return account.run(state, catalog=parse_catalog(json.dumps(catalog), "catalog"), **settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"replication-method": "FULL_TABLE"},
        {"replication-method": "full_table"},
        {"forced-replication-method": "FULL_TABLE"},
    ],
    ids=str,
)
def test_full_table_in_the_metadata_reads_and_emits_everything(account, changes):
    """`replication-method` and the forced method of the metadata replace the catalog's method."""
    first = account.run(only=ONLY)
    account.wait(hours=3)
    again = run(account, written(account, *ONLY, **changes), first.state)
    for stream in ONLY:
        assert again.records[stream] == first.records[stream]
    assert again.state["bookmarks"]["crm_contacts"] == first.state["bookmarks"]["crm_contacts"]
    assert not any("updated_after" in name for entry in again.received for name, _ in entry.query)


def test_full_table_beside_an_incremental_stream_of_the_same_walk(account):
    """Two streams share a walk: FULL_TABLE emits all contacts, INCREMENTAL changed contacts."""
    first = account.run(only=ONLY)
    account.wait(hours=3)
    account.world.touch(4)
    catalog = written(account, *ONLY)
    for stream in catalog["streams"]:
        if stream["tap_stream_id"] == "marketing_contacts":
            stream["replication_method"] = "FULL_TABLE"
    again = run(account, catalog, first.state)
    assert again.ids("crm_contacts") == ["4"]
    assert len(again.ids("marketing_contacts")) == 30


@pytest.mark.parametrize("stream", ["crm_opportunities", "crm_accounts", "crm_notes", "raw_deals"])
def test_full_table_is_honoured_by_every_kind_of_stream(account, stream):
    """FULL_TABLE works for streams that the server filters and for those that the tap filters."""
    chosen = written(account, stream, **{"replication-method": "FULL_TABLE"})
    first = run(account, chosen)
    account.wait(hours=3)
    assert run(account, chosen, first.state).records == first.records
    assert first.records[stream]


@pytest.mark.parametrize("method", ["LOG_BASED", "weekly"])
def test_a_method_that_does_not_exist_is_refused(account, method):
    """An unknown method is an error that names the stream and both methods."""
    catalog = written(account, "crm_notes", **{"replication-method": method})
    with pytest.raises(SettingsError, match=r"stream crm_notes: replication-method must be FULL_T"):
        parse_catalog(json.dumps(catalog), "catalog")


@pytest.mark.parametrize("place", ["stream", "schema"])
def test_a_catalog_without_metadata_is_read_by_its_selected(account, place, caplog):
    """Without metadata, `selected` of stream, schema and properties decides."""
    catalog = by_hand(account, "crm_contacts", "crm_notes", "marketing_tags")
    for stream in catalog["streams"]:
        holder = stream if place == "stream" else stream["schema"]
        if stream["tap_stream_id"] != "marketing_tags":
            holder["selected"] = stream["tap_stream_id"] == "crm_contacts"
        if stream["tap_stream_id"] == "crm_contacts":
            stream["schema"]["properties"]["first_name"]["selected"] = False
    with caplog.at_level(logging.WARNING):
        ran = run(account, catalog)
    assert set(ran.records) == {"crm_contacts"}
    assert "first_name" not in ran.records["crm_contacts"][0]
    assert "last_name" in ran.records["crm_contacts"][0]
    assert not [record for record in caplog.records if "nothing is read" in record.message]


def test_a_catalog_that_does_not_say_what_is_selected_is_refused(account):
    """A catalog without metadata and without `selected` ends with exit code 2 and the fix."""
    with pytest.raises(SettingsError, match=r"has a .selected. value: run --disc"):
        parse_catalog(json.dumps(by_hand(account, "crm_contacts")), "catalog")


def test_a_stream_whose_metadata_leaves_it_out_is_not_read(account):
    """Metadata of properties alone selects no stream, and the log names the selected streams."""
    catalog = written(account, "crm_notes")
    for stream in catalog["streams"]:
        if stream["tap_stream_id"] == "crm_contacts":
            stream["metadata"] = [{"breadcrumb": ["properties", "id"], "metadata": {}}]
    ran = run(account, catalog)
    assert set(ran.schemas) == {"crm_notes"}
    assert "contacts" not in ran.paths()


@pytest.mark.parametrize("way", ["refuse", "server_error"])
def test_definitions_of_fields_that_fail_stop_no_other_stream_of_a_catalog(account, way):
    """With a catalog too, definitions that fail for good fail their own streams alone."""
    catalog = written(account, "crm_opportunities", "crm_contacts", "marketing_tags")
    options = {"document": {}, "status": 400} if way == "refuse" else {}
    getattr(account.world.faults, way)("/dealCustomFieldMeta", times=None, **options)
    ran = run(account, catalog, max_retry_seconds=5)
    assert ran.code == 1
    assert set(ran.records) == {"crm_contacts", "marketing_tags"}
    account.world.faults.clear()
    again = run(account, catalog, ran.state)
    assert (again.code, len(again.ids("crm_opportunities"))) == (0, 12)


@pytest.mark.parametrize("way", ["deselected", "undeclared", "without a schema"])
@pytest.mark.parametrize(
    ("stream", "keys"),
    [
        ("crm_contacts", ["id"]),
        ("marketing_contact_tags", ["contact_id", "tag_id"]),
        ("raw_tags", ["id"]),
    ],
)
def test_keys_are_emitted_whatever_a_catalog_says(account, way, stream, keys):
    """Records and schema have the keys: a loader merges rows by them."""
    catalog = written(account, stream)
    entry = next(one for one in catalog["streams"] if one["tap_stream_id"] == stream)
    for key in keys:
        if way == "undeclared":
            del entry["schema"]["properties"][key]
        for item in entry["metadata"]:
            if way == "deselected" and item["breadcrumb"] == ["properties", key]:
                item["metadata"] = {"selected": False}
    if way == "without a schema":
        entry["schema"] = {}
    ran = run(account, catalog)
    assert ran.records[stream]
    assert all(set(keys) <= record.keys() for record in ran.records[stream])
    assert set(keys) <= ran.schemas[stream]["schema"]["properties"].keys()
