"""The GraphQL store: always status 200, with `errors` beside or in place of `data`."""

from __future__ import annotations

import re
import uuid
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    Lexer,
    Source,
    TokenKind,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from tests.sandbox.contact_writes import FULL, is_full
from tests.sandbox.ecommerce import store
from tests.sandbox.ecommerce.search import search

if TYPE_CHECKING:
    from tests.sandbox.world import World

SDL = Path(__file__).with_name("schema.graphql").read_text(encoding="utf-8")
MOST_TOKENS = 15_000
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def respond(w: World, body: Any) -> dict[str, Any]:
    """Answer a body of `query`, `variables` and `operationName`."""
    body = body if isinstance(body, dict) else {}
    query, variables = str(body.get("query") or ""), body.get("variables") or {}
    if _is_too_big(w, query, variables):
        return _failed(
            f"More than {MOST_TOKENS:,} 'grammar' tokens have been presented. "
            "To prevent Denial Of Service attacks, parsing has been cancelled."
        )
    schema = schema_of(
        w.switches.order_discount_field,
        w.switches.order_filters,
        w.switches.graphql_decimals,
    )
    checked = _checked(schema, query)
    if isinstance(checked, DocumentNode):
        result = execute_sync(
            schema,
            checked,
            root_value=_Root(w).resolvers(),
            variable_values=variables,
            operation_name=body.get("operationName"),
        )
    else:
        result = ExecutionResult(None, checked)
    document: dict[str, Any] = {}
    if result.errors:
        document["errors"] = [error.formatted for error in result.errors]
    document["data"] = result.data
    return document


def _failed(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {}}], "data": None}


# Clients send constant documents: each is counted, parsed and validated once.
@lru_cache(64)
def _checked(schema: GraphQLSchema, query: str) -> DocumentNode | list[GraphQLError]:
    """Return the parsed document, or what is wrong with it."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return [error]
    return validate(schema, document) or document


@lru_cache(64)
def _tokens_of(query: str) -> int:
    """Count the tokens of a document, up to one more than the limit."""
    lexer, count = Lexer(Source(query)), 0
    try:
        while count <= MOST_TOKENS and lexer.advance().kind is not TokenKind.EOF:
            count += 1
    except GraphQLError:
        return 0  # no GraphQL: the parser raises the error
    return count


def _is_too_big(w: World, query: str, variables: Any) -> bool:
    """Return whether there are too many tokens, with the variables' if the switch says so."""
    count = _tokens_of(query)
    if w.switches.tokens_count_variables:
        count += len(re.findall(r"\w+|[{}\[\]:,]", str(variables)))
    return count > MOST_TOKENS


@lru_cache(8)
def schema_of(discount_field: str, order_filters: str, decimals: str) -> GraphQLSchema:
    """Return the schema that the switches give."""
    names = {"both": ["discountsAmount", "discountAmount"]}.get(discount_field, [discount_field])
    text = SDL.replace("#DISCOUNT_FIELDS", " ".join(f"{name}: BigDecimal" for name in names))
    if order_filters == "all":
        more = (
            "storeOrderId: StringFilter, storeCreatedDate: StringFilter, "
            "storeModifiedDate: StringFilter, normalizedStatus: OrderStatusFilter, "
            "finalAmount: DecimalFilter"
        )
        text = text.replace("#ORDER_FILTERS", more)
    schema = build_schema(text)
    decimal = schema.type_map["BigDecimal"]
    if not isinstance(decimal, GraphQLScalarType):
        raise TypeError("BigDecimal is a scalar")
    decimal.coerce_input_value = _decimal
    decimal.coerce_output_value = float if decimals == "number" else str
    return schema


def _decimal(value: Any) -> str:
    try:
        return str(Decimal(str(value)))
    except InvalidOperation:
        raise GraphQLError(f"Expected a number, not {value!r}") from None


class _Root:
    """The resolvers of one request."""

    def __init__(self, w: World) -> None:
        self.w = w

    def resolvers(self) -> dict[str, Any]:
        """Return the resolver of each query and mutation."""
        return {
            "getOrder": self._get_order,
            "searchOrder": partial(self._search, "storeOrders"),
            "productById": lambda _, **arguments: self._product(arguments.get("id")),
            "searchProduct": partial(self._search, "storeProducts"),
            "searchRecurringPayment": partial(self._search, "storeRecurringPayments"),
            "upsertOrder": lambda _, order=None: self._orders([order], waits=True)[0],
            "bulkUpsertOrders": lambda _, orders=None: self._orders(orders or [], waits=True),
            "bulkUpsertOrdersAsync": lambda _, orders=None: self._accepted(orders or []),
            "bulkUpsertProducts": lambda _, products=None: self._products(products or []),
            "createProduct": lambda _, product=None: self._create_product(product),
            "updateProduct": lambda _, **arguments: self._update_product(
                arguments.get("id"), arguments["product"]
            ),
            "deleteProduct": lambda _, **arguments: self._delete_product(arguments.get("id")),
            "bulkUpsertRecurringPayments": self._payments,
        }

    def _search(self, table: str, _: Any, **arguments: Any) -> list[dict[str, Any] | None]:
        return search(self.w, table, arguments.get("filter"))

    def _get_order(
        self, _: Any, legacyConnectionId: int | None = None, storeOrderId: str | None = None
    ) -> Any:
        row = self.w.tables["storeOrders"].first("key", (legacyConnectionId, storeOrderId))
        return row.document if row else None

    def _orders(self, orders: list[dict[str, Any]], *, waits: bool) -> list[dict[str, Any]]:
        self._refuse_bad("storeOrders", orders)
        return [store.write_order(self.w, order, waits=waits) for order in orders]

    def _accepted(self, orders: list[dict[str, Any]]) -> dict[str, str]:
        self._orders(orders, waits=False)
        return {"recordId": str(uuid.UUID(int=len(self.w.log)))}

    def _products(self, products: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._refuse_bad("storeProducts", products)
        kept: dict[Any, dict[str, Any]] = {}
        for product in products:  # of two rows with one key the first is kept, without an error
            kept.setdefault((product["legacyConnectionId"], product["storePrimaryId"]), product)
        return [
            store.put_record(self.w, "storeProducts", product, replaces=False).document
            for product in kept.values()
        ]

    def _payments(self, _: Any, recurringPayments: Any = None) -> dict[str, str]:
        payments = recurringPayments or []
        self._refuse_bad("storeRecurringPayments", payments)
        replaces = self.w.switches.payment_upsert == "replace"
        seconds = self.w.switches.ecommerce_copy_seconds
        for payment in payments:
            kept = {name: value for name, value in payment.items() if name != "customerData"}
            if payment.get("email") and self.w.switches.payments_create_contacts:
                store.add_person(self.w, payment)

            def write(kept: dict[str, Any] = kept) -> None:
                store.put_record(self.w, "storeRecurringPayments", kept, replaces=replaces)

            self.w.jobs.add(self.w.clock(), seconds, write)
        return {"recordId": str(uuid.UUID(int=len(self.w.log)))}

    def _product(self, guid: str | None) -> Any:
        found = (row.document for row in self.w.tables["storeProducts"])
        return next((document for document in found if document["id"] == guid), None)

    def _create_product(self, product: dict[str, Any]) -> dict[str, Any]:
        key = (product["legacyConnectionId"], product["storePrimaryId"])
        if self.w.tables["storeProducts"].first("key", key):
            raise _invalid(self.w, "storeProducts", product, "storePrimaryId", "already exists")
        return self._products([product])[0]

    def _update_product(self, guid: str | None, product: dict[str, Any]) -> dict[str, Any]:
        if self._product(guid) is None:
            raise GraphQLError("Product not found")
        return self._products([product])[0]

    def _delete_product(self, guid: str | None) -> Any:
        document = self._product(guid)
        if document is None:
            raise GraphQLError("Product not found")
        key = (document["legacyConnectionId"], document["storePrimaryId"])
        row = self.w.tables["storeProducts"].first("key", key)
        self.w.tables["storeProducts"].delete(row.id)
        return document

    def _refuse_bad(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Refuse the whole batch if it is too large or any row is bad, and name each bad row."""
        most = self.w.switches.graphql_most_rows
        if most is not None and len(rows) > most:
            raise GraphQLError(f"Too many rows in one request: {len(rows)}")
        problems: dict[str, Any] = {}
        for row in rows:
            for field, text in _problems(self.w, table, row):
                problems[_problem_key(self.w, table, row, field)] = [text]
        if problems:
            raise GraphQLError("Validation errors", extensions=problems)


def _problems(w: World, table: str, row: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    if row["legacyConnectionId"] not in w.tables["connections"]:
        found.append(("legacyConnectionId", "No connection exists with this id"))
    if not row[store.KEYS[table]]:
        found.append((store.KEYS[table], "must not be blank"))
    if row.get("email") is not None and not _EMAIL.fullmatch(row["email"]):
        found.append(("email", "must be a well-formed email address"))
    if row.get("email") and is_full(w) and w.find_contact(row["email"]) is None:
        found.append(("email", FULL))
    if row.get("currency") and not re.fullmatch(r"[A-Za-z]{3}", row["currency"]):
        found.append(("currency", "must be an ISO 4217 code"))
    found += [
        (name, "must be a date and time as 2019-11-16T10:48:23Z")
        for name, value in row.items()
        if name.endswith("Date") and value is not None and not _DATE.fullmatch(value)
    ]
    return found


def _problem_key(w: World, table: str, row: dict[str, Any], field: str) -> str:
    key = store.KEYS[table]
    return w.switches.graphql_error_key.format(
        table=table, field=field, key=key, own=row[key], store=row["legacyConnectionId"]
    )


def _invalid(w: World, table: str, row: dict[str, Any], field: str, text: str) -> GraphQLError:
    key = _problem_key(w, table, row, field)
    return GraphQLError("Validation errors", extensions={key: text})
