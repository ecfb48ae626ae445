"""What an account holds for its users, and labs whose runs can be undone."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified import cli
from target_activecampaign.undo.undo_request import UndoRequest
from tests.target.runner import Run, TargetRunner

if TYPE_CHECKING:
    from tests.sandbox import World

Truth = dict[str, Any]
UNDO_FILE = "undo.sqlite"


def truth_of(world: World) -> Truth:
    """Return what users see of an account: no ids of associations, no times.

    A value row without a value is none.
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
            if row.status != 2  # those who came to the end stay in the list
        },
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
    """Return what differs, by table and key."""
    found: dict[str, Any] = {}
    for name, one in before.items():
        other = after[name]
        if isinstance(one, set):
            changed: Any = one ^ other
        else:
            keys = one.keys() | other.keys()
            changed = {k: (one.get(k), other.get(k)) for k in keys if one.get(k) != other.get(k)}
        if changed:
            found[name] = changed
    return found


class UndoLab(TargetRunner):
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
        """Undo a run, the last one by default."""
        names = {"unsubscribes", "creates"}
        asked = {name: options.pop(name) for name in names & options.keys()}
        request = UndoRequest(run or self.last_run, plan, **asked)
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
            requests=[(entry.method, entry.path.removeprefix("/api/3/")) for entry in log],
            report=json.loads((self.folder / "report.json").read_text()),
            last_word=word,
        )
