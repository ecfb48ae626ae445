"""Hostile values: account, tap output and DuckDB have the same text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.sandbox import Served, World, serve

from .program import KEY, Ended, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = {
    "single quotes": "O'Brien''s \\' ; DROP TABLE contacts; --",
    "double quotes": 'Robert "Bobby", "" \\" Tables',
    "lines": "first\nsecond\r\nthird\rfourth\u2028fifth\u2029sixth\x85seventh",
    "tabs and commas": "a\tb,c;d|e\x1ff",
    "emoji": "👩🏽‍🚀 flies 🏴󠁧󠁢󠁳󠁣󠁴󠁿 over 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "null": "NULL",
    "another null": "\\N",
    "nothing": "None",
    "not a number": "NaN",
    "a number": "007",
    "a large number": "123456789012345678901234567890.10",
    "a truth": "true",
    "a date": "2026-01-31T00:00:00Z",
    "long": "長 lang" * 34_000,
    "object": '{"id": "1", "tags": [null], "type": "STATE"}',
    "array": "[1, 2",
    "message": '{"type":"RECORD","stream":"crm_contacts","record":{"id":"0"}}',
    "control characters": "nul\x00 bell\x07 back\x08 escape\x1b[31m delete\x7f form\x0cfeed",
    "right to left": "שלום \u202eabc\u202c مرحبا",
    "zero width": "in\u200bvis\u200dible\ufeff\u2060",
    "combining": "Zu\u0308rich or Z\u00fcrich",
    "percent": "%s %(x)s {0} ${HOME} $(id) `id`",
    "backslashes": "C:\\new\\table\\u0041 \\\\",
    "a formula": '=HYPERLINK("x")',
    "separators": 'a,b;c|d,"e",""',
    "html": "<b>&amp;</b> &#39; &lt;",
    "blank within": "a\u00a0b\u3000c  d",
    "blank ends": " \t\n around \r\n ",
    "not a character": "\ufffe\uffff\ufffd",
}
TEXT, REMARKS = 1, 8  # contact fields of the sandbox: a text and a text area

ROWS = """
CREATE OR REPLACE TABLE said AS
SELECT row_number() OVER () AS line, type, stream, record
FROM read_json(?, format = 'newline_delimited', maximum_object_size = 16777216,
     columns = {'type': 'VARCHAR', 'stream': 'VARCHAR', 'record': 'JSON'})
"""
KEEP_LAST = """
CREATE OR REPLACE TABLE kept AS
SELECT stream, record FROM said WHERE type = 'RECORD'
QUALIFY row_number() OVER (
    PARTITION BY stream, record->>'id', record->>'contact_id', record->>'tag_id' ORDER BY line DESC
) = 1
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """An account in which every text is hostile."""
    world = World(contacts=4, deals=1, accounts=1, api_key=KEY, requests_per_second=0)
    for number, text in enumerate(HOSTILE.values()):
        tag = world.add_tag(text, description=text)
        account = world.add_account(text)
        contact = world.add_contact(
            f"hostile{number}@case.example", firstName=text, lastName=text, phone="+49 1"
        )
        spoil(world, contact.id, text)
        world.tag(contact.id, tag.id)
        world.link(contact.id, account.id, jobTitle=text)
        world.add_deal(text, contact=contact.id, description=text)
    with serve(world) as served:
        yield served


def spoil(world: World, contact: int, text: str) -> None:
    """Set a text in every column of a contact that may have text."""
    world.set_field(contact, TEXT, text)
    world.set_field(contact, REMARKS, text)
    world.add_note("Subscriber", contact, text)


class Warehouse:
    """The tables of a loader, in DuckDB."""

    def __init__(self, workspace: Workspace) -> None:
        """Open it."""
        self._connection = duckdb.connect()
        self._path = workspace.folder / "out.jsonl"
        self._path.touch()

    def load(self, ended: Ended) -> None:
        """Append the output of a run to that of earlier runs."""
        with self._path.open("a", encoding="utf-8", newline="") as handle:
            handle.write(ended.out)
        self._connection.execute(ROWS, [str(self._path)])
        self._connection.execute(KEEP_LAST)

    def rows(self, stream: str, *columns: str) -> dict[int, tuple[Any, ...]]:
        """Return columns of a stream by id."""
        selected = ", ".join(f"record->>'$.{column}'" for column in ("id", *columns))
        query = f"SELECT {selected} FROM kept WHERE stream = ?"  # noqa: S608 - our own columns
        found = self._connection.execute(query, [stream]).fetchall()
        assert len({row[0] for row in found}) == len(found)
        return {int(row[0]): row[1:] for row in found}

    def pairs(self) -> set[tuple[str, str]]:
        """Return the tags of each contact."""
        query = (
            "SELECT record->>'contact_id', record->>'tag_id' FROM kept "
            "WHERE stream = 'marketing_contact_tags'"
        )
        return {(value, other) for value, other in self._connection.execute(query).fetchall()}

    def lines(self) -> int:
        """Return the number of messages."""
        return int(self._connection.execute("SELECT count(*) FROM said").fetchall()[0][0])


def shown(text: str | None) -> str | None:
    """Return a text as a record has it: trimmed, null if empty."""
    return (without_nul(text) or "").strip() or None


def without_nul(text: str | None) -> str | None:
    """Return a text without NUL, which loaders cannot store."""
    return text and text.replace("\0", "\ufffd")


def pairs_of(world: World) -> set[tuple[str, str]]:
    """Return the tags of each contact."""
    return {(str(row.contact), str(row.tag)) for row in world.tables["contactTags"]}


def check(warehouse: Warehouse, world: World, *, deleted_pairs: set[tuple[str, str]]) -> None:
    """Compare every row that can have a text with the account's own tables.

    ``gone`` are earlier pairs of the account: Singer has no message for their end.
    """
    t = world.tables
    values = {(row.contact, row.field): without_nul(row.value) for row in t["fieldValues"]}
    tags: dict[int, list[str | None]] = {contact_id: [] for contact_id in t["contacts"].ids()}
    for pair in sorted(t["contactTags"], key=lambda row: row.tag):
        tags[pair.contact].append(shown(t["tags"][pair.tag].tag))
    links = {row.contact: row for row in t["accountContacts"]}

    def company(contact_id: int) -> tuple[str | None, ...]:
        link = links.get(contact_id)
        return (
            (shown(t["accounts"][link.account].name), shown(link.jobTitle))
            if link
            else (None, None)
        )

    people = {
        row.id: (
            shown(row.firstName),
            shown(row.lastName),
            values.get((row.id, TEXT)) or None,
            values.get((row.id, REMARKS)) or None,
            tags[row.id],
            *company(row.id),
        )
        for row in t["contacts"]
    }
    columns = ["first_name", "last_name", "custom_fields.lead_source", "custom_fields.remarks"]
    columns += ["tags[*].name", "account.name", "title"]
    assert warehouse.rows("crm_contacts", *columns) == people
    named = {
        contact_id: (first, last, *more[:-2]) for contact_id, (first, last, *more) in people.items()
    }
    assert warehouse.rows("marketing_contacts", *columns[:5]) == named
    assert warehouse.rows("crm_notes", "content") == {
        row.id: (without_nul(row.note),) for row in t["notes"]
    }
    assert warehouse.rows("marketing_tags", "name", "description") == {
        row.id: (shown(row.tag), shown(row.description)) for row in t["tags"]
    }
    assert warehouse.rows("crm_accounts", "name") == {
        row.id: (shown(row.name),) for row in t["accounts"]
    }
    assert warehouse.rows("crm_opportunities", "name", "description") == {
        row.id: (shown(row.title), without_nul(row.description) or None) for row in t["deals"]
    }
    assert warehouse.pairs() == pairs_of(world) | deleted_pairs


def test_every_value_arrives_and_the_next_run_brings_what_changed(
    workspace: Workspace, served: Served
) -> None:
    """DuckDB reads the account's values from the tap's output, after the second run too."""
    world, warehouse = served.world, Warehouse(workspace)
    first = workspace.run()
    assert (first.code, first.errors) == (0, [])
    warehouse.load(first)
    assert warehouse.lines() == len(first.messages)
    check(warehouse, world, deleted_pairs=set())

    before = pairs_of(world)
    victims = [row.id for row in world.tables["contacts"]][-len(HOSTILE) :: 2]
    for contact_id, text in zip(victims, reversed(HOSTILE.values()), strict=False):
        world.edit_contact(contact_id, firstName=text, lastName="")
        spoil(world, contact_id, text)
        world.untag(contact_id, world.tables["contactTags"].by("contact", contact_id)[0].tag)
    newcomer = world.add_contact("new@case.example", firstName=HOSTILE["lines"])
    world.tag(newcomer.id, 1)
    second = workspace.run(state=first.states[-1])
    assert (second.code, second.errors) == (0, [])
    assert set(second.ids("crm_contacts")) == {*victims, newcomer.id}
    warehouse.load(second)
    assert warehouse.lines() == len(first.messages) + len(second.messages)
    check(warehouse, world, deleted_pairs=before - pairs_of(world))


@pytest.mark.long
def test_sideloaded_or_not_the_bytes_are_the_same(workspace: Workspace) -> None:
    """`sideload: never` writes the same records, with hostile values."""
    records = [
        [
            (message["stream"], message["record"])
            for message in workspace.run(sideload=sideload).messages
            if "record" in message
        ]
        for sideload in ("auto", "never")
    ]
    assert records[0] == records[1]
