"""Random rows of tasks, e-commerce and custom objects, and what other clients change of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.sandbox.custom_objects import acts

from .stores import TABLES, VISITS

if TYPE_CHECKING:
    from tests.sandbox import World

    Row = dict[str, Any]
    Rows = st.SearchStrategy[Row]

TIMES = st.sampled_from(("2033-06-01T10:00:00Z", "2034-01-05T08:30:00Z", "2031-05-01T10:00:00Z"))
AMOUNTS = st.sampled_from(("777.25", 5, 0))
TEXTS = st.sampled_from(("Z", "Y", None))
#: A contact that orders and subscriptions may create.
BUYER = "buyer@shop.example"
_WORDS = st.lists(st.sampled_from(("z", "y")), max_size=2, unique=True)
_LINES = st.lists(
    st.fixed_dictionaries(
        {"store_line_id": st.sampled_from(("l-1", "l-9")), "name": st.just("Z")},
        optional={"quantity": st.integers(1, 3), "amount": AMOUNTS, "sku": st.just("S")},
    ),
    max_size=2,
    unique_by=lambda line: line["store_line_id"],
)


def rows_of_stores(world: World) -> dict[str, Rows]:
    """Return rows of each stream: of records that the account has, and of new records."""
    emails = [row.email for row in world.tables["contacts"]][:4]
    buyers = st.sampled_from([{"email": email} for email in (*emails, BUYER)])
    found = {name: _commerce(world, name, buyers) for name in TABLES}
    return {"crm_tasks": _tasks(world), VISITS: _visits(), **found}


def _row(fixed: Rows, **parts: Any) -> Rows:
    """Return rows with all fixed columns and some of the parts."""
    return st.builds(
        lambda row, other: row | other, fixed, st.fixed_dictionaries({}, optional=parts)
    )


def _tasks(world: World) -> Rows:
    ids = world.tables["dealTasks"].ids()
    people = world.tables["contacts"].ids()[:3]
    new = st.fixed_dictionaries(
        {
            "external_id": st.sampled_from(("n-1", "n-2")),
            "due_at": TIMES,
            "type": st.just("Call"),
            "contact": st.sampled_from([{"id": str(person)} for person in people]),
        }
    )
    return _row(
        new | st.sampled_from([{"id": str(row_id)} for row_id in ids]),
        subject=TEXTS,
        content=TEXTS,
        type=st.sampled_from(("Call", "Email", "Demo")),
        due_at=TIMES,
        ends_at=TIMES,
        owner=st.sampled_from([{"id": "1"}, {"id": "2"}]),
        status=st.sampled_from(("open", "completed")),
        outcome=st.sampled_from(("Reached", "No answer")),
        outcome_note=TEXTS,
    )


def _visits() -> Rows:
    return _row(
        st.fixed_dictionaries({"external_id": st.sampled_from(("v-1", "v-2", "v-3", "n-1"))}),
        title=TEXTS,
        total=AMOUNTS,
        due=TIMES | st.none(),
        places=st.lists(st.sampled_from(("Oslo", "Bergen")), max_size=2, unique=True),
        guest=st.sampled_from([{"id": "1"}, {"id": "2"}, None]),
    )


def _commerce(world: World, stream: str, buyers: Rows) -> Rows:
    table, column = TABLES[stream]
    known = [row.key for row in world.tables[table]][:3]
    fixed = {"store_id": st.just("1"), column: st.sampled_from((*known, "n-1"))}
    if stream == "commerce_order_lines":
        line = {"store_line_id": st.sampled_from(("l-1", "l-9"))}
        return _row(st.fixed_dictionaries(fixed | line), name=TEXTS, quantity=st.integers(1, 3))
    if stream == "commerce_products":
        return _row(
            st.fixed_dictionaries(fixed),
            name=TEXTS,
            price_amount=AMOUNTS,
            tags=_WORDS,
            brand=TEXTS,
            is_deleted=st.booleans(),
            modified_at=TIMES,
            dimensions=st.sampled_from(({"length": 7}, None)),
        )
    if stream == "commerce_subscriptions":
        return _row(
            st.fixed_dictionaries(fixed),
            contact=buyers,
            name=TEXTS,
            amount=AMOUNTS,
            status=st.sampled_from(("active", "expired")),
            next_payment_at=TIMES | st.none(),
            notes=_WORDS,
        )
    whole = {"contact": buyers, "currency": st.just("EUR"), "total_amount": AMOUNTS}
    optional: dict[str, Any] = {
        "status": st.sampled_from(("returned", "completed")),
        "store_status": TEXTS,
        "notes": _WORDS,
        "lines": _LINES,
        "shipping_address": st.sampled_from(({"city": "Z"}, None)),
        "creation_source": st.sampled_from(("real_time", "historical")),
        "accepts_marketing": st.booleans(),
    }
    partial = _row(st.fixed_dictionaries(fixed), **optional, total_amount=AMOUNTS, contact=buyers)
    return partial | _row(
        st.fixed_dictionaries(fixed | whole | {"store_created_at": TIMES}), **optional
    )


# --- other clients -------------------------------------------------------------------------------


def changes_of_stores(world: World) -> list[st.SearchStrategy[tuple[Any, ...]]]:
    """Return what other clients change of these records as they are now."""
    t = world.tables
    tasks, records = sorted(t["dealTasks"].ids()), sorted(t["customRecords"].ids())
    drawn_from = lambda ids: st.sampled_from(ids) if ids else st.nothing()  # noqa: E731
    found = [
        st.tuples(
            st.just("task"), drawn_from(tasks), st.sampled_from(("title", "note", "outcomeInfo"))
        ),
        st.tuples(st.just("task status"), drawn_from(tasks), st.sampled_from((0, 1))),
        st.tuples(st.just("delete task"), drawn_from(tasks)),
        st.tuples(st.just("record"), drawn_from(records), st.sampled_from(("title", "total"))),
        st.tuples(st.just("delete record"), drawn_from(records)),
        st.tuples(st.just("delete contact"), drawn_from(sorted(t["contacts"].ids())[:4])),
    ]
    for table, column in _COLUMNS.items():
        found.append(st.tuples(st.just(table), drawn_from(sorted(t[table].ids())), st.just(column)))
    return [
        *found,
        st.tuples(st.just("delete product"), drawn_from(sorted(t["storeProducts"].ids()))),
    ]


_COLUMNS = {
    "storeOrders": "storeStatus",
    "storeProducts": "brand",
    "storeRecurringPayments": "name",
}


def _document(table: str) -> Any:
    def change(world: World, row_id: int, column: str) -> None:
        row = world.tables[table][row_id]
        world.tables[table].change(row, document=row.document | {column: "Foreign"})

    return change


def _record(world: World, row_id: int, column: str) -> None:
    row = world.tables["customRecords"][row_id]
    fields = row.document["fields"] | {column: 77 if column == "total" else "Foreign"}
    schema = world.tables["customSchemas"][row.schema]
    relationships = row.document["relationships"]
    acts.put_record(world, schema, row.externalId, fields, relationships, lags=False)


STORE_ACTS: dict[str, Any] = {
    "task": lambda w, task, column: w.tables["dealTasks"].change(
        w.tables["dealTasks"][task], **{column: "Foreign"}
    ),
    "task status": lambda w, task, status: w.tables["dealTasks"].change(
        w.tables["dealTasks"][task], status=status
    ),
    "delete task": lambda w, task: w.tables["dealTasks"].delete(task),
    "record": _record,
    "delete record": lambda w, record: w.tables["customRecords"].delete(record),
    "delete product": lambda w, product: w.tables["storeProducts"].delete(product),
    **{table: _document(table) for table in _COLUMNS},
}
STORE_TABLES = {
    **dict.fromkeys(("task", "task status", "delete task"), "dealTasks"),
    **dict.fromkeys(("record", "delete record"), "customRecords"),
    "delete product": "storeProducts",
    **{table: table for table in _COLUMNS},
}
