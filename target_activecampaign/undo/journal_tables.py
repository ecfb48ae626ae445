"""The tables of the undo file, and their rows as objects."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

import sqlalchemy as sa

#: States of an entry: its request was about to be sent, has a response, or was undone.
SENT, WRITTEN, UNDONE = "sent", "written", "undone"

METADATA = sa.MetaData()
META = sa.Table(
    "undo_meta",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text),
)
RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("started", sa.Double, nullable=False),
)
ENTRIES = sa.Table(
    "entries",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("former", sa.Text),
    sa.Column("mark", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
ROWS = sa.Table(
    "rows",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text),
    sa.Column("ledger_key", sa.LargeBinary),
    sa.Column("source", sa.Text),
    sa.Column("note", sa.Text),
    sqlite_with_rowid=False,
)

#: The grants of people who left an audience. The column `giver` is the grantor; `tokens` are the
#: grants by id. Other column names would need a migration of undo files.
LEAVERS = sa.Table(
    "leavers",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("giver", sa.Text, primary_key=True),
    sa.Column("tokens", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)


#: Prefix of the temporary id of a record until the response to its create has the id. The temporary
#: id stays after a killed run: then it is not known whether the record was created.
UNCONFIRMED_ID = "?"
#: Prefix of the temporary id of a contact of which the run knows only the address.
BY_ADDRESS = "@"


class Mark(TypedDict, total=False):
    """Distinguishes a value that the run wrote from an equal value of another client.

    The mark of a list status:

    * ``at`` and ``source``: the time and the source of the unsubscription in the account.
    * ``subscribed``: the time of the subscription.
    * ``was``: ``at`` and ``source`` before the request.
    * ``since`` and ``until``: the importer returns none of the above. It changed the status between
      these times, in seconds of the account's clock.

    The mark of an entry into an automation:

    * ``id``: the id of the enrolment.

    The mark of a created record:

    * ``since``: the time before its request.
    * ``is_unsure``: whether the record may have existed before.

    The mark of a value whose request ActiveCampaign refused:

    * ``is_duplicate``: the account had the value when the request arrived.
    """

    at: Any
    source: str
    subscribed: Any
    was: Mark
    since: float
    until: float
    id: str
    is_unsure: bool
    is_duplicate: bool


class ValuePart(NamedTuple):
    """The place of a value: ``kind`` and ``id`` name the record, ``name`` the value in it."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True)
class Entry:
    """A value that a run replaced; ``before`` is None if the record had no value.

    ``after`` is the run's value. While the ``state`` is `SENT`, the account may still hold the
    run's previous value, which is then in ``former``. ``mark`` distinguishes a status of the run
    from an equal status of another client. ``number`` is the entry's place in the order of the
    run's requests.
    """

    part: ValuePart
    number: int
    before: Any
    after: Any
    former: tuple[Any, ...] = ()
    mark: Mark = field(default_factory=Mark)
    state: str = WRITTEN
    run: str = ""
    #: The same part under the contact's address, if the run first knew the contact by address.
    also: tuple[ValuePart, ...] = ()

    @property
    def written(self) -> tuple[Any, ...]:
        """The values of the run that the account may hold."""
        return (self.after, *self.former)


@dataclass(frozen=True)
class WrittenRow:
    """An input row of a run, and the record that it wrote.

    ``number`` is the place of the row's last request in the run. ``row`` is its number in the
    input. ``source`` is the record's id in another account. ``note`` says why an undo does not
    cover the row.
    """

    kind: str
    id: str
    number: int
    stream: str
    row: int | None
    key: dict[str, Any]
    ledger_key: bytes
    source: str | None = None
    note: str | None = None


def dump(value: Any) -> str:
    """Return a value as the file stores it, None as `null`."""
    return json.dumps(value, default=str)


def load(text: str | None) -> Any:
    """Return the value of a text in the file."""
    return None if text is None else json.loads(text)


def entry_of(row: Any) -> Entry:
    """Return the entry of a row of the table `entries`."""
    return Entry(
        ValuePart(row.kind, row.id, row.part),
        row.number,
        load(row.before),
        load(row.after),
        () if row.former is None else (load(row.former),),
        load(row.mark) or Mark(),
        row.state,
        row.run,
    )


def row_of(row: Any) -> WrittenRow:
    """Return the input row of a row of the table `rows`."""
    return WrittenRow(
        row.kind,
        row.id,
        row.number,
        row.stream,
        row.row or None,
        load(row.key) or {},
        row.ledger_key or b"",
        row.source,
        row.note,
    )
