"""Reads unified records page by page for scripts and notebooks, without Singer."""

from tap_activecampaign_unified.client import (
    ActiveCampaignError,
    AuthenticationError,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    ServerError,
    UnconfirmedWrite,
)
from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.resources import by_name

from .filters import InvalidQuery
from .reader import ActiveCampaignReader

__all__ = [
    "RESOURCES",
    "ActiveCampaignError",
    "ActiveCampaignReader",
    "AuthenticationError",
    "ConnectionFailed",
    "InvalidQuery",
    "InvalidRequest",
    "NotFound",
    "PaymentRequired",
    "PermissionDenied",
    "ServerError",
    "SettingsError",
    "UnconfirmedWrite",
]

#: The resources of every account. Resources of custom objects have the names of their streams.
RESOURCES = tuple(by_name)
