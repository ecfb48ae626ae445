"""The marts, built by dbt over tables of real loaders, equal the account.

Every test runs on DuckDB and on PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.reporting.result_file import SCHEMA

from . import account
from .conftest import STREAMS, Warehouse
from .project import ACTIVATION, MARTS, STAGING

if TYPE_CHECKING:
    from tests.sandbox import World

    from .project import Transform

pytestmark = [pytest.mark.long, pytest.mark.meltano, pytest.mark.slow]

GREEN = {"success", "pass"}


def built(warehouse: Warehouse, **variables: Any) -> Transform:
    """Build everything; no model and no test may fail or warn."""
    statuses = warehouse.transform.build(**variables)
    assert set(statuses.values()) <= GREEN, {k: v for k, v in statuses.items() if v not in GREEN}
    return warehouse.transform


def compare(transform: Transform, world: World) -> None:
    """Compare the marts with the account."""
    people = transform.by("contacts", "contact_id")
    for one, wanted in account.contacts(world).items():
        assert {name: people[one][name] for name in wanted} == wanted
    assert len(people) == len(world.tables["contacts"].ids())

    days = transform.by("list_growth_daily", "segment_id", "day")
    last = max(day for _, day in days)
    assert {one: row["members"] for (one, day), row in days.items() if day == last} == (
        account.members(world)
    )
    moved = {
        key: (row["subscribed"], row["unsubscribed"])
        for key, row in days.items()
        if row["subscribed"] or row["unsubscribed"]
    }
    assert moved == account.subscriptions(world)

    seen: dict[str, list[tuple[Any, ...]]] = {}
    history = transform.by("deal_stage_history", "opportunity_id", "visit_number")
    for (deal, _), row in sorted(history.items(), key=lambda item: (item[0][0], item[0][1])):
        seen.setdefault(deal, []).append((row["stage_id"], row["entered_at"], row["left_at"]))
    assert seen == account.visits(world)

    funnel = transform.by("pipeline_funnel", "stage_id")
    for stage, wanted in account.funnel(world).items():
        median = wanted.pop("median_days")
        assert {name: funnel[stage][name] for name in wanted} == wanted
        assert funnel[stage]["median_days"] == (median and pytest.approx(median))

    sums = transform.by("revenue_by_account", "account_id", "currency")
    wanted_sums = account.revenue(world)
    assert sums.keys() == wanted_sums.keys()
    for key, wanted in wanted_sums.items():
        assert {name: sums[key][name] for name in wanted} == wanted, key


def carried(transform: Transform) -> set[tuple[str, str]]:
    """Return the contacts that have a tag now, by the history."""
    rows = transform.rows("tag_history")
    return {(row["contact_id"], row["tag_id"]) for row in rows if row["is_current"]}


def in_account(world: World) -> set[tuple[str, str]]:
    """Return the contacts that have a tag."""
    return {(str(row.contact), str(row.tag)) for row in world.tables["contactTags"]}


def work_two_days(warehouse: Warehouse) -> tuple[str, str]:
    """Move, win and reopen deals, tag, untag, join and leave; return a removed tag."""
    world, wait = warehouse.world, warehouse.account.wait
    deals = [row for row in account.seen_deals(world) if row.status == account.OPEN]
    stages = world.tables["dealStages"].by("group", deals[0].group)
    for stage in stages[1:]:
        wait(hours=7)
        world.edit_deal(deals[0].id, stage=stage.id)
    world.edit_deal(deals[0].id, status=account.WON)
    wait(hours=3)
    world.edit_deal(deals[1].id, status=account.LOST)
    wait(hours=3)
    world.edit_deal(deals[1].id, status=account.OPEN)
    pair = next(iter(world.tables["contactTags"]))
    taken = (str(pair.contact), str(pair.tag))
    world.untag(pair.contact, pair.tag)
    world.tag(9, world.add_tag("brand new").id)
    for status in (1, 2):
        wait(hours=26)
        world.subscribe(11, 2, status)
        world.touch(11)
    world.subscribe(12, 2)
    world.touch(12)
    return taken


def test_the_marts_are_the_account_after_each_load(warehouse: Warehouse) -> None:
    """All marts equal the account, before and after two days of changes."""
    campaigns = account.plant_campaigns(warehouse.world)
    warehouse.load()
    transform = built(warehouse)
    compare(transform, warehouse.world)
    held = transform.by("campaign_performance", "campaign_id")
    assert held.keys() == campaigns.keys()
    for one, wanted in campaigns.items():
        assert {name: held[one][name] for name in wanted} == wanted
    assert carried(transform) == in_account(warehouse.world)

    contact, tag = work_two_days(warehouse)
    warehouse.load()
    built(warehouse)
    compare(transform, warehouse.world)
    assert carried(transform) == in_account(warehouse.world)
    [gone] = [row for row in transform.rows("tag_history") if not row["is_current"]]
    assert (gone["contact_id"], gone["tag_id"]) == (contact, tag)
    seen = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(gone["removal_seen_at"])
    assert dt.timedelta(0) < seen < dt.timedelta(minutes=10)


def results(labels: dict[str, list[str]]) -> str:
    """Return Singer messages of results with a column for the account, as a stream map adds it.

    ``labels`` has the written contacts by account.
    """
    known = SCHEMA["schema"]["properties"] | {"account_label": {"type": ["string", "null"]}}
    schema = {**SCHEMA, "schema": {"type": "object", "properties": known}}
    common = {"stream": "crm_contacts", "action": "updated", "time": "2026-01-01T00:00:00+00:00"}
    records = [
        {**common, "run": label, "number": number, "account_label": label, "key": {"id": one}}
        for label, people in labels.items()
        for number, one in enumerate(people, 1)
    ]
    messages = [{"type": "RECORD", "stream": SCHEMA["stream"], "record": one} for one in records]
    return "".join(json.dumps(one) + "\n" for one in (schema, *messages))


def test_accounts_that_share_tables_keep_apart(warehouse: Warehouse) -> None:
    """With `account_labels` each account has its own marts, though all ids are the same."""
    other = Warehouse(warehouse.loader, warehouse.transform, seed=2)
    warehouse.load(account_label="north")
    other.load(account_label="south")
    warehouse.loader.load(results({"north": ["1", "2"], "south": ["1", "2", "3"]}))
    transform = built(warehouse, account_labels=True)
    for label, one in (("north", warehouse), ("south", other)):
        transform.label = label
        compare(transform, one.world)
        assert carried(transform) == in_account(one.world)
        treated = {row["treated"] for row in transform.rows("activation_lift")}
        assert treated == {2 if label == "north" else 3}
        rows = transform.rows("activation_contacts", ACTIVATION)
        assert {row["id"] for row in rows} == {str(n) for n in one.world.tables["contacts"].ids()}


def test_every_column_is_described_and_every_description_has_a_column(
    warehouse: Warehouse,
) -> None:
    """The documentation of dbt and the database have the same columns in every model."""
    warehouse.load()
    transform = built(warehouse)
    nodes = transform.manifest()["nodes"].values()
    models = [one for one in nodes if one["resource_type"] in {"model", "snapshot"}]
    assert len(models) == len(list(STREAMS)) + 16
    for one in models:
        described = {name: column["description"] for name, column in one["columns"].items()}
        described.pop("account_label", None)
        held = transform.columns(one["schema"], one["alias"])
        assert described.keys() == held.keys(), one["name"]
        assert all(described.values()), one["name"]
        assert one["description"], one["name"]
        assert one["schema"] in {MARTS, STAGING, ACTIVATION}


def test_streams_that_were_not_loaded_leave_their_marts_empty(warehouse: Warehouse) -> None:
    """The project builds with the tap's default selection; a deal has only its present stage."""
    left_out = {name for name in STREAMS if name.startswith(("marketing_campaign", "crm_opp"))}
    left_out -= {"crm_opportunities"}
    warehouse.load([name for name in STREAMS if name not in left_out])
    transform = built(warehouse)
    assert transform.rows("campaign_performance") == []
    history = transform.by("deal_stage_history", "opportunity_id")
    deals = {str(row.id): str(row.stage) for row in account.seen_deals(warehouse.world)}
    assert {deal: row["stage_id"] for deal, row in history.items()} == deals
    assert {row["entered_at"] for row in history.values()} == {None}


def test_source_freshness_passes_after_a_load(warehouse: Warehouse) -> None:
    """`dbt source freshness` passes after a load, for each table that every run loads whole."""
    warehouse.load()
    warehouse.transform.run("source", "freshness")
    found = json.loads((warehouse.transform.folder / "sources.json").read_text(encoding="utf-8"))
    statuses = {one["unique_id"].split(".")[-1]: one["status"] for one in found["results"]}
    assert {"crm_users", "marketing_tags"} <= statuses.keys()
    assert set(statuses.values()) == {"pass"}
