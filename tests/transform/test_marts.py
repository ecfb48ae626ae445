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
from .project import ACTIVATION, MARTS, STAGING, by

if TYPE_CHECKING:
    from tests.end_to_end.loaders import Row

    from .conftest import History

pytestmark = [pytest.mark.long, pytest.mark.meltano, pytest.mark.slow]


def compare(marts: dict[str, list[Row]], expected: account.Expected) -> None:
    """Compare the marts with the account."""
    people = by(marts["contacts"], "contact_id")
    for contact_id, wanted in expected.contacts.items():
        assert {name: people[contact_id][name] for name in wanted} == wanted
    assert people.keys() == expected.contacts.keys()

    days = by(marts["list_growth_daily"], "segment_id", "day")
    last = max(day for _, day in days)
    assert {
        segment_id: row["members"] for (segment_id, day), row in days.items() if day == last
    } == (expected.members)
    moved = {
        key: (row["subscribed"], row["unsubscribed"])
        for key, row in days.items()
        if row["subscribed"] or row["unsubscribed"]
    }
    assert moved == expected.subscriptions

    seen: dict[str, list[tuple[Any, ...]]] = {}
    history = by(marts["deal_stage_history"], "opportunity_id", "visit_number")
    for (deal, _), row in sorted(history.items(), key=lambda item: (item[0][0], item[0][1])):
        seen.setdefault(deal, []).append((row["stage_id"], row["entered_at"], row["left_at"]))
    assert seen == expected.visits

    funnel = by(marts["pipeline_funnel"], "stage_id")
    for stage, wanted in expected.funnel.items():
        median = wanted["median_days"]
        names = wanted.keys() - {"median_days"}
        assert {name: funnel[stage][name] for name in names} == {
            name: wanted[name] for name in names
        }
        assert funnel[stage]["median_days"] == (median and pytest.approx(median))

    sums = by(marts["revenue_by_account"], "account_id", "currency")
    assert sums.keys() == expected.revenue.keys()
    for key, wanted in expected.revenue.items():
        assert {name: sums[key][name] for name in wanted} == wanted, key

    assert carried(marts["tag_history"]) == expected.tags


def carried(rows: list[Row]) -> set[tuple[str, str]]:
    """Return the contacts that have a tag now, by the history."""
    return {(row["contact_id"], row["tag_id"]) for row in rows if row["is_current"]}


def test_the_marts_are_the_account_after_each_load(history: History) -> None:
    """The marts equal the account, before and after two days of changes.

    Contacts have their orders and their engagement. A deleted contact is in no mart.
    """
    for day in history.days:
        compare(day.marts, day.expected)
    first, last = (by(day.marts["contacts"], "contact_id") for day in history.days)
    assert first.keys() - last.keys()
    assert last["13"]["last_open_at"] > last["13"]["updated_at"]
    for row in history.days[0].marts["revenue_by_account"]:
        assert row["completed_orders"] or row["order_amount"] == 0
    assert any(row["completed_orders"] for row in history.days[0].marts["revenue_by_account"])


def test_rates_of_campaigns_are_those_of_their_counters(history: History) -> None:
    """A campaign that was sent has its rates; a draft has none."""
    for day in history.days:
        held = by(day.marts["campaign_performance"], "campaign_id")
        assert held.keys() == history.campaigns.keys()
        for campaign_id, wanted in history.campaigns.items():
            assert {name: held[campaign_id][name] for name in wanted} == wanted


def test_engagement_of_campaigns_counts_people_without_machines(warehouse: Warehouse) -> None:
    """Each campaign has its people once: who was sent it, opened it, clicked, and bounced."""
    warehouse.load()
    held = by(warehouse.build().rows("campaign_engagement"), "campaign_id")
    t = warehouse.world.tables
    assert held.keys() == {str(row.campaign) for row in t["logs"]}
    for campaign_id, row in held.items():
        touched = [row for row in t["linkData"] if str(row.campaign) == campaign_id]
        opens = {row.contact for row in touched if t["links"][row.link].link == "open"}
        clicks = {row.contact for row in touched if t["links"][row.link].link != "open"}
        assert row["emails_sent"] == sum(str(log.campaign) == campaign_id for log in t["logs"])
        assert (row["openers"], row["clickers"]) == (len(opens), len(clicks))
        assert row["bounced"] == len(
            {b.contact for b in t["bounceLogs"] if str(b.campaign) == campaign_id}
        )
        fetched = {m.contact for m in t["mppLinkData"] if str(m.campaign) == campaign_id}
        assert row["machine_openers"] == len(fetched)


def test_the_build_after_a_removal_dates_it(history: History) -> None:
    """A removed tag, or a tag of a deleted contact, ends at the next build."""
    rows = [row for row in history.days[1].marts["tag_history"] if not row["is_current"]]
    assert {(row["contact_id"], row["tag_id"]) for row in rows} == history.gone
    for row in rows:
        seen = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(row["removal_seen_at"])
        assert dt.timedelta(0) < seen < dt.timedelta(hours=1)


def results(labels: dict[str, list[str]]) -> str:
    """Return Singer messages of results with a column for the account, as a stream map adds it.

    ``labels`` has the written contacts by account.
    """
    known = SCHEMA["schema"]["properties"] | {"account_label": {"type": ["string", "null"]}}
    schema = {**SCHEMA, "schema": {"type": "object", "properties": known}}
    common = {"stream": "crm_contacts", "action": "updated", "time": "2026-01-01T00:00:00+00:00"}
    records = [
        {
            **common,
            "run": label,
            "number": number,
            "account_label": label,
            "key": {"id": contact_id},
        }
        for label, people in labels.items()
        for number, contact_id in enumerate(people, 1)
    ]
    messages = [
        {"type": "RECORD", "stream": SCHEMA["stream"], "record": record} for record in records
    ]
    return "".join(json.dumps(message) + "\n" for message in (schema, *messages))


def test_accounts_that_share_tables_keep_apart(warehouse: Warehouse) -> None:
    """With `account_labels` each account has its own marts, though all ids are the same."""
    other = Warehouse(warehouse.loader, warehouse.transform, seed=2)
    warehouse.load(account_label="north")
    other.load(account_label="south")
    warehouse.loader.load(results({"north": ["1", "2"], "south": ["1", "2", "3"]}))
    transform = warehouse.build(account_labels=True)
    for label, loaded in (("north", warehouse), ("south", other)):
        transform.label = label
        compare(transform.all_rows(MARTS), account.expected(loaded.world))
        treated = {row["treated"] for row in transform.rows("activation_lift")}
        assert treated == {2 if label == "north" else 3}
        rows = transform.rows("activation_contacts", ACTIVATION)
        assert {row["id"] for row in rows} == {
            str(n) for n in loaded.world.tables["contacts"].ids()
        }


def test_every_column_is_described_and_every_description_has_a_column(history: History) -> None:
    """The documentation of dbt and the database have the same columns in every model."""
    transform = history.transform
    nodes = transform.manifest()["nodes"].values()
    models = [node for node in nodes if node["resource_type"] in {"model", "snapshot"}]
    assert {model["name"] for model in models} >= {
        f"stg_activecampaign__{name}" for name in STREAMS
    }
    for model in models:
        described = {name: column["description"] for name, column in model["columns"].items()}
        described.pop("account_label", None)
        held = transform.columns(model["schema"], model["alias"])
        assert described.keys() == held.keys(), model["name"]
        assert all(described.values()), model["name"]
        assert model["description"], model["name"]
        assert model["schema"] in {MARTS, STAGING, ACTIVATION}


def test_streams_that_were_not_loaded_leave_their_marts_empty(warehouse: Warehouse) -> None:
    """The project builds with the tap's default selection; a deal has only its present stage.

    Numbers of orders and e-mails are null, not 0, if their streams were not loaded.
    """
    off = ("marketing_campaign", "crm_opp", "commerce_", "marketing_engagements")
    left_out = {name for name in STREAMS if name.startswith(off)} - {"crm_opportunities"}
    warehouse.load([name for name in STREAMS if name not in left_out])
    transform = warehouse.build()
    assert transform.rows("campaign_performance") == []
    history = by(transform.rows("deal_stage_history"), "opportunity_id")
    deals = {str(row.id): str(row.stage) for row in account.seen_deals(warehouse.world)}
    assert {deal: row["stage_id"] for deal, row in history.items()} == deals
    assert {row["entered_at"] for row in history.values()} == {None}
    sums = by(transform.rows("revenue_by_account"), "account_id", "currency")
    wanted = account.revenue(warehouse.world, with_orders=False)
    assert {key: row["won_amount"] for key, row in sums.items()} == {
        key: row["won_amount"] for key, row in wanted.items()
    }
    people = transform.rows("contacts")
    assert people
    for rows, names in (
        (sums.values(), ("completed_orders", "unknown_orders", "order_amount")),
        (people, ("completed_orders", "order_amount", "emails_sent", "emails_opened")),
    ):
        assert {row[name] for row in rows for name in names} == {None}


def test_source_freshness_passes_after_a_load(history: History) -> None:
    """`dbt source freshness` passes after a load, for each table that every run loads whole."""
    transform = history.transform
    transform.run("source", "freshness")
    found = json.loads((transform.folder / "sources.json").read_text(encoding="utf-8"))
    statuses = {result["unique_id"].split(".")[-1]: result["status"] for result in found["results"]}
    assert {"crm_users", "marketing_tags"} <= statuses.keys()
    assert set(statuses.values()) == {"pass"}
