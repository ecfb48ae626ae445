"""Rows of the e-commerce tables.

Instants are whole seconds UTC, amounts of the REST store whole cents. The GraphQL store keeps each
row as the document that was written, with amounts as decimals in text and dates as sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Connection:
    """A store that is connected to the account."""

    service: str
    externalid: str
    name: str
    cdate: int
    udate: int
    logoUrl: str = ""
    linkUrl: str = ""
    listId: int = 0
    status: int = 1
    syncStatus: int = 0
    id: int = 0


@dataclass(slots=True)
class EcomCustomer:
    """A customer of one store; `connectionid` 0 is a person's sum row over all stores."""

    connectionid: int
    externalid: str
    email: str
    tstamp: int
    acceptsMarketing: int = 0
    id: int = 0


@dataclass(slots=True)
class EcomOrder:
    """An order or, without `externalid`, an abandoned cart."""

    connectionid: int
    customerid: int
    email: str
    source: int
    currency: str
    totalPrice: int
    externalCreated: int
    created: int
    updated: int
    externalid: str | None = None
    externalcheckoutid: str | None = None
    externalUpdated: int | None = None
    abandoned: int | None = None
    orderNumber: str = ""
    orderUrl: str = ""
    shippingMethod: str = ""
    shippingAmount: int = 0
    taxAmount: int = 0
    discountAmount: int = 0
    state: int = 1
    id: int = 0


@dataclass(slots=True)
class EcomOrderProduct:
    """A line of an order."""

    orderid: int
    connectionid: int
    externalid: str
    name: str
    price: int
    quantity: int
    created: int
    updated: int
    sku: str = ""
    description: str = ""
    category: str = ""
    imageUrl: str = ""
    productUrl: str = ""
    id: int = 0


@dataclass(slots=True)
class OrderDiscount:
    """A discount of an order."""

    orderid: int
    name: str
    type: str
    discountAmount: int
    created: int
    id: int = 0


@dataclass(slots=True)
class StoreRecord:
    """A row of the GraphQL store: an order, a product or a recurring payment."""

    connection: int
    key: str
    created: int
    updated: int
    document: dict[str, Any] = field(default_factory=dict)
    id: int = 0
