"""Law: every writable field of e-commerce, custom objects and events reaches a request body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.resources.custom_objects import PREFIX, resources_of
from tap_activecampaign_unified.resources.resource import Field
from target_activecampaign.sinks import registry
from tests.sandbox.custom_objects import acts
from tests.sandbox.ecommerce import store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.target.runner import TargetRunner

WHO = "law@shop.example"
OBJECT = f"{PREFIX}law_objects"
IDS = {"store_id": "1", "store_order_id": "o-1"}
ORDER: dict[str, Any] = {
    **IDS,
    "contact": {"email": WHO},
    "currency": "USD",
    "total_amount": 12.5,
    "store_created_at": "2030-05-01T10:00:00+00:00",
}
#: A row of each stream with only its required columns.
ROWS: dict[str, dict[str, Any]] = {
    "commerce_orders": ORDER,
    "commerce_order_lines": {**IDS, "name": "Law mug"},
    "commerce_products": {"store_id": "1", "store_product_id": "p-1", "name": "Law mug"},
    "commerce_subscriptions": {
        "store_id": "1",
        "store_subscription_id": "s-1",
        "contact": {"email": WHO},
        "currency": "USD",
    },
}
#: Values of columns that differ from the example of their codec.
VALUES: dict[str, Any] = {
    "store_id": "1",
    "contact": {"email": WHO},
    "creation_source": "real_time",
    "currency": "CHF",
}
TYPES = {
    "text": ("text", {}),
    "long-text": ("textarea", {}),
    "number": ("number", {}),
    "money": ("currency", {"defaultCurrency": "USD"}),
    "moment": ("datetime", {}),
    "day": ("date", {}),
    "choice": ("dropdown", {"options": ["a", "b"]}),
    "choices": ("multiselect", {"options": ["a", "b"]}),
    "flag": ("boolean", {}),
}


@pytest.fixture(autouse=True)
def _account(runner: TargetRunner) -> None:
    runner.world.add_contact(WHO)
    runner.world.switches.ecommerce = "served"
    store.add_connection(runner.world, "own", "shop-1", "Shop")
    fields = [acts.field(name, kind, **more) for name, (kind, more) in TYPES.items()]
    relations = [acts.relationship(name, name) for name in ("contacts", "accounts", "deals")]
    acts.add_schema(runner.world, "law-objects", fields, relations)


def fields_of(stream: str) -> dict[str, Field]:
    """Return the written fields of a stream by name."""
    entries = registry.SINKS[stream].resource.entries
    return {
        entry.unified: entry
        for entry in entries
        if isinstance(entry, Field) and not entry.read_only and entry.unified != "id"
    }


def columns() -> Iterator[tuple[str, str]]:
    """Return every writable column of every stream of e-commerce."""
    for stream in ROWS:
        for column in sorted(registry.SINKS[stream].writable):
            yield stream, column


def mutations(runner: TargetRunner, before: int) -> list[dict[str, Any]]:
    """Return the rows of all mutations that were sent."""
    bodies = [
        json.loads(request.body)
        for request in runner.world.log[before:]
        if b"mutation" in request.body
    ]
    return [row for body in bodies for row in body["variables"]["rows"]]


@pytest.mark.parametrize(("stream", "column"), list(columns()))
def test_every_writable_field_of_a_store_reaches_a_mutation(
    runner: TargetRunner, stream: str, column: str
) -> None:
    """Every writable field is in a mutation, under ActiveCampaign's name and in its form."""
    runner.send("commerce_orders", ORDER)
    runner.world.settle(at_once=True)
    before = len(runner.world.log)
    settings: dict[str, Any] = {}
    row = dict(ROWS[stream])
    if column == "store":
        settings = {"source_ids": "foreign"}
        row |= {"store": {"service": "own", "external_id": "shop-1"}, "store_id": "77"}
    else:
        field = fields_of(stream)[column]
        examples = [
            example for example in field.codec.examples if example not in (None, [], False, 0)
        ]
        row[column] = VALUES.get(column, ROWS[stream].get(column, (examples or [False])[-1]))
    run = runner.send(stream, row, force=True, **settings)
    assert set(run.actions) <= {"created", "updated"}, run.results
    [sent] = mutations(runner, before)
    if column == "store":
        assert sent["legacyConnectionId"] == 1
        return
    part = sent["lineItems"][-1] if stream == "commerce_order_lines" else sent
    place = sent if field.native in {"legacyConnectionId", "storeOrderId"} else part
    expected = field.codec.encode(row[column])
    assert place[field.native] == expected, sent


@pytest.mark.parametrize("column", [*(name.replace("-", "_") for name in TYPES), "external_id"])
def test_every_field_of_a_custom_object_reaches_its_record(
    runner: TargetRunner, column: str
) -> None:
    """A field of every documented type is in the record."""
    [schema] = runner.world.tables["customSchemas"]
    [resource] = resources_of([{"id": schema.uuid, "slug": schema.slug, **schema.document}])
    [entry] = [entry for entry in resource.entries if entry.unified == column]
    assert isinstance(entry, Field)
    examples = [example for example in entry.codec.examples if example not in (None, [])]
    value = {"choice": "b", "external_id": "law-2"}.get(column, examples[-1])
    before = len(runner.world.log)
    run = runner.send(OBJECT, {"external_id": "law", column: value})
    assert run.actions == ["created"], run.results
    [body] = [
        json.loads(request.body)
        for request in runner.world.log[before:]
        if request.method == "POST"
    ]
    sent = {field["id"]: field["value"] for field in body["record"]["fields"]}
    if column == "external_id":
        assert body["record"]["externalId"] == value
    else:
        assert sent[entry.native.removeprefix("field:")] == entry.codec.encode(value)


@pytest.mark.parametrize(
    ("column", "value"),
    [("contacts", [{"email": WHO}]), ("accounts", ["Law Co"]), ("deals", [{"id": "1"}])],
)
def test_every_relationship_of_a_custom_object_reaches_its_record(
    runner: TargetRunner, column: str, value: Any
) -> None:
    """Contacts by address, accounts by name and deals by id are in the record."""
    runner.world.add_account("Law Co")
    before = len(runner.world.log)
    run = runner.send(OBJECT, {"external_id": "law", column: value})
    assert run.actions == ["created"], run.results
    [body] = [
        json.loads(request.body)
        for request in runner.world.log[before:]
        if request.method == "POST"
    ]
    [linked] = body["record"]["relationships"][column]
    assert isinstance(linked, int)


@pytest.mark.parametrize("column", ["name", "contact", "value", "external_id"])
def test_every_column_of_an_event_is_sent_or_identifies_it(
    runner: TargetRunner, column: str
) -> None:
    """Name, address and value are in the request; the external id is the ledger's key."""
    own = {"event_account_id": runner.world.event_account_id, "event_key": runner.world.event_key}
    row = {"name": "law-visit", "contact": {"email": WHO}, "value": "gold", "external_id": "e-1"}
    before = len(runner.world.log)
    assert runner.send("marketing_events", row, **own).actions == ["created"]
    bodies = [
        request.body.decode() for request in runner.world.log[before:] if request.method == "POST"
    ]
    marker = {"contact": WHO.replace("@", "%40")}.get(column, str(row[column]))
    assert any(marker in body for body in bodies) is (column != "external_id")


def test_every_stream_of_stores_is_in_this_law() -> None:
    """Every sink of e-commerce has a row in this law; stores are only read."""
    streams = {name for name in registry.SINKS if name.startswith("commerce_")}
    assert streams - set(ROWS) == {"commerce_stores"}
