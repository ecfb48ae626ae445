"""Rows of an account read without the tap, and accounts that have every collection."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.raw import COLLECTIONS
from tests.sandbox import Shape
from tests.sandbox.rows import ListGroup
from tests.tap.client.clients import KEY
from tests.tap.running import Account

if TYPE_CHECKING:
    from tests.sandbox import World
    from tests.tap.running import Ran

RAW = [collection.name for collection in COLLECTIONS]
BY_NAME = {collection.name: collection for collection in COLLECTIONS}


def complete(**options: Any) -> Account:
    """Return an account that has rows in every collection."""
    shape = Shape(enrolled_share=1.0, scores_share=1.0, secondary_share=1.0)
    account = Account(**({"contacts": 12, "deals": 6, "accounts": 4, "shape": shape} | options))
    account.world.edit_deal(1, status=1)
    account.world.tables["listGroups"].insert(ListGroup(1, 1))
    plant = account.world.planted.plant
    plant(
        "/audiences",
        "data",
        [{"id": f"u-{n}", "type": "audience", "attributes": {"n": n}} for n in range(250)],
        paging="numbers",
    )
    plant("/messageActivities", "messageActivities", [{"id": "1", "messageid": "3"}])
    plant("/linkData", "linkData", [{"id": "5", "linkid": "2", "times": 3}])
    plant("/sms/broadcasts", "data", [{"id": "b-1", "name": "Sale", "recipients": 9}])
    plant(
        "/prism/urlWhitelistings",
        "data",
        [{"type": "urlWhitelistings", "id": "7", "attributes": {"tracking_enabled": 1}}],
        paging="none",
    )
    plant("/groupMembers", "groupDefinitions", [{"id": 1, "type_id": 1, "label": "A"}])
    plant("/lists/exclusions", "exclusions", [{"id": "4", "hidden": False, "lists": ["1"]}])
    plant("/webhooks", "webhooks", [{"id": "2", "events": ["open"], "links": []}], total="s")
    plant(
        "/import/bulk_import",
        "outstanding",
        [{"forDate": "2031-03-02", "batches": "4", "contacts": "1000"}],
        paging="none",
        beside={"recentlyCompleted": [{"forDate": "2031-03-01", "batches": "1", "contacts": "9"}]},
    )
    schemas = [{"id": "s-1", "slug": "orders", "fields": [{"id": "total"}]}, {"id": "s-2"}]
    plant("/customObjects/schemas", "schemas", schemas, total="i")
    for schema_id in ("s-1", "s-2"):
        record = {
            "id": f"r-{schema_id}",
            "schemaId": schema_id,
            "fields": [{"id": "total", "value": 12}],
        }
        plant(f"/customObjects/records/{schema_id}", "records", [record], total="i")
    activities = [
        {"id": str(n), "tstamp": f"2026-0{n}-01T10:00:00-06:00", "recipients": [str(n)]}
        for n in (1, 2, 3)
    ]
    recipients = [{"id": str(n), "email": f"r{n}@case.example"} for n in (1, 2, 3)]
    plant(
        "/activities",
        "activities",
        activities,
        total="s",
        after="tstamp",
        beside={"activityRecipients": recipients},
    )
    for collection in COLLECTIONS:
        if collection.parent and not collection.endpoint.startswith("customObjects"):
            for parent in sent(account.world, f"/{collection.parent}", key_of(collection.parent)):
                path = f"/{collection.endpoint}".format(id=parent["id"])
                row = {
                    "id": f"{parent['id']}0",
                    collection.parent: parent["id"],
                    "kind": collection.key,
                }
                plant(path, collection.key, [row])
    return account


def key_of(path: str) -> str:
    """Return the key of a collection's rows in an answer."""
    return next(
        collection.key
        for collection in COLLECTIONS
        if collection.endpoint == path and not collection.included_in
    )


def ask(world: World, path: str, query: list[tuple[str, str]] | None = None) -> dict[str, Any]:
    """Return an answer of the account, read without the tap."""
    _, _, body = world.answer("GET", f"/api/3{path}", query or [], {"Api-Token": KEY})
    found: dict[str, Any] = json.loads(body)
    return found


def sent(world: World, path: str, key: str) -> list[Any]:
    """Return all rows that the account sends, page by page."""
    found: list[Any] = []
    for offset in itertools.count(0, 100):
        query = [("limit", "100"), ("offset", str(offset)), ("orders[id]", "ASC")]
        page = ask(world, path, query).get(key, [])
        found += page
        if len(page) < 100:
            return found
    return found


def expected(account: Account, name: str) -> list[Any]:
    """Return the rows of a raw stream as the account sends them."""
    collection, world = BY_NAME[name], account.world
    if name == "raw_audiences":
        return [row for n in (1, 2, 3) for row in page_of(world, n)]
    if name == "raw_webhook_events":
        return [{"value": event} for event in ask(world, "/webhook/events")["webhookEvents"]]
    if name.startswith("raw_bulk_imports"):
        return list(ask(world, "/import/bulk_import")[collection.key])
    if name == "raw_sms_broadcasts":
        return sent(world, "/sms/broadcasts", "data")
    if name == "raw_group_members":
        return sent(world, "/groupMembers", "groupDefinitions")
    if collection.parent:
        return [
            row
            for parent in sent(world, f"/{collection.parent}", key_of(collection.parent))
            for row in sent(
                world, f"/{collection.endpoint}".format(id=parent["id"]), collection.key
            )
        ]
    if collection.endpoint == "accounts":
        return list(
            ask(world, "/accounts", [("limit", "100"), ("count_deals", "true")])["accounts"]
        )
    return sent(world, f"/{collection.endpoint}", collection.key)


def page_of(world: World, number: int) -> list[Any]:
    """Return a numbered page of audiences."""
    found: list[Any] = ask(world, "/audiences", [("page", str(number)), ("page_size", "100")])[
        "data"
    ]
    return found


def schemas_of(ran: Ran, stream: str) -> list[dict[str, Any]]:
    """Return a stream's schemas in the order they were written."""
    return [
        message["schema"]["properties"]
        for message in ran.messages
        if message["type"] == "SCHEMA" and message["stream"] == stream
    ]
