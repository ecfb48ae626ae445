"""A whole account copied into an empty account by tap and target."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.tap import TapActiveCampaignUnified
from tests.sandbox import SandboxAdapter, World, session_of
from tests.tap.client.clients import KEY, ORIGIN

from .runner import TargetRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import requests

    from tests.tap.client.clients import ManualClock

SETTINGS: dict[str, Any] = {"source_ids": "foreign", "create_missing_fields": True}


def read(world: World, clock: ManualClock, folder: Path, **settings: Any) -> list[dict[str, Any]]:
    """Read all streams that are selected by default."""

    class InProcessTap(TapActiveCampaignUnified):
        make_clock = staticmethod(lambda: clock)

        @staticmethod
        def make_session() -> requests.Session:
            return session_of(SandboxAdapter(world))

    config = {"api_url": ORIGIN, "api_key": KEY, "rate_limit_store": str(folder / "tap.json")}
    tap = InProcessTap(config=config | settings)
    for stream in tap.streams.values():
        stream.selected = stream.selected_by_default
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        tap.sync_all()
    return [json.loads(line) for line in out.getvalue().splitlines()]


def plain(value: str) -> str | float:
    """Return a number as a number: 0.40 is 0.4."""
    try:
        return float(value)
    except ValueError:
        return value


def titles_twice(world: World) -> set[str]:
    """Return the titles that two fields share: a copy makes one field of them."""
    t = world.tables
    titles = Counter(field.title for field in t["fields"])
    titles += Counter(field.fieldLabel for field in t["dealCustomFieldMeta"])
    return {title for title, count in titles.items() if count > 1}


def picture(world: World, without: Collection[str] = ()) -> dict[str, Any]:
    """Describe an account by natural keys alone, ``without`` the fields of these titles."""
    t = world.tables

    def deal_values(deal: int) -> dict[str, Any]:
        meta = t["dealCustomFieldMeta"]
        rows = [d for d in t["dealCustomFieldData"] if d.owner == deal]
        values = {meta[d.customFieldId].fieldLabel: d.fieldValue for d in rows if d.fieldValue}
        return {label: value for label, value in values.items() if label not in without}

    contacts = {}
    for c in t["contacts"]:
        links = t["accountContacts"].by("contact", c.id)
        contacts[c.email.casefold()] = {
            "names": (c.firstName, c.lastName, c.phone),
            "tags": sorted(t["tags"][r.tag].tag for r in t["contactTags"].by("contact", c.id)),
            "lists": sorted(
                (t["lists"][m.list].name, m.status)
                for m in t["contactLists"].by("contact", c.id)
                if m.status in (1, 2)
            ),
            "accounts": [t["accounts"][link.account].name for link in links[:1]],
            "values": {
                t["fields"][v.field].title: plain(v.value)
                for v in t["fieldValues"].by("contact", c.id)
                if v.value and t["fields"][v.field].title not in without
            },
        }
    parents = {"Subscriber": "contacts", "Deal": "deals", "CustomerAccount": "accounts"}
    names = {"contacts": "email", "deals": "title", "accounts": "name"}
    return {
        "contacts": contacts,
        "tags": {r.tag for r in t["tags"] if r.tagType == "contact"},
        "accounts": {a.name for a in t["accounts"]},
        "pipelines": {p.title for p in t["dealGroups"]},
        "deals": Counter(
            (
                d.title,
                d.value,
                d.currency,
                d.status,
                t["dealStages"][d.stage].title,
                t["dealGroups"][d.group].title,
                json.dumps(deal_values(d.id), sort_keys=True),
            )
            for d in t["deals"]
        ),
        "notes": Counter(
            (
                n.note.strip(),
                n.reltype,
                getattr(t[parents[n.reltype]][n.relid], names[parents[n.reltype]]),
            )
            for n in t["notes"]
            if n.reltype in parents and n.relid in t[parents[n.reltype]] and n.note.strip()
        ),
    }


@pytest.fixture
def source(make_world: Callable[..., World]) -> World:
    """A small account with everything in it."""
    return make_world(contacts=60, deals=25, accounts=15)


def test_tap_into_target_copies_an_account(
    source: World, make_world: Callable[..., World], clock: ManualClock, tmp_path: Path
) -> None:
    """A copy has all contacts, accounts, links, tags, memberships, deals, notes and fields."""
    messages = read(source, clock, tmp_path)
    runner = TargetRunner(make_world(is_empty=True), clock, tmp_path)
    run = runner.run(*messages, **SETTINGS)
    bad = [r for r in run.results if r["action"] in {"rejected", "failed"}]
    assert [r for r in bad if r["stream"] != "directory_users"] == []
    without = titles_twice(source)
    before, after = picture(source, without), picture(runner.world, without)
    for part in ("accounts", "tags", "pipelines"):
        assert before[part] <= after[part]
    for email, person in before["contacts"].items():
        assert after["contacts"][email] == person, email
    assert after["deals"] == before["deals"]
    assert after["notes"] == before["notes"]
    runner.run(*messages, **SETTINGS)  # owners whose records followed their accounts are found now
    again = runner.run(*messages, **SETTINGS)
    changed = [r for r in again.results if r["action"] in {"created", "updated"}]
    assert [r for r in changed if "has its title" not in str(r["reason"])] == []


def test_a_dry_run_of_a_copy_plans_rows_of_planned_contacts(
    source: World, make_world: Callable[..., World], clock: ManualClock, tmp_path: Path
) -> None:
    """A dry run plans notes, deals and memberships of contacts that are only planned."""
    messages = read(source, clock, tmp_path)
    runner = TargetRunner(make_world(is_empty=True), clock, tmp_path)
    run = runner.run(*messages, dry_run=True, **SETTINGS)
    assert run.code == 0
    assert run.writes == []
    bad = {r["stream"] for r in run.results if r["action"] in {"rejected", "failed"}}
    assert bad <= {"directory_users"}  # a new user needs a password, which the tap cannot read
    assert len(run.results) == sum(m["type"] == "RECORD" for m in messages)
