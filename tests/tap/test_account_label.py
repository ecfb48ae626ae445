"""The account label: each record has it; without the setting nothing changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.catalog import STREAMS
from tap_activecampaign_unified.config.read_settings import Settings, SettingsError
from tap_activecampaign_unified.config.tap_settings import TAP
from tests.end_to_end.program import selecting

from .running import CONTACT_STREAMS, Account, Ran

if TYPE_CHECKING:
    from pathlib import Path

LABEL = "account_label"
DELETED = "_sdc_deleted_at"
SOME = (
    "crm_contacts",
    "crm_fields",
    "marketing_contact_tags",
    "marketing_tags",
    "raw_contacts",
    "raw_tags",
    "raw_deal_stages",
)


@pytest.fixture
def account() -> Account:
    """An account with a little of everything."""
    return Account(contacts=40, deals=20, accounts=10)


def without_label(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as it is without the setting."""
    kept = {name: value for name, value in message.items() if name != "time_extracted"}
    if message["type"] == "RECORD":
        kept["record"] = {k: v for k, v in message["record"].items() if k != LABEL}
    elif message["type"] == "SCHEMA":
        schema = json.loads(json.dumps(message["schema"]))
        schema["properties"].pop(LABEL)
        if "required" in schema:
            schema["required"].remove(LABEL)
        keys = [key for key in message["key_properties"] if key != LABEL]
        kept |= {"schema": schema, "key_properties": keys}
    return kept


def everything(account: Account, **settings: Any) -> Ran:
    """Read every stream."""
    return account.run(only=[stream.name for stream in STREAMS], **settings)


def test_the_label_is_in_every_record_schema_and_key(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Every record, schema and key of every stream has the label; nothing else changes.

    State stays the same as well.
    """
    ran, plain = (
        everything(
            Account(contacts=40, deals=20, accounts=10),
            rate_limit_store=str(tmp_path / str(len(settings))),
            **settings,
        )
        for settings in ({LABEL: " acme "}, {})
    )
    assert ran.code == plain.code == 0
    left_out = {stream.name for stream in STREAMS} - set(ran.schemas)
    assert all(f"{name}: skipped" in caplog.text for name in left_out)
    assert len(left_out) < 5  # paths that this account answers with 404
    for message in ran.schemas.values():
        assert message["key_properties"][-1] == LABEL
        assert len(message["key_properties"]) > 1
        assert message["schema"]["properties"][LABEL]["type"] in ("string", ["string"])
    assert all(r[LABEL] == "acme" for rows in ran.records.values() for r in rows)
    assert len(ran.records) > 60
    messages = [without_label(message) for message in ran.messages]
    assert [m for m in messages if m["type"] != "SCHEMA"] == [
        {name: value for name, value in message.items() if name != "time_extracted"}
        for message in plain.messages
        if message["type"] != "SCHEMA"
    ]
    schemas = {name: without_label(message) for name, message in ran.schemas.items()}
    assert schemas.keys() == plain.schemas.keys()
    for name, message in plain.schemas.items():
        assert schemas[name]["key_properties"] == message["key_properties"]
        assert schemas[name]["schema"]["properties"] == message["schema"]["properties"]
    assert LABEL not in json.dumps(plain.messages)


def test_no_stream_has_a_column_of_that_name() -> None:
    """No stream has a column that the label would replace."""
    account = Account(contacts=40, deals=20, accounts=10)
    for rows in everything(account, include_remote_data=True).records.values():
        assert all(LABEL not in row for row in rows)
    assert all(LABEL not in stream.schema()["properties"] for stream in STREAMS)


def test_an_earlier_catalog_follows_the_label_setting(account: Account) -> None:
    """Schema, key and records follow the setting, with or without the label in the catalog.

    The label cannot be deselected, because it is part of the key.
    """
    plain, labelled = account.discover(), account.discover(**{LABEL: "acme"})
    catalog = account.discover(**{LABEL: "acme"}).to_dict()
    for entry in selecting(catalog, SOME)["streams"]:
        for metadata in entry["metadata"]:
            if metadata["breadcrumb"] == ["properties", LABEL] or metadata["breadcrumb"] == (
                "properties",
                LABEL,
            ):
                metadata["metadata"] = {"inclusion": "available", "selected": False}
    hidden = type(plain).from_dict(catalog)
    for found in (plain, hidden):
        ran = account.run(catalog=found, only=SOME, **{LABEL: "acme"})
        assert set(ran.schemas) == set(SOME)
        for name, message in ran.schemas.items():
            assert message["key_properties"][-1] == LABEL
            assert LABEL in message["schema"]["properties"], name
            assert all(row[LABEL] == "acme" for row in ran.records[name])
    ran = account.run(catalog=labelled, only=SOME)
    assert LABEL not in json.dumps(ran.messages)
    assert ran.schemas["crm_fields"]["key_properties"] == ["entity", "id"]


def test_a_stream_whose_key_was_taken_away_gets_none_again(account: Account) -> None:
    """A stream without a key gets no key from the label.

    A loader would keep one row per account.
    """
    catalog = account.discover()
    catalog["crm_contacts"].key_properties = []
    catalog["crm_contacts"].metadata.root.table_key_properties = []
    ran = account.run(catalog=catalog, only=["crm_contacts"], **{LABEL: "acme"})
    assert ran.schemas["crm_contacts"]["key_properties"] == []
    assert ran.records["crm_contacts"][0][LABEL] == "acme"


def test_deletes_reach_the_table_as_tombstones_with_the_label_and_no_version(
    account: Account, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the label the tap emits tombstones and no ACTIVATE_VERSION.

    A version would delete other accounts' rows. Tombstones of rows, pairs and small tables have the
    whole key. A raw stream has no tombstones, and logs that.
    """
    settings = {LABEL: "acme", "detect_deletes": True, "known_ids_path": str(tmp_path / "known")}
    tag = account.world.add_tag("Short-lived")
    account.world.tag(5, tag.id)
    streams = [*CONTACT_STREAMS, "marketing_tags", "marketing_contact_tags", "raw_tags"]
    first = account.run(only=streams, **settings)
    account.world.delete_contact(7)
    account.world.delete_tag(tag.id)
    account.wait(minutes=5)
    second = account.run(first.state, only=streams, **settings)
    for ran in (first, second):
        assert "ACTIVATE_VERSION" not in {message["type"] for message in ran.messages}
        assert not [message for message in ran.messages if "version" in message]
    assert "raw_tags: the tap reports no deletes while account_label is set" in caplog.text
    tombstones = {
        name: [row for row in rows if row.get(DELETED)] for name, rows in second.records.items()
    }
    assert {row["id"] for row in tombstones["crm_contacts"]} == {"7"}
    assert {row["id"] for row in tombstones["marketing_tags"]} == {str(tag.id)}
    assert (("5", str(tag.id))) in {
        (row["contact_id"], row["tag_id"]) for row in tombstones["marketing_contact_tags"]
    }
    assert all(row[LABEL] == "acme" for rows in tombstones.values() for row in rows)


def test_bookmarks_do_not_know_the_label(account: Account) -> None:
    """A run with a new label continues from the bookmark; only new rows have the new label."""
    first = account.run(only=CONTACT_STREAMS, **{LABEL: "acme"})
    account.world.edit_contact(3, firstName="Edited")
    account.wait(minutes=5)
    second = account.run(first.state, only=CONTACT_STREAMS, **{LABEL: "acme-eu"})
    assert [(row["id"], row[LABEL]) for row in second.records["crm_contacts"]] == [("3", "acme-eu")]


@pytest.mark.parametrize("label", ["", "   ", None], ids=repr)
def test_an_empty_label_is_none(label: Any) -> None:
    """An empty label is no label: Meltano passes unset settings as empty strings."""
    config = {"api_url": "https://acme.api-us1.com", "api_key": "k", LABEL: label}
    assert Settings(TAP, config, "X_")[LABEL] is None


@pytest.mark.parametrize(
    ("label", "line"),
    [
        ("a\nb", "account_label must be one line of visible characters"),
        ("a\x00b", "account_label holds an invalid character"),
        ("a\u200bb", "account_label must be one line of visible characters"),
        ("x" * 101, "account_label must have at most 100 characters"),
        (42, "account_label must be text"),
    ],
    ids=["line", "NUL", "invisible", "long", "number"],
)
def test_an_unusable_label_is_refused(label: Any, line: str) -> None:
    """A label of blanks or control characters is refused."""
    config = {"api_url": "https://acme.api-us1.com", "api_key": "k", LABEL: label}
    with pytest.raises(SettingsError) as refused:
        Settings(TAP, config, "X_")
    assert refused.value.lines == [line]
