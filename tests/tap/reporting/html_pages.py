"""Reports of runs as JSON and as pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.tap.client.clients import ManualClock, world_of
from tests.tap.running import Account
from tests.target.runner import TargetRunner, schema_of, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path


Document = dict[str, Any]
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x00\ud800</style>{{ 7*7 }}"
)


def reading(folder: Path) -> tuple[Document, Path]:
    """Run a tap with faults of many kinds; return its report and the page."""
    account = Account(contacts=230, deals=40, accounts=20)
    for number in (3, 4):
        account.world.tables["contacts"].get(number).bounced_hard = "Augusta"
    account.world.faults.throttle(prefix="/tags", times=2, retry_after=3)
    account.world.faults.server_error(prefix="/lists", times=2)
    account.world.faults.forbid("/notes", times=None)
    paths = {"run_report_path": folder / "r.json", "run_report_html_path": folder / "r.html"}
    first = account.run(**{name: str(path) for name, path in paths.items()})
    account.wait(hours=2)
    for number in range(3, 9):
        account.world.touch(number)
    account.run(first.state, **{name: str(path) for name, path in paths.items()})
    return json.loads((folder / "r.json").read_text()), folder / "r.html"


def writing(folder: Path) -> tuple[Document, Path]:
    """Run a target with rows of every result; return its report and the page."""
    clock = ManualClock()
    world = world_of(clock, contacts=30)
    world.faults.server_error(prefix="/tags", status=502, times=3)
    runner = TargetRunner(world, clock, folder)
    people = [{"email": f"p{n}@shop.example", "tags": ["a", "b"]} for n in range(40)]
    bad = [{"email": "no address"}, {"last_name": "Augusta"}, {"email": "x@y.example", "owner": 3}]
    notes = [{"content": "hello", "contact": [{"email": "nobody@shop.example"}]}]
    runner.run(
        *stream_of("crm_contacts", *people, *bad, *people[:5]),
        *stream_of("crm_notes", *notes),
        *stream_of(HOSTILE[:40].replace("\ud800", ""), {"id": 1}),
        schema_of("crm_notes"),
        state_of(1),
        run_report_html_path=str(folder / "r.html"),
        requests_per_second=5,
    )
    return json.loads((folder / "report.json").read_text()), folder / "r.html"


BOTH = pytest.mark.parametrize("run", [reading, writing], ids=["tap", "target"])
