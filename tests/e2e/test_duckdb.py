"""The tap's own output read by DuckDB: whatever people typed, every row and value is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.e2e.program import KEY, Desk, Ended
from tests.sandbox import World, serve

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = {
    "quotes": 'O\'Brien "the" `best`; DROP TABLE crm_contacts; --',
    "lines": "one\ntwo\r\nthree\ttab",
    "emoji": "👩‍👩‍👧‍👦 naïve ﷽ \u202eright to left",
    "the word null": "NULL",
    "a loader's null": "\\N",
    "backslashes": "C:\\new\\table \\u0041 \\",
    "separators": 'a,b;c|d,"e",""',
    "looks like JSON": '{"id": [1, null], "RECORD": "{}"}',
    "looks like Singer": '{"type": "STATE", "value": {}}',
    "control characters": "bell\x07 escape\x1b[31m nul-free\x7f \x85 \u2028 \u2029 end",
    "very long": "x" * 100_000 + "é",
    "a number": "0012.50",
    "a formula": '=HYPERLINK("x")',
    "true": "true",
}


@pytest.fixture(scope="module")
def written() -> dict[int, str]:
    """The texts by the id of the contact that bears them."""
    return {}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tap's output is kept."""
    return tmp_path_factory.mktemp("hostile") / "out.jsonl"


@pytest.fixture(scope="module")
def run(output: Path, written: dict[int, str]) -> Ended:
    """A run over an account whose people wrote whatever they liked, wherever they could."""
    world = World(contacts=3, deals=2, accounts=2, api_key=KEY, requests_per_second=0)
    field = next(one.id for one in world.tables["fields"] if one.perstag == "REMARKS")
    for number, text in enumerate(HOSTILE.values()):
        contact = world.add_contact(f"hostile{number}@trial.example", lastName=text).id
        world.set_field(contact, field, text)
        world.add_note("Subscriber", contact, text)
        world.tag(contact, world.add_tag(f"{number} {text[:200]}").id)
        written[contact] = text
    with serve(world) as served:
        ended = Desk(output.parent, served.url).run()
    assert ended.code == 0, ended.err
    output.write_text(ended.out, encoding="utf-8")
    return ended


@pytest.fixture(scope="module")
def database(run: Ended, output: Path) -> duckdb.DuckDBPyConnection:
    """The tap's output as DuckDB reads it by itself: a row per message."""
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE messages AS SELECT * FROM read_json(?, format = 'newline_delimited', "
        "maximum_object_size = 10000000, columns = {type: 'VARCHAR', stream: 'VARCHAR', "
        "key_properties: 'VARCHAR[]', record: 'JSON'})",
        [str(output)],
    )
    return connection


def test_every_row_is_there(run: Ended, database: duckdb.DuckDBPyConnection) -> None:
    """DuckDB counts as many rows per stream as the tap says it emitted, each key once."""
    counted = database.execute(
        "SELECT r.stream, count(*), count(DISTINCT list_transform(s.key_properties, "
        "key -> json_extract_string(r.record, key))) "
        "FROM messages r JOIN messages s ON r.stream = s.stream "
        "WHERE r.type = 'RECORD' AND s.type = 'SCHEMA' GROUP BY 1"
    ).fetchall()
    told = dict(re.findall(r"(\w+): done, \d+ rows read, (\d+) emitted", run.err))
    assert {stream: rows for stream, rows, _ in counted} == {
        stream: int(rows) for stream, rows in told.items()
    }
    assert all(rows == keys for _, rows, keys in counted)
    assert len(counted) == 15


def test_every_value_is_as_it_was_written(
    database: duckdb.DuckDBPyConnection, written: dict[int, str]
) -> None:
    """Names, custom fields, tags and notes come through letter by letter."""
    people = database.execute(
        "SELECT (record->>'id')::INT, record->>'last_name', record->>'$.custom_fields.remarks', "
        "record->>'$.tags[0].name' FROM messages WHERE type = 'RECORD' AND stream = ? "
        "AND (record->>'last_name') IS NOT NULL ORDER BY 1",
        ["crm_contacts"],
    ).fetchall()
    notes = dict(
        database.execute(
            "SELECT (record->>'$.contact[0].id')::INT, record->>'content' FROM messages "
            "WHERE type = 'RECORD' AND stream = 'crm_notes'"
        ).fetchall()
    )
    found = {contact: values for contact, *values in people if contact in written}
    assert found.keys() == written.keys()
    for number, (name, (contact, text)) in enumerate(zip(HOSTILE, written.items(), strict=True)):
        assert found[contact] == [text, text, f"{number} {text[:200]}".strip()], name
        assert notes[contact] == text, name


def test_flattening_makes_columns(tmp_path: Path, served: Any) -> None:
    """flattening_enabled: objects become columns, in the schema and in the rows alike."""
    desk = Desk(tmp_path, served.url)
    ended = desk.run(flattening_enabled=True, flattening_max_depth=1)
    assert ended.code == 0, ended.err
    schemas = {
        one["stream"]: one["schema"]["properties"]
        for one in ended.messages
        if one["type"] == "SCHEMA"
    }
    deals = schemas["crm_opportunities"]
    assert {"stage__id", "stage__name", "pipeline__name"} <= deals.keys()
    assert "stage" not in deals
    assert "number" in schemas["crm_contacts"]["custom_fields__lead_score"]["type"]
    for stream in ("crm_opportunities", "crm_contacts"):
        for record in ended.records(stream):
            assert record.keys() <= schemas[stream].keys()
    assert any(record.get("stage__name") for record in ended.records("crm_opportunities"))
    assert any(record.get("custom_fields__lead_score") for record in ended.records("crm_contacts"))


def test_stream_maps_change_streams(tmp_path: Path, served: Any) -> None:
    """stream_maps: rename a stream, leave rows and columns out, hash an address."""
    desk = Desk(tmp_path, served.url)
    ended = desk.run(
        stream_maps={
            "marketing_contacts": {
                "__alias__": "people",
                "__filter__": "int(id) <= 10",
                "email": "md5(email)",
                "phones": None,
            },
            "crm_notes": "__NULL__",
        }
    )
    assert ended.code == 0, ended.err
    people = ended.records("people")
    assert [int(record["id"]) for record in people] == list(range(1, 11))
    assert all(len(record["email"]) == 32 and "phones" not in record for record in people)
    assert not ended.records("marketing_contacts")
    assert not ended.records("crm_notes")
    assert len(ended.records("crm_contacts")) == 60
    assert set(ended.states[-1]["bookmarks"]) >= {"marketing_contacts", "crm_contacts"}
