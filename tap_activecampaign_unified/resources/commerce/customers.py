"""Customers: a record per store and person. Rows with the sum of all stores are skipped."""

from __future__ import annotations

from tap_activecampaign_unified.resources.amount_codecs import cents
from tap_activecampaign_unified.resources.codecs import decode_id, flag, identifier, integer, text
from tap_activecampaign_unified.resources.resource import Field, Resource, Row
from tap_activecampaign_unified.resources.time_codecs import instant

from .value_codecs import contact, store


def skip_sums(row: Row) -> str | None:
    """Return the reason to skip a row with the sum of all stores, which has no store."""
    try:
        is_sum = decode_id(row.get("connectionid")) is None
    except ValueError:
        return None
    return "the sum of a person's customers" if is_sum else None


CUSTOMERS = Resource(
    name="commerce_customers",
    title="Customers",
    endpoint_name="ecomCustomers",
    endpoint="ecomCustomers",
    selected_by_default=False,
    stamps=("tstamp",),
    skip=skip_sums,
    entries=(
        Field("id", "id", identifier),
        Field("store_id", "connectionid", store, read_only=True),
        Field(
            "store_customer_id",
            "externalid",
            text,
            "The customer's id in the store",
            read_only=True,
        ),
        Field("contact", "email", contact, read_only=True),
        Field("accepts_marketing", "acceptsMarketing", flag, read_only=True),
        Field(
            "revenue",
            "totalRevenue",
            cents,
            "Sum of the amounts of the customer's orders",
            read_only=True,
        ),
        Field("order_count", "totalOrders", integer, read_only=True),
        Field("product_count", "totalProducts", integer, read_only=True),
        Field("average_order_amount", "avgRevenuePerOrder", cents, read_only=True),
        Field("updated_at", "tstamp", instant, read_only=True),
    ),
)
