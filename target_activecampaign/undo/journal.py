"""The undo file: what each run replaced, wrote and created, in SQLite.

It holds values of rows, so only its user may read it. It holds no key and no password.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from tap_activecampaign_unified.client import FatalError
from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.storage.database import is_address, open_database
from tap_activecampaign_unified.storage.files import DISK_FULL

from .entries import (
    ENTRIES,
    LEAVERS,
    META,
    METADATA,
    ROWS,
    RUNS,
    SENT,
    UNDONE,
    WRITTEN,
    Entry,
    ValuePart,
    WrittenRow,
    dump,
    entry_of,
    load,
    row_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_activecampaign_unified.storage.database import Database

SETTING = "undo_path"
DAY = 86_400.0


def open_journal(
    place: str, account: str, *, wait_seconds: float, is_new: bool = True
) -> UndoJournal:
    """Open the undo file of an account; ``is_new`` creates it where it is missing.

    Raises `SettingsError`.
    """
    if is_address(place):
        raise SettingsError([f"{SETTING} must be a file of this machine"])
    database = None
    try:
        database = open_database(SETTING, place, program="", schema="", wait_seconds=wait_seconds)
        return UndoJournal(database, account, is_new=is_new)
    except OSError as problem:
        if database is not None:
            database.close()
        if problem.errno == errno.EILSEQ:
            reason = f"{SETTING} is damaged, or not an undo file of this program: name another file"
            raise SettingsError([reason]) from None
        reason = f"{SETTING} cannot be used ({problem.strerror})"
        if problem.errno in DISK_FULL:
            raise FatalError(f"{reason}: free some space, then run again") from None
        raise SettingsError([f"{reason}: name another file"]) from None
    except SettingsError:
        if database is not None:
            database.close()
        raise


class UndoJournal:
    """What runs replaced. An entry is on disk when `record` returns.

    Every method raises `OSError` where the file fails.
    """

    def __init__(self, database: Database, account: str, *, is_new: bool) -> None:
        self._database = database
        if is_new or META.name in database.table_names():
            database.create_tables(METADATA)
        else:
            raise SettingsError([f"{SETTING}: the file holds no run; name the file of the run"])
        database.rows("PRAGMA journal_mode = WAL")
        # A change goes out after this: its earlier value must survive a power cut as well.
        database.rows("PRAGMA synchronous = FULL")
        database.rows("PRAGMA secure_delete = ON")
        database.rows(database.add(META), [{"name": "account", "value": account}])
        found = database.rows(sa.select(META.c.value).where(META.c.name == "account"))
        if found[0][0] != account:
            raise SettingsError([f"{SETTING} belongs to another account: name another file"])
        newest = database.rows(sa.select(sa.func.max(ENTRIES.c.number)))[0][0] or 0
        rows = database.rows(sa.select(sa.func.max(ROWS.c.number)))[0][0] or 0
        self.number = max(newest, rows)
        insert = sqlite.insert(ENTRIES)
        self._record = insert.on_conflict_do_update(
            index_elements=list(ENTRIES.primary_key),
            set_={
                "former": ENTRIES.c.after,
                "after": insert.excluded.after,
                "number": insert.excluded.number,
                "state": SENT,
            },
        )
        named = [getattr(ENTRIES.c, name) == sa.bindparam(f"_{name}") for name in _KEY]
        self._confirm = (
            sa.update(ENTRIES)
            .where(*named)
            .values(after=sa.bindparam("_after"), mark=sa.bindparam("_mark"), former=None)
            .values(state=WRITTEN)
        )
        self._set_state = sa.update(ENTRIES).where(*named).values(state=sa.bindparam("_state"))
        self._remove = sa.delete(ENTRIES).where(*named, ENTRIES.c.former.is_(None))
        self._restore_former = (
            sa.update(ENTRIES)
            .where(*named)
            .values(after=ENTRIES.c.former, former=None, state=WRITTEN)
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # --- runs -------------------------------------------------------------------------------

    def begin(self, run: str, now: float, days: float) -> None:
        """Note a run that begins; remove runs that began more than ``days`` days before."""
        self._database.rows(self._database.add(RUNS), [{"run": run, "started": now}])
        old = sa.select(RUNS.c.run).where(RUNS.c.started < now - days * DAY)
        gone = [run for (run,) in self._database.rows(old)]
        with self._database.transaction():
            for old_run in gone:
                for table in (ENTRIES, ROWS, LEAVERS, RUNS):
                    self._database.rows(sa.delete(table).where(table.c.run == old_run))

    def runs(self) -> list[str]:
        """Return the ids of the runs in the file, the newest first."""
        order = sa.select(RUNS.c.run).order_by(RUNS.c.started.desc(), RUNS.c.run.desc())
        return [run for (run,) in self._database.rows(order)]

    def has_entries(self, run: str) -> bool:
        """Return whether a run replaced anything."""
        return bool(self._database.rows(_count(ENTRIES, run))[0][0])

    # --- what a run does --------------------------------------------------------------------

    def record(self, run: str, values: Iterable[tuple[ValuePart, Any, Any]]) -> None:
        """Note values that are about to be replaced: each with the earlier and the new one.

        The earlier value of the run's first change is kept.
        """
        self.number += 1
        self._database_many(
            self._record,
            [
                {
                    **_key(run, part),
                    "number": self.number,
                    "before": dump(before),
                    "after": dump(after),
                    "state": SENT,
                }
                for part, before, after in values
            ],
        )

    def note_late_write(self, now: float) -> None:
        """Note when a record was written last of which reads show a write some seconds late."""
        self._database.rows(self._database.put(META), [{"name": "late write", "value": str(now)}])

    def last_late_write(self) -> float:
        """Return when such a record was written last, 0 where none was."""
        found = self._database.rows(sa.select(META.c.value).where(META.c.name == "late write"))
        return float(found[0][0]) if found else 0.0

    def confirm(
        self, run: str, values: Iterable[tuple[ValuePart, Any, dict[str, Any] | None]]
    ) -> None:
        """Note values that were written: each with its value and its mark."""
        self._database_many(
            self._confirm,
            [
                {**_named(run, part), "_after": dump(after), "_mark": dump(mark)}
                for part, after, mark in values
            ],
        )

    def discard(self, run: str, parts: Iterable[ValuePart]) -> None:
        """Remove what was recorded for a request that ActiveCampaign refused."""
        named = [_named(run, part) for part in parts]
        self._database_many(self._remove, named)
        self._database_many(self._restore_former, named)

    def rename(self, kind: str, temporary: str, native_id: str, run: str | None = None) -> None:
        """Give a created record its id, in one run or in every run."""
        for table in (ENTRIES, ROWS):
            mine = [table.c.kind == kind, table.c.id == temporary]
            mine += [table.c.run == run] if run else []
            # What the run wrote by the id as well stays under both names; an undo joins them.
            update = sa.update(table).prefix_with("OR IGNORE")
            self._database.rows(update.where(*mine).values(id=native_id))

    def parts(self, run: str, kind: str, native_id: str) -> dict[str, Entry]:
        """Return what a run changed of a record, by part."""
        mine = (ENTRIES.c.run == run, ENTRIES.c.kind == kind, ENTRIES.c.id == native_id)
        found = map(entry_of, self._database.rows(sa.select(ENTRIES).where(*mine)))
        return {entry.part.name: entry for entry in found}

    def add_rows(self, run: str, rows: Sequence[WrittenRow]) -> None:
        """Note input rows and the records that they wrote."""
        self._database_many(
            self._database.put(ROWS),
            [
                {
                    "run": run,
                    "kind": row.kind,
                    "id": row.id,
                    "number": row.number,
                    "stream": row.stream,
                    "row": row.row or 0,
                    "key": dump(row.key),
                    "ledger_key": row.ledger_key,
                    "source": row.source,
                    "note": row.note,
                }
                for row in rows
            ],
        )

    def add_leavers(self, run: str, leavers: Iterable[tuple[str, str, dict[str, str]]]) -> None:
        """Note people who leave an audience: the contact, the grantor, and its grants by id."""
        self._database_many(
            self._database.put(LEAVERS),
            [
                {"run": run, "id": contact, "giver": grantor, "tokens": dump(grants)}
                for contact, grantor, grants in leavers
            ],
        )

    def leaver_grants(self, run: str, native_id: str) -> dict[str, dict[str, str]]:
        """Return what a contact lost because it left audiences, by grantor and grant id."""
        mine = (LEAVERS.c.run == run, LEAVERS.c.id == native_id)
        found = self._database.rows(sa.select(LEAVERS.c.giver, LEAVERS.c.tokens).where(*mine))
        return {grantor: load(grants) for grantor, grants in found}

    def _database_many(self, statement: Any, values: list[dict[str, Any]]) -> None:
        if values:
            with self._database.transaction():
                self._database.rows(statement, values)

    # --- what an undo reads and notes -------------------------------------------------------

    def records(self, run: str) -> list[tuple[str, str, int]]:
        """Return kind, id and last number of the records of a run, the last one first."""
        last = sa.func.max(ENTRIES.c.number)
        statement = (
            sa.select(ENTRIES.c.kind, ENTRIES.c.id, last)
            .where(ENTRIES.c.run == run)
            .group_by(ENTRIES.c.kind, ENTRIES.c.id)
            .order_by(last.desc(), ENTRIES.c.kind, ENTRIES.c.id.desc())
        )
        return [
            (kind, native_id, number) for kind, native_id, number in self._database.rows(statement)
        ]

    def entries(self, run: str, kind: str, native_id: str) -> list[Entry]:
        """Return what a run changed of a record, the last change first."""
        found = self.parts(run, kind, native_id).values()
        return sorted(found, key=lambda entry: (-entry.number, entry.part.name))

    def later(self, run: str, kind: str, native_id: str) -> dict[str, list[Entry]]:
        """Return what later runs changed of a record, by part; undone entries too."""
        started = sa.select(RUNS.c.started).where(RUNS.c.run == run).scalar_subquery()
        statement = (
            sa.select(ENTRIES)
            .join(RUNS, RUNS.c.run == ENTRIES.c.run)
            .where(
                ENTRIES.c.kind == kind,
                ENTRIES.c.id == native_id,
                ENTRIES.c.run != run,
                RUNS.c.started >= started,
            )
            .order_by(RUNS.c.started, ENTRIES.c.number)
        )
        found: dict[str, list[Entry]] = {}
        for entry in map(entry_of, self._database.rows(statement)):
            found.setdefault(entry.part.name, []).append(entry)
        return found

    def rows(self, kind: str, native_id: str, run: str | None = None) -> list[WrittenRow]:
        """Return the input rows that wrote a record, of one run or of all, the last one first."""
        mine = [ROWS.c.kind == kind, ROWS.c.id == native_id]
        mine += [ROWS.c.run == run] if run else []
        return [row_of(columns) for columns in self._database.rows(_ordered_rows(*mine))]

    def noted_rows(self, run: str) -> list[WrittenRow]:
        """Return the rows of a run that cannot be undone, the last one first."""
        mine = (ROWS.c.run == run, ROWS.c.note.is_not(None))
        return [row_of(columns) for columns in self._database.rows(_ordered_rows(*mine))]

    def set_undone(self, run: str, parts: Iterable[ValuePart]) -> None:
        """Note that values were put back."""
        self._database_many(
            self._set_state, [{**_named(run, part), "_state": UNDONE} for part in parts]
        )


_KEY = ("run", "kind", "id", "part")


def _key(run: str, part: ValuePart) -> dict[str, str]:
    return {"run": run, "kind": part.kind, "id": part.id, "part": part.name}


def _named(run: str, part: ValuePart) -> dict[str, str]:
    return {f"_{name}": value for name, value in _key(run, part).items()}


def _count(table: sa.Table, run: str) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(table).where(table.c.run == run)


def _ordered_rows(*mine: Any) -> sa.Select[Any]:
    return sa.select(ROWS).where(*mine).order_by(ROWS.c.number.desc(), ROWS.c.row.desc())
