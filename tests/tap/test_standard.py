"""The SDK's standard tests of a tap, and tests beyond them."""

from __future__ import annotations

import datetime as dt

import jsonschema
import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tests.sandbox import Shape

from .running import Account, Ran

# The SDK's suite warns of columns that an account leaves empty.
pytestmark = pytest.mark.filterwarnings("ignore:No records were available to test:UserWarning")

SHAPE = Shape(stores=1, orders=10, products=5, subscriptions=3, sends=40, tasks=6)
ACCOUNT = Account(contacts=60, deals=60, accounts=15, shape=SHAPE)


class Mapped(ACCOUNT.tap_class()):  # type: ignore[misc]  # made again for each account
    """All mapped streams, those that are off by default too."""

    def discover_streams(self):
        """Return these streams, selected."""
        found = [
            stream for stream in super().discover_streams() if not stream.resource.schema_grows
        ]
        for stream in found:
            stream.selected_by_default = True
        return found


TestTheSdksOwn = get_tap_test_class(
    Mapped,
    config=ACCOUNT.config(saved_segments=["1"]),
    suite_config=SuiteConfig(max_records_limit=200),
    parse_env_config=False,
)


@pytest.fixture(scope="module")
def ran() -> Ran:
    """One run of everything, hidden deals included."""
    return Account(contacts=150, deals=60, accounts=40, hidden_deals=True).run()


def test_no_key_comes_twice(ran):
    """Within a run no stream emits a key twice."""
    for stream, records in ran.records.items():
        keys = ran.schemas[stream]["key_properties"]
        found = [tuple(record[key] for key in keys) for record in records]
        assert len(found) == len(set(found)), stream


def test_every_record_fits_its_schema(ran):
    """Every record is valid against the SCHEMA before it and has no further key."""
    for stream, records in ran.records.items():
        schema = ran.schemas[stream]["schema"]
        checker = jsonschema.Draft7Validator(schema)
        for record in records:
            assert not list(checker.iter_errors(record)), (stream, record)
            assert set(record) <= set(schema["properties"])


def test_times_are_utc_with_zero_offset(ran):
    """Every date-time is written in UTC with +00:00."""

    def check(schema, value):
        if schema.get("format") == "date-time" and value is not None:
            assert value.endswith("+00:00")
            assert dt.datetime.fromisoformat(value).utcoffset() == dt.timedelta(0)
        for name, part in schema.get("properties", {}).items():
            if isinstance(value, dict) and name in value:
                check(part, value[name])

    for stream, records in ran.records.items():
        for record in records:
            check(ran.schemas[stream]["schema"], record)


def test_the_final_state_says_where_the_next_run_begins(ran):
    """The last STATE holds a bookmark for each incremental stream, within the run's time."""
    for stream, message in ran.schemas.items():
        if message.get("bookmark_properties"):
            entry = ran.state["bookmarks"][stream]
            assert entry["replication_key"] == message["bookmark_properties"][0]
            assert dt.datetime.fromisoformat(entry["replication_key_value"])
            assert "progress" not in entry


def test_bookmarks_never_run_backwards(ran):
    """Over the STATEs of a run no bookmark moves back."""
    last: dict[str, str] = {}
    for state in ran.states:
        for stream, entry in state["bookmarks"].items():
            value = entry.get("replication_key_value", "")
            assert value >= last.get(stream, "")
            last[stream] = value


def test_a_schema_goes_before_its_records_once(ran):
    """Each stream has one SCHEMA, before its records."""
    seen: list[str] = []
    for message in ran.messages:
        if message["type"] == "SCHEMA":
            assert message["stream"] not in seen
            seen.append(message["stream"])
        elif message["type"] == "RECORD":
            assert message["stream"] in seen


def test_replication_keys_are_never_null(ran):
    """No contact, and no row of a contact, lacks its replication key."""
    for stream, key in {
        "crm_contacts": "updated_at",
        "marketing_contacts": "updated_at",
        "marketing_contact_tags": "contact_updated_at",
        "marketing_segment_memberships": "contact_updated_at",
    }.items():
        assert all(record[key] for record in ran.records[stream])


def test_a_hidden_deal_comes_with_what_it_has(ran):
    """A hidden deal has its id, name and status, is disabled, and has nothing else."""
    hidden = [r for r in ran.records["crm_opportunities"] if r["is_disabled"]]
    assert hidden
    for record in hidden:
        assert record["id"]
        assert record["name"]
        assert record["status"] == "open"
        assert record["amount"] is record["stage"] is record["owner"] is None
        assert record["_errors"] == []
