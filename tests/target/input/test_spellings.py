"""A row in any spelling is written, or its result names the column and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.resources.custom_objects import resources_of
from target_activecampaign.config.write_policy import WritePolicy
from target_activecampaign.input.row_columns import RowColumns
from target_activecampaign.records.columns.matching import ColumnTable
from target_activecampaign.sinks import registry
from tests import length
from tests.sandbox.custom_objects import acts
from tests.sandbox.ecommerce import store
from tests.sandbox.tasks.planting import define_types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.target.runner import TargetRunner

WHO = "lea@harbour.example"
OBJECT = "custom_purchase_orders"
#: Rows of other streams: what is spelled otherwise, and the columns beside it.
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "crm_accounts": (
        {"website": "https://a.example", "number_of_employees": 7},
        {"name": "Spelled Co"},
    ),
    "crm_opportunities": (
        {"amount": 12.5, "close_date": "2031-01-02", "currency": "EUR"},
        {"name": "Deal", "contact": [{"email": WHO}], "stage": {"id": "1"}, "owner": {"id": "1"}},
    ),
    "crm_tasks": (
        {"subject": "Call", "outcome_note": "x", "ends_at": "2031-05-02T10:00:00Z"},
        {
            "external_id": "t-1",
            "type": "Demo",
            "status": "completed",
            "outcome": "Reached",
            "contact": [{"email": WHO}],
            "due_at": "2031-05-01T10:00:00Z",
        },
    ),
    "commerce_orders": (
        {"cart_id": "c-1", "is_test": True, "shipping_amount": 3.5},
        {
            "store_id": 1,
            "store_order_id": "o-1",
            "contact": {"email": WHO},
            "currency": "USD",
            "total_amount": 12.5,
            "store_created_at": "2030-05-01T10:00:00Z",
        },
    ),
    OBJECT: ({"title": "Boat", "unit_price": 12.5}, {"external_id": "po-1"}),
}

#: The written value by column, and its place in the account.
VALUES = {"first_name": "Ann", "last_name": "Lee", "phone": "+1 555"}
NATIVE = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}


def camel(name: str) -> str:
    """Return a name in camelCase."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


ACCEPTED: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.title,
    camel,
    lambda name: camel(name)[0].upper() + camel(name)[1:],
    lambda name: f"\ufeff{name}",
]
SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.title,
    camel,
    lambda name: camel(name)[0].upper() + camel(name)[1:],
    lambda name: name.replace("_", ""),
    lambda name: name.replace("_", " "),
    lambda name: name.replace("_", "-"),
    lambda name: f"{name}s",
    lambda name: f"x_{name}",
    lambda name: name[1:],
]


def tables() -> Iterator[tuple[str, ColumnTable]]:
    """Return the columns of every stream that is written, those of a custom object too."""
    fields = [
        {"id": name, "type": kind, "labels": {}}
        for name, kind in (("title", "text"), ("unit-price", "currency"), ("due", "datetime"))
    ]
    relations = [{"id": "buyer", "namespace": "contacts"}]
    schema = {"id": "u-1", "slug": "purchase-orders", "fields": fields, "relationships": relations}
    [found] = resources_of([schema])
    row_columns = RowColumns(WritePolicy(), {}, lambda _: found)
    for stream in (*registry.SINKS, OBJECT):
        if stream != "raw_requests":  # a request is sent as it stands
            row_columns.read(stream, {}, [])
            table = row_columns.table(stream)
            ours = {n: column for n, column in table.columns.items() if not n.startswith("_")}
            yield stream, ColumnTable(ours)


@pytest.mark.parametrize(("stream", "table"), list(tables()))
def test_every_column_of_every_stream_is_found_in_every_accepted_spelling(
    stream: str, table: ColumnTable
) -> None:
    """By case, from camelCase and behind a byte order mark; keys inside objects as well."""
    assert len(table.columns) > 8, stream
    for name, column in table.columns.items():
        for spell in ACCEPTED:
            assert table.place_of(spell(name)) == table.place_of(name), (name, spell(name))
            assert table.place_of(name).unknown is None
            is_marked = spell is ACCEPTED[-1]  # no mark stands inside a value
            for key in set() if is_marked else set((column.keys or {}).values()):
                assert table.key_of(name, spell(key)) == key
                flat = table.place_of(f"{spell(name)}__{spell(key)}")
                assert (flat.path, flat.unknown) == (f"{name}.{key}", None)


@pytest.mark.parametrize(("stream", "table"), list(tables()))
def test_every_other_spelling_is_named_in_a_remark(stream: str, table: ColumnTable) -> None:
    """An unknown column never passes for another column."""
    for name in table.columns:
        for spelled in (f"{name}zz", f"x_{name}", f"{name} (old)", f"{name}__zz"):
            place = table.place_of(spelled)
            is_open = place.column == name and table.columns[name].keys == {}
            assert is_open or (place.unknown is not None and spelled in place.unknown.text)


def prepared(runner: TargetRunner) -> TargetRunner:
    """Create the records that the rows refer to."""
    runner.world.switches.ecommerce = "served"
    runner.world.switches.tasks = "served"
    runner.world.add_contact(WHO)
    define_types(runner.world)
    store.add_connection(runner.world, "own", "shop-1", "Shop")
    fields = [acts.field("title"), acts.field("unit-price", "currency", defaultCurrency="USD")]
    acts.add_schema(runner.world, "purchase-orders", fields)
    return runner


def written_by(runner: TargetRunner, stream: str, row: dict[str, Any]) -> tuple[list[str], str]:
    """Send a row; return the bodies of its writes, and the reason of its result."""
    before = len(runner.world.log)
    run = runner.send(stream, row, ledger_path=str(runner.folder / f"{uuid4()}.sqlite"))
    assert run.actions[0] in {"created", "updated"}, run.results
    return [e.body.decode() for e in runner.world.log[before:] if e.method != "GET"], run.reason()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(data=st.data())
@pytest.mark.parametrize("stream", ROWS)
def test_a_row_of_any_spelling_writes_what_it_says_or_names_the_column(
    make_runner: Callable[..., TargetRunner], stream: str, data: st.DataObject
) -> None:
    """The bodies are those of the plain names, without the columns that the result names."""
    values, beside = ROWS[stream]
    names = data.draw(st.lists(st.sampled_from(sorted(values)), min_size=1, unique=True))
    spelled = {name: data.draw(st.sampled_from(SPELLINGS))(name) for name in names}
    row = beside | {spelled[name]: values[name] for name in names}
    bodies, reason = written_by(prepared(make_runner()), stream, row)
    read = beside | {name: values[name] for name in names if spelled[name] not in reason}
    assert bodies == written_by(prepared(make_runner()), stream, read)[0]
    assert all(reason.count(spelled[name]) for name in names if name not in read)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=length.of(60, 600)
)
@given(
    spelled=st.lists(
        st.tuples(st.sampled_from(sorted(VALUES)), st.sampled_from(SPELLINGS)),
        min_size=1,
        max_size=3,
        unique_by=lambda pair: pair[0],
    )
)
def test_a_column_of_any_spelling_is_written_or_named(
    make_runner: Callable[..., TargetRunner], spelled: list[tuple[str, Any]]
) -> None:
    """Each column is written or named in the result, on the first run and on the next."""
    runner = make_runner()
    ledger = str(runner.folder / f"{uuid4()}.sqlite")
    row = {"email": "spelled@shop.example"} | {spell(name): VALUES[name] for name, spell in spelled}
    for _ in range(2):
        run = runner.send("crm_contacts", row, ledger_path=ledger)
        person = runner.world.find_contact("spelled@shop.example")
        for name, spell in spelled:
            is_written = person is not None and getattr(person, NATIVE[name]) == VALUES[name]
            assert is_written or spell(name) in run.reason()
