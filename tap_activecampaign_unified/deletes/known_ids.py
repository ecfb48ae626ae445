"""Stores the ids that an account had at the last complete read, and the ids deleted since.

It also stores the ids of a run's records before the run writes them. So a later run emits a
tombstone for a record of an interrupted run.

A file holds the ids of one account. PostgreSQL tables hold the ids of all accounts and machines.
Deleted ids stay for a year: several pipelines may read the account, and each pipeline emits the
tombstones that it has not emitted.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.storage.database import open_database

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: The id of the parent row ("" for none) and the row's own id.
Key = tuple[str, str]

SETTING, SCHEMA = "known_ids_path", "activecampaign_known_ids"
VERSION = 1
RETENTION = dt.timedelta(days=366)
WAIT_SECONDS = 60.0
MAX_BUFFERED = 1_000
# The database compares times as text, byte by byte.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_LASTING, _OF_THIS_RUN = sa.MetaData(), sa.MetaData()


def _table(name: str, metadata: sa.MetaData, key: str, others: str = "") -> sa.Table:
    columns = [sa.Column(column, _TEXT, primary_key=True) for column in key.split()]
    columns += [sa.Column(column, _TEXT) for column in others.split()]
    prefixes = ["TEMPORARY"] if metadata is _OF_THIS_RUN else []
    return sa.Table(name, metadata, *columns, prefixes=prefixes, sqlite_with_rowid=False)


_known = _table("known", _LASTING, "kind parent id", "who checked")
_gone = _table("gone", _LASTING, "kind parent id", "at")
# The time of each kind's last comparison.
_comparisons = _table("swept", _LASTING, "kind", "at")
_seen = _table("seen", _OF_THIS_RUN, "kind parent id")
_read = _table("read", _OF_THIS_RUN, "kind parent")
_KEY = ("kind", "parent", "id")
_SAME_KEY = sa.and_(*(_known.c[name] == _seen.c[name] for name in _KEY))
_ORDER = (sa.func.length(_gone.c.parent), _gone.c.parent, sa.func.length(_gone.c.id), _gone.c.id)


class KnownIds:
    """The known ids of one account, and the ids that this run has seen.

    ``kind`` is the endpoint of rows or pairs. ``user`` is the id of the key's user, because another
    user may see fewer rows. Every method raises `OSError` if the database fails.
    """

    def __init__(self, location: Path | str, account: str, program: str = "") -> None:
        """Open the file or the database. Raise `SettingsError` if it cannot be used."""
        self._buffer: dict[sa.Table, list[dict[str, str]]] = {_seen: [], _read: []}
        with contextlib.ExitStack() as stack:
            try:
                self._database = open_database(
                    SETTING, location, program=program, schema=SCHEMA, wait_seconds=WAIT_SECONDS
                )
                stack.callback(self.close)
                self._create_tables(account)
            except OSError as problem:
                cause = problem.strerror or type(problem).__name__
                raise SettingsError(
                    [f"{SETTING} cannot be used ({cause}): name another file or database"]
                ) from None
            stack.pop_all()
        self._prefix = "" if self._database.is_file else f"{account}/"

    def _create_tables(self, account: str) -> None:
        database = self._database
        if not database.is_file:
            database.create_tables(_LASTING)
        else:
            database.rows("PRAGMA temp_store = FILE")
            if database.rows("PRAGMA user_version")[0][0] > VERSION:
                raise SettingsError(
                    [f"{SETTING} was written by a newer version: update, or name another file"]
                )
            database.create_tables(_LASTING)
            with database.transaction():
                database.rows("CREATE TABLE IF NOT EXISTS whose (account TEXT PRIMARY KEY)")
                owner = database.rows("SELECT account FROM whose")
                if not owner:
                    database.rows("INSERT INTO whose VALUES (?)", (account,))
                    database.rows(f"PRAGMA user_version = {VERSION}")
            if owner not in ([], [(account,)]):
                # All its rows would be missing in this account.
                raise SettingsError([f"{SETTING} belongs to another account: name another file"])
        for table in _OF_THIS_RUN.sorted_tables:
            database.rows(sa.schema.CreateTable(table))

    def close(self) -> None:
        """Close the database and drop the ids that this run has seen."""
        self._database.close()

    def _kind(self, kind: str) -> str:
        """Return a kind's name in the tables. In PostgreSQL it begins with the account."""
        return self._prefix + kind

    # --- ids of this run --------------------------------------------------------------------

    def record_seen(self, kind: str, keys: Iterable[Key]) -> None:
        """Record existing rows or pairs."""
        kind = self._kind(kind)
        rows = [{"kind": kind, "parent": parent, "id": native_id} for parent, native_id in keys]
        self._record(_seen, rows)

    def record_read(self, kind: str, parents: Iterable[str]) -> None:
        """Record rows for which the tap has read all pairs of a kind."""
        kind = self._kind(kind)
        self._record(_read, [{"kind": kind, "parent": parent} for parent in parents])

    def keep(self, keys: Iterable[tuple[str, Key]], user: str) -> None:
        """Store (kind, key) of rows or pairs at once, also if the run does not end."""
        rows = [
            dict(zip(_known.c.keys(), (self._kind(kind), *key, user, None), strict=True))
            for kind, key in keys
        ]
        with self._database.transaction(SCHEMA, self._prefix):
            self._database.rows(self._database.put(_known), rows)

    def _record(self, table: sa.Table, rows: list[dict[str, str]]) -> None:
        buffer = self._buffer[table]
        buffer += rows
        if len(buffer) >= MAX_BUFFERED:
            self._flush()

    def _flush(self) -> None:
        with self._database.transaction():
            for table, rows in self._buffer.items():
                self._database.rows(self._database.add(table), rows)
                rows.clear()

    # --- missing ids ------------------------------------------------------------------------

    def _missing(self, column: Any, kind: str, user: str) -> Any:
        """Return the query for the keys that ``user`` saw before and this run did not see."""
        return (
            sa.select(*column)
            .where(_known.c.kind == self._kind(kind), _known.c.who == user)
            .where(~sa.exists().where(_SAME_KEY))
        )

    def count(self, kind: str) -> int:
        """Return the number of rows or pairs of a kind that were known before this run."""
        counted = sa.select(sa.func.count()).where(_known.c.kind == self._kind(kind))
        return int(self._database.rows(counted)[0][0])

    def count_missing(self, kind: str, user: str) -> int:
        """Return the number of missing rows that ``user`` saw before."""
        self._flush()
        return int(self._database.rows(self._missing([sa.func.count()], kind, user))[0][0])

    def missing_rows(self, kind: str, user: str, checked_before: str) -> list[str]:
        """Return the ids of rows that ``user`` saw before and does not see now.

        Omits rows that a request found since ``checked_before``.
        """
        self._flush()
        rows = self._database.rows(
            self._missing([_known.c.id], kind, user)
            .where(sa.func.coalesce(_known.c.checked, "") < checked_before)
            .order_by(sa.func.length(_known.c.id), _known.c.id)
        )
        return [native_id for (native_id,) in rows]

    def missing_pairs(self, kind: str, user: str) -> list[Key]:
        """Return the pairs that ``user`` saw before, and that a row of this run lacks."""
        self._flush()
        read = sa.select(_read.c.parent).where(_read.c.kind == self._kind(kind))
        missing = self._missing([_known.c.parent, _known.c.id], kind, user)
        return self._pairs(missing.where(_known.c.parent.in_(read)))

    def pairs_of_gone(self, kind: str, parents: str) -> list[Key]:
        """Return the known pairs with a deleted parent of the kind ``parents``."""
        gone = sa.select(_gone.c.id).where(_gone.c.kind == self._kind(parents))
        pairs = sa.select(_known.c.parent, _known.c.id).where(_known.c.kind == self._kind(kind))
        return self._pairs(pairs.where(_known.c.parent.in_(gone)))

    def _pairs(self, statement: Any) -> list[Key]:
        return [(parent, native_id) for parent, native_id in self._database.rows(statement)]

    def reappeared(self, kind: str, ids: Iterable[str]) -> set[str]:
        """Return the ids among ``ids`` that were deleted before."""
        gone = sa.select(_gone.c.id).where(_gone.c.kind == self._kind(kind), _gone.c.parent == "")
        return {
            native_id for (native_id,) in self._database.rows(gone.where(_gone.c.id.in_(list(ids))))
        }

    def has_gone(self, kind: str) -> bool:
        """Return whether a row of a kind was deleted."""
        gone = sa.select(_gone.c.id).where(_gone.c.kind == self._kind(kind)).limit(1)
        return bool(self._database.rows(gone))

    # --- the end of a comparison ------------------------------------------------------------

    def commit_comparison(
        self, kind: str, user: str, now: dt.datetime, gone: Iterable[Key], existing: Iterable[str]
    ) -> None:
        """Store a comparison's result. ``existing`` rows were missing, but a request found them."""
        self._flush()
        at, table_kind, database = (
            self._comparison_time(kind, now),
            self._kind(kind),
            self._database,
        )
        # SQLAlchemy takes a parameter with the name of a column for a value to set.
        keys = [
            {"b_kind": table_kind, "b_parent": parent, "b_id": native_id}
            for parent, native_id in gone
        ]
        seen = sa.select(_seen.c.kind, _seen.c.parent, _seen.c.id)
        same_key = sa.and_(*(_known.c[name] == sa.bindparam(f"b_{name}") for name in _KEY))
        with database.transaction(SCHEMA, self._prefix):
            has_returned = sa.tuple_(*(_gone.c[name] for name in _KEY)).in_(seen)
            is_old = _gone.c.at < (now - RETENTION).isoformat()
            database.rows(sa.delete(_gone).where(_gone.c.kind == table_kind, is_old | has_returned))
            known = seen.add_columns(sa.literal(user, _TEXT), sa.null())
            put = database.put(_known).from_select(
                _known.c.keys(), known.where(_seen.c.kind == table_kind)
            )
            database.rows(put)
            database.rows(sa.delete(_known).where(same_key), keys)
            rows = [
                {"kind": table_kind, "parent": key["b_parent"], "id": key["b_id"]} for key in keys
            ]
            database.rows(database.put(_gone), [{**row, "at": at} for row in rows])
            checked = sa.update(_known).where(same_key).values(checked=at)
            rows = [
                {"b_kind": table_kind, "b_parent": "", "b_id": native_id} for native_id in existing
            ]
            database.rows(checked, rows)
            database.rows(database.put(_comparisons), [{"kind": table_kind, "at": at}])

    def _comparison_time(self, kind: str, now: dt.datetime) -> str:
        """Return the time of a comparison: after the last time, even if the clock was set back."""
        previous = self.last_comparison(kind)
        if previous is not None:
            now = max(now, dt.datetime.fromisoformat(previous) + dt.timedelta(milliseconds=1))
        return now.isoformat(timespec="microseconds")

    def last_comparison(self, kind: str) -> str | None:
        """Return the time of the last comparison of a kind, None before the first comparison."""
        rows = self._database.rows(
            sa.select(_comparisons.c.at).where(_comparisons.c.kind == self._kind(kind))
        )
        return str(rows[0][0]) if rows else None

    def gone_since(self, kind: str, since: str) -> list[tuple[Key, str]]:
        """Return (key, time) of the ids that the tap found deleted after ``since``."""
        gone = sa.select(_gone.c.parent, _gone.c.id, _gone.c.at)
        gone = gone.where(_gone.c.kind == self._kind(kind), _gone.c.at > since)
        rows = self._database.rows(gone.order_by(_gone.c.at, *_ORDER))
        return [((parent, native_id), at) for parent, native_id, at in rows]
