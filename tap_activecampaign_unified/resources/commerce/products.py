"""Products: each variant is a record, which repeats the values of its base product."""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import identifier, text
from tap_activecampaign_unified.resources.nested_codecs import nested_array, nested_object
from tap_activecampaign_unified.resources.resource import Derived, Field, Replication, Resource
from tap_activecampaign_unified.resources.shared_contact_fields import latest_of

from .orders import order_currency
from .value_codecs import amount, boolean, count, enumeration, measure, stamp, store, texts

_IMAGES = nested_array(
    "images",
    Field("url", "url", text),
    Field("height", "height", count),
    Field("width", "width", count),
    example={"url": "https://shop.example/a.png", "height": 10, "width": 20},
)
_DIMENSIONS = nested_object(
    "dimensions",
    Field("length", "length", measure),
    Field("width", "width", measure),
    Field("height", "height", measure),
    example={"length": 1, "width": 2, "height": 3.5},
)
#: The native columns of a product's time of change and time of creation.
MODIFIED = ("variantStoreModifiedDate", "baseProductStoreModifiedDate")
CREATED = ("variantStoreCreatedDate", "baseProductStoreCreatedDate")

PRODUCTS = Resource(
    name="commerce_products",
    title="Products",
    endpoint_name="searchProduct",
    endpoint="ecom/graphql",
    replication=Replication.FILTERED,
    replication_key="updated_at",
    changed=(*MODIFIED, *CREATED),
    stamps=(),
    finds_deletes=False,
    selected_by_default=False,
    is_documented=False,
    entries=(
        Field("id", "id", identifier),
        Field("store_id", "legacyConnectionId", store, "The id of a record of `commerce_stores`"),
        Field("store_product_id", "storePrimaryId", text, "The id of the product or variant"),
        Field("store_base_product_id", "storeBaseProductId", text, "The id of the base product"),
        Field("base_name", "baseProductName", text),
        Field("base_description", "baseProductDescription", text),
        Field("base_url", "baseProductUrl", text),
        Field("base_url_slug", "baseProductUrlSlug", text),
        Field("base_images", "baseProductImages", _IMAGES),
        Field("base_dimensions", "baseProductDimensions", _DIMENSIONS),
        Field("base_weight", "baseProductWeight", measure),
        Field("base_created_at", "baseProductStoreCreatedDate", stamp),
        Field("base_modified_at", "baseProductStoreModifiedDate", stamp),
        Field("name", "variantName", text),
        Field("description", "variantDescription", text),
        Field("sku", "variantSku", text),
        Field("upc", "upc", text),
        Field("price_amount", "variantPriceAmount", amount, "In major units"),
        Field("currency", "variantPriceCurrency", order_currency),
        Field("url", "variantUrl", text),
        Field("url_slug", "variantUrlSlug", text),
        Field("images", "variantImages", _IMAGES),
        Field("dimensions", "variantDimensions", _DIMENSIONS),
        Field("weight", "variantWeight", measure),
        Field("dimensions_unit", "dimensionsUnit", enumeration("unit", ["metric", "imperial"])),
        Field("tags", "tags", texts),
        Field("categories", "categories", texts),
        Field("type", "type", text),
        Field("status", "status", text, "As the store names it"),
        Field("brand", "brand", text),
        Field(
            "stock_status",
            "stockStatus",
            enumeration("stock_status", ["in_stock", "out_of_stock", "backorder"]),
        ),
        Field("sales_count", "numberOfSales", count),
        Field("rating", "averageRatings", measure),
        Field("rating_count", "ratingCount", count),
        Field(
            "is_deleted", "isDeleted", boolean, "Deleted in the store; ActiveCampaign keeps the row"
        ),
        Field("is_virtual", "isVirtual", boolean),
        Field("is_downloadable", "isDownloadable", boolean),
        Field("is_visible", "isVisible", boolean),
        Field("is_on_sale", "isOnSale", boolean),
        Field("is_backorder_allowed", "isBackordersAllowed", boolean),
        Field("store_created_at", "variantStoreCreatedDate", stamp),
        Field("store_modified_at", "variantStoreModifiedDate", stamp),
        Derived(
            "updated_at",
            latest_of(*MODIFIED, *CREATED),
            stamp.schema,
            "The latest of the store's dates of the product and the variant",
        ),
    ),
)
