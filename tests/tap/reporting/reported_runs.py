"""Runs of the tap and of the target whose reports tests read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.tap.client.clients import KEY, ManualClock, world_of
from tests.tap.running import Account, Ran
from tests.target.runner import Run, TargetRunner

if TYPE_CHECKING:
    from pathlib import Path

SHARED = {
    "program",
    "versions",
    "account",
    "began_at",
    "finished_at",
    "seconds",
    "exit_code",
    "problem",
    "settings",
    "rows",
    "streams",
    "traffic",
    "bookmarks_before",
    "bookmarks_after",
}
WRONG_KEY = "wrong-key-123"
PERSON = {"email": "ada.lovelace@shop.example", "first_name": "Augusta"}


def read(path: Path, *, people: bool = False) -> dict[str, Any]:
    """Return a report after checking what every report must have.

    With ``people`` it may name people, because it has the samples of a dry run.
    """
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text(encoding="utf-8")
    for secret in (KEY, WRONG_KEY, *(() if people else ("shop.example", "Augusta"))):
        assert secret not in text
    assert [
        file.name for file in path.parent.iterdir() if file.name.startswith(f".{path.name}")
    ] == []
    found: dict[str, Any] = json.loads(text)
    assert set(found) >= SHARED
    assert set(found["versions"]) == {"program", "python", "singer_sdk", "system"}
    assert found["began_at"] <= found["finished_at"]
    assert found["account"] == "acme"
    traffic = found["traffic"]
    counts = [n for by in traffic["by_endpoint"].values() for n in by.values()]
    assert traffic["requests"] == sum(counts) == sum(traffic["by_status"].values())
    over_time = traffic["over_time"]
    assert sum(over_time["requests"]) == traffic["requests"]
    assert sum(over_time["faults"]) == sum(traffic["faults"].values())
    assert len(over_time["faults"]) == len(over_time["requests"])
    return found


class Reading:
    """A tap, an account and a report."""

    def __init__(self, folder: Path) -> None:
        """Make the account."""
        self.path = folder / "report.json"
        self.account = Account(contacts=30, deals=5, accounts=5)
        self.world = self.account.world

    def run(self, state: Any = None, **settings: Any) -> tuple[int, str | None]:
        """Run it; return exit code and last log line."""
        path = str(self.path)
        ran: Ran = self.account.run(state, run_report_path=path, **settings)
        return ran.code, ran.line

    def stop(self, signum: int) -> None:
        """Send it a signal."""
        self.account.stop(signum)


class Writing:
    """A target, an account and a report."""

    def __init__(self, folder: Path) -> None:
        """Make the account."""
        clock = ManualClock()
        self.path = folder / "report.json"
        self.world = world_of(clock, contacts=5)
        self.runner = TargetRunner(self.world, clock, folder)

    def run(self, **settings: Any) -> tuple[int, str | None]:
        """Run it; return exit code and last log line."""
        made, real = [], self.runner.target

        def remember(**options: Any) -> Any:
            made.append(real(**options))
            self.target = made[-1]
            return made[-1]

        self.runner.target = remember  # type: ignore[method-assign]
        run: Run = self.runner.send("crm_contacts", PERSON | {"tags": list("abcdefgh")}, **settings)
        return run.code, run.last_word or None

    def stop(self, signum: int) -> None:
        """Send it a signal."""
        self.target._handle_termination(signum, None)


BOTH = pytest.mark.parametrize("kind", [Reading, Writing], ids=["tap", "target"])
