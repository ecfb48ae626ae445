"""Subscriptions, which ActiveCampaign calls recurring payments."""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import identifier, text
from tap_activecampaign_unified.resources.resource import Derived, Field, Replication, Resource
from tap_activecampaign_unified.resources.shared_contact_fields import latest_of

from .orders import order_currency
from .value_codecs import (
    address,
    amount,
    boolean,
    contact,
    count,
    enumeration,
    stamp,
    store,
    texts,
)

#: The native columns of a subscription's time of change and time of creation.
MODIFIED, CREATED = "storeModifiedDate", "storeCreatedDate"
SUBSCRIPTION_STATUSES = ["active", "cancelled", "expired", "payment_failed", "paused", "pending"]
_PAYMENT_STATUSES = ["completed", "declined", "partially_refunded", "pending", "refunded"]

SUBSCRIPTIONS = Resource(
    name="commerce_subscriptions",
    title="Subscriptions",
    endpoint_name="searchRecurringPayment",
    endpoint="ecom/graphql",
    replication=Replication.FILTERED,
    replication_key="updated_at",
    changed=(MODIFIED, CREATED),
    stamps=(),
    finds_deletes=False,
    selected_by_default=False,
    is_documented=False,
    entries=(
        Field("id", "id", identifier),
        Field("store_id", "legacyConnectionId", store, "The id of a record of `commerce_stores`"),
        Field(
            "store_subscription_id",
            "storeRecurringPaymentId",
            text,
            "The subscription's id in the store",
        ),
        Field("store_external_id", "storeExternalId", text),
        Field("name", "name", text),
        Field("contact", "email", contact),
        Field("store_customer_id", "storeCustomerId", text, "The customer's id in the store"),
        Field(
            "status", "normalizedStatus", enumeration("subscription_status", SUBSCRIPTION_STATUSES)
        ),
        Field("store_status", "storeStatus", text, "The status, as the store names it"),
        Field(
            "billing_interval",
            "billingInterval",
            enumeration("billing_interval", ["daily", "weekly", "monthly", "yearly"]),
        ),
        Field("billing_interval_count", "billingIntervalCount", count),
        Field("currency", "currency", order_currency),
        Field("amount", "paymentAmount", amount, "Whole amount per cycle"),
        Field("discount_amount", "discountAmount", amount),
        Field("tax_amount", "taxAmount", amount),
        Field("shipping_amount", "shippingAmount", amount),
        Field(
            "last_payment_status",
            "lastPaymentStatus",
            enumeration("last_payment_status", _PAYMENT_STATUSES),
        ),
        Field("last_payment_at", "lastPaymentDate", stamp),
        Field("started_at", "startDate", stamp),
        Field("renews_at", "renewalDate", stamp),
        Field("next_payment_at", "nextPaymentDate", stamp),
        Field("anchored_at", "anchorDate", stamp),
        Field("cancelled_at", "cancelledDate", stamp),
        Field("payment_method_expires_at", "paymentMethodExpiration", stamp),
        Field(
            "origin_store_order_id",
            "originOrderId",
            text,
            "The order that started the subscription",
        ),
        Field("is_trial", "isTrial", boolean),
        Field("is_cancelled_at_period_end", "cancelAtPeriodEnd", boolean),
        Field("total_cycles", "totalCycles", count, "0 means no end"),
        Field("notes", "notes", texts),
        Field("shipping_address", "shippingAddress", address),
        Field("billing_address", "billingAddress", address),
        Field("line_names", "lineItemNames", texts),
        Field("line_skus", "lineItemSkus", texts),
        Field("line_brands", "lineItemBrands", texts),
        Field("line_categories", "lineItemCategories", texts),
        Field("line_tags", "lineItemTags", texts),
        Field("line_store_product_ids", "lineItemStorePrimaryIds", texts),
        Field("store_created_at", "storeCreatedDate", stamp),
        Field("store_modified_at", "storeModifiedDate", stamp),
        Derived(
            "updated_at",
            latest_of(MODIFIED, CREATED),
            stamp.schema,
            "The latest of the store's two dates",
        ),
    ),
)
