"""Singer messages on stdout: one line each, in order, by our writer or the SDK's."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.singerlib import RecordMessage, StateMessage

from tap_activecampaign_unified.messages import MessageWriter

from .running import Account

HALF = "\ud83d"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def written(*records, stream="notes"):
    """Return the bytes of records."""
    held = io.BytesIO()
    stdout = io.TextIOWrapper(held, encoding="latin-1")
    with contextlib.redirect_stdout(stdout):
        output = MessageWriter()
        for record in records:
            output.write_record(stream, record)
        output.flush()
    return held.getvalue()


def read_back(lines):
    """Return the records of lines."""
    return [json.loads(line)["record"] for line in lines.decode("ascii").splitlines()]


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=4))
def test_a_record_comes_back_as_it_was(records):
    """A record of any JSON is the same after writing and reading."""
    assert read_back(written(*records)) == records


@pytest.mark.parametrize("text", ["é", "日本", "😀", "a\u2028b", "\x85", "\x1f\x7f", '"\\/', HALF])
def test_a_message_is_one_line_of_ascii(text):
    """A message is one line of ASCII."""
    lines = written({"text": text})
    assert len(lines.splitlines()) == len(lines.decode("ascii").splitlines()) == 1
    assert read_back(lines) == [{"text": text}]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinities_are_null(value):
    """NaN and infinities are null, as in the SDK's writer."""
    assert read_back(written({"value": value})) == [{"value": None}]


def test_a_record_nested_too_deep_has_null_in_place_of_its_deepest_values():
    """A value 5,000 levels deep is written to level 100."""
    deep = []
    for _ in range(5_000):
        deep = [deep]
    [record] = read_back(written({"deep": deep}))
    levels, value = 0, record["deep"]
    while value:
        levels, value = levels + 1, value[0]
    assert value is None
    assert 90 < levels <= 100


def test_a_message_says_what_the_sdks_own_says():
    """Our messages have the parts of the SDK's, and a time of extraction with +00:00."""
    held = io.StringIO()
    with contextlib.redirect_stdout(held):
        output = MessageWriter()
        output.write_record("notes", {"id": "1", "text": "Zoë"})
        output.write_message(
            RecordMessage(
                "notes", {"id": "1", "text": "Zoë"}, time_extracted=dt.datetime.now(dt.UTC)
            )
        )
        output.flush()
    short, long = map(json.loads, held.getvalue().splitlines())
    for message in (short, long):
        moment = dt.datetime.fromisoformat(message["time_extracted"])
        assert message.pop("time_extracted").endswith("+00:00")
        assert abs((dt.datetime.now(dt.UTC) - moment).total_seconds()) < 60
    assert short == long == {"type": "RECORD", "stream": "notes", "record": short["record"]}


def test_records_gather_until_they_are_handed_over(tmp_path):
    """Records of a page are written in one system call; a STATE writes the records before it."""
    path = tmp_path / "out.jsonl"
    with path.open("w") as file, contextlib.redirect_stdout(file):
        output = MessageWriter()
        output.write_record("notes", {"id": "1"})
        output.write_record("notes", {"id": "2"})
        assert not path.read_bytes()
        output.flush()
        assert read_back(path.read_bytes()) == [{"id": "1"}, {"id": "2"}]
        output.write_record("notes", {"id": "3"})
        output.write_message(StateMessage({"bookmarks": {}}))
        kinds = [json.loads(line)["type"] for line in path.read_bytes().splitlines()]
    assert kinds == ["RECORD", "RECORD", "RECORD", "STATE"]


def test_a_stopped_write_is_taken_up_where_it_stopped():
    """A signal during a write to a full pipe ends the wait, and no line is cut in two."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # a full pipe without a reader, without the wait
    records = [{"id": str(number), "text": "x" * 500} for number in range(400)]
    with os.fdopen(writing, "w", encoding="ascii") as file, contextlib.redirect_stdout(file):
        output = MessageWriter()
        for record in records:
            output.write_record("notes", record)
        with pytest.raises(BlockingIOError):
            output.flush()
        came = os.read(reading, 1 << 20)
        assert 0 < len(came) < len(records) * 500
        while True:
            with contextlib.suppress(BlockingIOError):
                output.write_message(StateMessage({"bookmarks": {}}))
                came += os.read(reading, 1 << 20)
                break
            came += os.read(reading, 1 << 20)
    os.close(reading)
    messages = [json.loads(line) for line in came.splitlines()]
    assert [message["record"] for message in messages if message["type"] == "RECORD"] == records
    assert messages[-1]["type"] == "STATE"


def test_records_of_a_page_are_out_before_the_run_goes_on():
    """A reader of stdout gets each page before the tap reads the next page."""
    account = Account(contacts=350)
    out = io.StringIO()
    seen = []

    def look(_world, _method, path, _query):
        if path.endswith("/contacts"):
            seen.append(out.getvalue().count('"RECORD"'))

    catalog = account.discover()
    account.world.before_request(look)
    with contextlib.redirect_stdout(out):
        tap = account.tap_class()(config=account.config(max_concurrent_requests=1), catalog=catalog)
        tap.sync_all()
    assert seen == sorted(seen)
    assert len(set(seen)) >= 3


def test_our_writer_and_the_sdks_write_the_same_records():
    """A stream map without effect uses the SDK's writer, which writes the same records."""
    same = {"contact_id": "contact_id"}
    pairs = ("marketing_contact_tags", "marketing_segment_memberships")
    maps = {name: same if name in pairs else {"id": "id"} for name in Account().run().schemas}
    ways = []
    for settings in ({}, {"stream_maps": maps}):
        account = Account(contacts=120, deals=40, accounts=30, hidden_deals=True)
        ways.append(account.run(include_remote_data=True, **settings).records)
    assert ways[0] == ways[1]
    assert all(ways[0].values())


@pytest.mark.parametrize(
    "place",
    [("account", "name"), ("custom_fields", "lead_score"), ("_errors",), ("first_name",)],
)
def test_deselected_properties_are_not_written(place):
    """A deselected property is not written at any depth; its neighbours are."""
    account = Account(contacts=80, accounts=20)
    catalog = account.discover()
    breadcrumb = tuple(part for name in place for part in ("properties", name))
    catalog["crm_contacts"].metadata[breadcrumb].selected = False
    whole = Account(contacts=80, accounts=20).run(only=["crm_contacts"]).records["crm_contacts"]
    found = account.run(only=["crm_contacts"], catalog=catalog).records["crm_contacts"]
    for record in whole:
        inner = record
        for name in place[:-1]:
            inner = inner[name] or {}
        inner.pop(place[-1], None)
    assert found == whole
    assert len(found) == 80
