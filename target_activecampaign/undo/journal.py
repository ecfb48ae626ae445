"""The undo file in SQLite: the values that each run replaced and wrote, and the created records.

The file holds values of rows, so only its user may read it. It holds no key and no password.
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from tap_activecampaign_unified.client import FatalError
from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.storage.database import is_postgres_address, open_database
from tap_activecampaign_unified.storage.private_files import DISK_FULL

from .journal_tables import (
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
    Mark,
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
MAX_NAMED_RUNS = 5


def open_journal(
    place: str, account: str, *, wait_seconds: float, is_new: bool = True
) -> UndoJournal:
    """Open the undo file of an account; ``is_new`` creates a missing file.

    ``wait_seconds`` is how long to wait for a lock. Raises `SettingsError`, and `FatalError` if the
    disk is full.
    """
    if is_postgres_address(place):
        raise SettingsError([f"{SETTING} must be a file of this machine"])
    with contextlib.ExitStack() as stack:
        try:
            database = open_database(
                SETTING, place, program="", schema="", wait_seconds=wait_seconds
            )
            stack.callback(database.close)
            journal = UndoJournal(database, account, is_new=is_new)
        except OSError as problem:
            raise _error_of(problem) from None
        stack.pop_all()
    return journal


def _error_of(problem: OSError) -> Exception:
    """Return the error of an undo file that cannot be opened."""
    if problem.errno == errno.EILSEQ:
        reason = f"{SETTING} is damaged, or not an undo file of this program: name another file"
        return SettingsError([reason])
    reason = f"{SETTING} cannot be used ({problem.strerror})"
    if problem.errno in DISK_FULL:
        return FatalError(f"{reason}: free some space, then run again")
    return SettingsError([f"{reason}: name another file"])


class UndoJournal:
    """The values that runs replaced. An entry is on disk when `record` returns.

    Every method raises `OSError` if the file fails.
    """

    def __init__(self, database: Database, account: str, *, is_new: bool) -> None:
        self._database = database
        if is_new or META.name in database.table_names():
            database.create_tables(METADATA)
        else:
            raise SettingsError([f"{SETTING}: the file holds no run; name the file of the run"])
        database.rows("PRAGMA journal_mode = WAL")
        # The request follows the record: the earlier value must survive a power failure too.
        database.rows("PRAGMA synchronous = FULL")
        database.rows("PRAGMA secure_delete = ON")
        database.rows(database.add(META), [{"name": "account", "value": account}])
        accounts = database.rows(sa.select(META.c.value).where(META.c.name == "account"))
        if accounts[0][0] != account:
            raise SettingsError([f"{SETTING} belongs to another account: name another file"])
        last_entry = database.rows(sa.select(sa.func.max(ENTRIES.c.number)))[0][0] or 0
        last_row = database.rows(sa.select(sa.func.max(ROWS.c.number)))[0][0] or 0
        #: The number of the last request in the file.
        self.number = max(last_entry, last_row)
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
        has_key = [getattr(ENTRIES.c, name) == sa.bindparam(f"_{name}") for name in _KEY]
        self._confirm = (
            sa.update(ENTRIES)
            .where(*has_key)
            .values(after=sa.bindparam("_after"), mark=sa.bindparam("_mark"), former=None)
            .values(state=WRITTEN)
        )
        self._mark = sa.update(ENTRIES).where(*has_key).values(mark=sa.bindparam("_mark"))
        self._set_state = sa.update(ENTRIES).where(*has_key).values(state=sa.bindparam("_state"))
        self._remove = sa.delete(ENTRIES).where(*has_key, ENTRIES.c.former.is_(None))
        self._restore_former = (
            sa.update(ENTRIES)
            .where(*has_key)
            .values(after=ENTRIES.c.former, former=None, state=WRITTEN)
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # --- runs -------------------------------------------------------------------------------

    def begin(self, run: str, now: float, days: float) -> None:
        """Note a run that begins at ``now`` (epoch seconds); remove runs older than ``days``."""
        self._database.rows(self._database.add(RUNS), [{"run": run, "started": now}])
        is_old = RUNS.c.started < now - days * DAY
        old_runs = [run for (run,) in self._database.rows(sa.select(RUNS.c.run).where(is_old))]
        with self._database.transaction():
            for old_run in old_runs:
                for table in (ENTRIES, ROWS, LEAVERS, RUNS):
                    self._database.rows(sa.delete(table).where(table.c.run == old_run))

    def check_run(self, run: str) -> None:
        """Raise `SettingsError` for a run that the file does not have."""
        known = self.runs()
        if run not in known:
            names = ", ".join(known[:MAX_NAMED_RUNS]) or "none"
            raise SettingsError([f"--undo: {SETTING} has no run {run}; the newest are: {names}"])

    def runs(self) -> list[str]:
        """Return the ids of the runs in the file, the newest first."""
        order = sa.select(RUNS.c.run).order_by(RUNS.c.started.desc(), RUNS.c.run.desc())
        return [run for (run,) in self._database.rows(order)]

    # --- writes of a run --------------------------------------------------------------------

    def record(self, run: str, values: Iterable[tuple[ValuePart, Any, Any]]) -> None:
        """Note values before their replacement: each part with the earlier and the new value.

        After several changes of a part, the file keeps the value before the run's first change.
        """
        self.number += 1
        self._execute_many(
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

    def note_last_write(self, now: float) -> None:
        """Note the time of the last write to a record that reads show late (epoch seconds)."""
        self._database.rows(self._database.put(META), [{"name": "late write", "value": str(now)}])

    def last_write_time(self) -> float:
        """Return the time of the last write to a record that reads show late, 0 without a write."""
        times = self._database.rows(sa.select(META.c.value).where(META.c.name == "late write"))
        return float(times[0][0]) if times else 0.0

    def confirm(self, run: str, values: Iterable[tuple[ValuePart, Any, Mark | None]]) -> None:
        """Note that parts were written, each with its value and its mark."""
        self._execute_many(
            self._confirm,
            [
                {**_bound_key(run, part), "_after": dump(after), "_mark": dump(mark)}
                for part, after, mark in values
            ],
        )

    def note_duplicates(self, run: str, parts: Iterable[ValuePart]) -> None:
        """Note values that the account had already when their request arrived."""
        mark = dump(Mark(is_duplicate=True))
        self._execute_many(self._mark, [{**_bound_key(run, part), "_mark": mark} for part in parts])

    def discard(self, run: str, parts: Iterable[ValuePart]) -> None:
        """Remove the entries of a request that ActiveCampaign refused."""
        keys = [_bound_key(run, part) for part in parts]
        self._execute_many(self._remove, keys)
        self._execute_many(self._restore_former, keys)

    def rename(self, kind: str, temporary: str, native_id: str, run: str | None = None) -> None:
        """Replace the temporary id of a created record by its id, in a run or in all runs."""
        for table in (ENTRIES, ROWS):
            in_record = [table.c.kind == kind, table.c.id == temporary]
            in_record += [table.c.run == run] if run else []
            # A part that the run also wrote by id stays under both names. An undo joins them.
            update = sa.update(table).prefix_with("OR IGNORE")
            self._database.rows(update.where(*in_record).values(id=native_id))

    def parts(self, run: str, kind: str, native_id: str) -> dict[str, Entry]:
        """Return a run's entries of a record, by the name of their part."""
        in_record = (ENTRIES.c.run == run, ENTRIES.c.kind == kind, ENTRIES.c.id == native_id)
        entries = map(entry_of, self._database.rows(sa.select(ENTRIES).where(*in_record)))
        return {entry.part.name: entry for entry in entries}

    def add_rows(self, run: str, rows: Sequence[WrittenRow]) -> None:
        """Note input rows and the records that they wrote."""
        self._execute_many(
            self._database.put(ROWS),
            # The columns have the names of the fields.
            [{**vars(row), "run": run, "row": row.row or 0, "key": dump(row.key)} for row in rows],
        )

    def add_leavers(self, run: str, leavers: Iterable[tuple[str, str, dict[str, str]]]) -> None:
        """Note people who leave an audience: each contact, its grantor, and the grants by id."""
        self._execute_many(
            self._database.put(LEAVERS),
            [
                {"run": run, "id": contact, "giver": grantor, "tokens": dump(grants)}
                for contact, grantor, grants in leavers
            ],
        )

    def leaver_grants(self, run: str, native_id: str) -> dict[str, dict[str, str]]:
        """Return the grants that a contact lost by leaving audiences, by grantor and grant id."""
        of_contact = (LEAVERS.c.run == run, LEAVERS.c.id == native_id)
        rows = self._database.rows(sa.select(LEAVERS.c.giver, LEAVERS.c.tokens).where(*of_contact))
        return {grantor: load(grants) for grantor, grants in rows}

    def _execute_many(self, statement: Any, values: list[dict[str, Any]]) -> None:
        if values:
            with self._database.transaction():
                self._database.rows(statement, values)

    # --- reads and writes of an undo --------------------------------------------------------

    def records(self, run: str) -> list[tuple[str, str]]:
        """Return kind and id of the records of a run, the last written record first."""
        last = sa.func.max(ENTRIES.c.number)
        statement = (
            sa.select(ENTRIES.c.kind, ENTRIES.c.id)
            .where(ENTRIES.c.run == run)
            .group_by(ENTRIES.c.kind, ENTRIES.c.id)
            .order_by(last.desc(), ENTRIES.c.kind, ENTRIES.c.id.desc())
        )
        return [(kind, native_id) for kind, native_id in self._database.rows(statement)]

    def later(self, run: str, kind: str, native_id: str) -> dict[str, list[Entry]]:
        """Return the entries of later runs for a record, by part, with the undone entries."""
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
        entries: dict[str, list[Entry]] = {}
        for entry in map(entry_of, self._database.rows(statement)):
            entries.setdefault(entry.part.name, []).append(entry)
        return entries

    def rows(self, kind: str, native_id: str, run: str | None = None) -> list[WrittenRow]:
        """Return the input rows of a record, of a single run or of all runs, the last row first."""
        of_record = [ROWS.c.kind == kind, ROWS.c.id == native_id]
        of_record += [ROWS.c.run == run] if run else []
        return [row_of(columns) for columns in self._database.rows(_ordered_rows(*of_record))]

    def noted_rows(self, run: str) -> list[WrittenRow]:
        """Return the rows of a run that an undo does not cover, the last row first."""
        has_note = (ROWS.c.run == run, ROWS.c.note.is_not(None))
        return [row_of(columns) for columns in self._database.rows(_ordered_rows(*has_note))]

    def set_undone(self, run: str, parts: Iterable[ValuePart]) -> None:
        """Note that values were put back."""
        self._execute_many(
            self._set_state, [{**_bound_key(run, part), "_state": UNDONE} for part in parts]
        )


_KEY = ("run", "kind", "id", "part")


def _key(run: str, part: ValuePart) -> dict[str, str]:
    return {"run": run, "kind": part.kind, "id": part.id, "part": part.name}


def _bound_key(run: str, part: ValuePart) -> dict[str, str]:
    return {f"_{name}": value for name, value in _key(run, part).items()}


def _ordered_rows(*conditions: Any) -> sa.Select[Any]:
    return sa.select(ROWS).where(*conditions).order_by(ROWS.c.number.desc(), ROWS.c.row.desc())
