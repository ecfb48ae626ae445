"""Stores, which ActiveCampaign calls connections. They are read only."""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import flag, identifier, text
from tap_activecampaign_unified.resources.resource import Field, Resource
from tap_activecampaign_unified.resources.time_codecs import instant

STORES = Resource(
    name="commerce_stores",
    title="Stores",
    endpoint_name="connections",
    endpoint="connections",
    selected_by_default=False,
    entries=(
        Field("id", "id", identifier, "Other commerce records have it as `store_id`"),
        Field("service", "service", text, "The shop system", read_only=True),
        Field("external_id", "externalid", text, "The store's id in its system", read_only=True),
        Field("name", "name", text, read_only=True),
        Field("url", "linkUrl", text, read_only=True),
        Field("logo_url", "logoUrl", text, read_only=True),
        Field("is_active", "status", flag, read_only=True),
        Field("is_synchronizing", "syncStatus", flag, read_only=True),
        Field("synchronized_at", "lastSync", instant, read_only=True),
        Field("disconnected_at", "disconnectDate", instant, read_only=True),
        Field("created_at", "cdate", instant, read_only=True),
        Field("updated_at", "udate", instant, read_only=True),
    ),
)
