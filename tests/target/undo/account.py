"""The visible content of an account, and runners whose runs can be undone."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified import cli
from target_activecampaign.config.undo_options import UndoOptions
from tests.target.runner import Run, TargetRunner

from .stores import store_truth_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from target_activecampaign.target import TargetActiveCampaign
    from tests.sandbox import World
    from tests.tap.client.clients import ManualClock

Truth = dict[str, Any]
UNDO_FILE = "undo.sqlite"


def truth_of(world: World) -> Truth:
    """Return what users see of an account, without ids of associations and times.

    A value row without a value is left out.
    """
    t = world.tables
    return {
        "contacts": {
            row.id: (row.email.casefold(), row.firstName, row.lastName, row.phone)
            for row in t["contacts"]
        },
        "values": {(row.contact, row.field): row.value for row in t["fieldValues"] if row.value},
        "tags": {(row.contact, row.tag) for row in t["contactTags"]},
        "lists": {(row.contact, row.list): row.status for row in t["contactLists"]},
        "links": {row.contact: (row.account, row.jobTitle or "") for row in t["accountContacts"]},
        "deals": {
            row.id: (
                *(row.title, row.description, row.value, row.currency, row.status, row.percent),
                *(row.contact, row.account, row.owner, row.group, row.stage),
            )
            for row in t["deals"]
        },
        "deal values": _data(world, "deal"),
        "deal contacts": {(row.deal, row.contact) for row in t["contactDeals"]},
        "accounts": {row.id: (row.name, row.accountUrl, row.owner) for row in t["accounts"]},
        "account values": _data(world, "account"),
        "notes": {row.id: (row.note, row.reltype, row.relid) for row in t["notes"]},
        "automations": {
            (row.contact, row.automation)
            for row in t["contactAutomations"]
            if row.status != 2  # completed enrolments stay in the list
        },
        **store_truth_of(world),
    }


def _data(world: World, kind: str) -> dict[tuple[int, int], Any]:
    return {
        (row.owner, row.customFieldId): _text(row.fieldValue)
        for row in world.tables[f"{kind}CustomFieldData"]
        if row.fieldValue not in (None, "", [])
    }


def _text(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else str(value)


def differences(before: Truth, after: Truth) -> dict[str, Any]:
    """Return the differences by table and key."""
    found: dict[str, Any] = {}
    for name, earlier in before.items():
        other = after[name]
        if isinstance(earlier, set):
            changed: Any = earlier ^ other
        else:
            keys = earlier.keys() | other.keys()
            changed = {
                k: (earlier.get(k), other.get(k)) for k in keys if earlier.get(k) != other.get(k)
            }
        if changed:
            found[name] = changed
    return found


_COLUMNS = {
    "contacts": ("email", "first name", "last name", "phone"),
    "deals": (
        *("title", "description", "value", "currency", "status", "percent"),
        *("contact", "account", "owner", "place"),
    ),
    "accounts": ("name", "url", "owner"),
    "notes": ("text", "type", "parent"),
}


def flat_truth_of(world: World) -> dict[tuple[Any, ...], Any]:
    """Return each value of an account by table, id of the record, and what it is.

    Writes that reads do not show yet are shown first.
    """
    world.settle(at_once=True)
    found: dict[tuple[Any, ...], Any] = {}
    for table, rows in truth_of(world).items():
        if isinstance(rows, set):
            found |= {(table, *key): True for key in rows}
            continue
        for key, value in rows.items():
            whole = key if isinstance(key, tuple) else (key,)
            if table not in _COLUMNS:
                found[table, *whole] = value
                continue
            # A stage and its pipeline are one value.
            values = (*value[:9], value[9:]) if table == "deals" else value
            for name, held in zip(_COLUMNS[table], values, strict=True):
                found[table, *whole, name] = held
    return found


def _method(entry: Any) -> str:
    """Return the method of a request; a GraphQL query is a read."""
    is_query = entry.path.endswith("ecom/graphql") and b"mutation" not in entry.body
    return "GET" if is_query else str(entry.method)


class UndoRunner(TargetRunner):
    """A runner whose runs can be undone."""

    def send_rows(self, stream: str, *rows: dict[str, Any], **settings: Any) -> Run:
        """Write rows of one stream in a run that can be undone."""
        return self.send(stream, *rows, **self.settings | settings)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of every run."""
        return {"undo_path": str(self.folder / UNDO_FILE)}

    @property
    def last_run(self) -> str:
        """The id of the last run, from its report."""
        return str(json.loads((self.folder / "report.json").read_text())["run"])

    def undo(self, run: str | None = None, *, plan: bool = False, **options: Any) -> Run:
        """Undo a run, the last run by default."""
        names = {"unsubscribes", "creates"}
        request_options = {name: options.pop(name) for name in names & options.keys()}
        request = UndoOptions(run or self.last_run, plan, **request_options)
        before = len(self.world.log)
        target = self.target(**self.settings | options)
        code, word = 0, ""
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                code = target.undo(request)
            except cli.ExitProgram as last:
                code, word = last.code, last.line
        log = self.world.log[before:]
        lines = (self.folder / "results.jsonl").read_text().splitlines()
        return Run(
            code,
            [json.loads(line) for line in lines],
            requests=[(_method(entry), entry.path.removeprefix("/api/3/")) for entry in log],
            report=json.loads((self.folder / "report.json").read_text()),
            last_word=word,
        )


class Killed(BaseException):
    """The process ends here, as after kill -9."""


class KillableRunner(UndoRunner):
    """A runner whose programs can be killed at any request, before or after it is processed."""

    def __init__(
        self, world: World, clock: ManualClock, folder: Path, seed: int | None = None
    ) -> None:
        """Keep the account's own way of answering."""
        super().__init__(world, clock, folder, seed)
        self._answer = world.answer

    def target(self, **settings: Any) -> TargetActiveCampaign:
        """Return a target that does not change its files when it is killed."""
        target = super().target(**settings)
        finish = target.finish

        def end(ending: Any = None) -> int:
            if not self.is_killed:
                return finish(ending)
            processor = target._processor
            if processor is not None:
                processor.context.ledger.close()
                if processor.finisher.recorder is not None:
                    processor.finisher.recorder._journal.close()
            return 1

        target.finish = end  # type: ignore[method-assign]
        return target

    is_killed = False

    def kill_at(self, number: int, *, is_after: bool, act: Callable[[], object]) -> bool:
        """Run a program and kill it at this request; return whether it sent so many."""
        count = 0

        def answer(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == number and not is_after:
                self.is_killed = True
                raise Killed
            found = self._answer(*arguments, **named)
            if count == number:
                self.is_killed = True
                raise Killed
            return found

        self.world.answer = answer  # type: ignore[method-assign]
        try:
            act()
        except Killed:
            return True
        finally:
            self.world.answer = self._answer  # type: ignore[method-assign]
            self.is_killed = False
            self.clock.sleep(30)
        return False

    def runs(self) -> list[str]:
        """Return the runs in the undo file, newest first."""
        with contextlib.closing(sqlite3.connect(self.folder / UNDO_FILE)) as file:
            return [run for (run,) in file.execute("SELECT run FROM runs ORDER BY started DESC")]


def reasons_of(run: Run) -> dict[str, set[str]]:
    """Return the reasons of an undo's results by group."""
    found: dict[str, set[str]] = {}
    for result in run.results:
        found.setdefault(result["key"]["values"], set()).add(
            f"{result['action']}: {result['reason']}"
        )
    return found
