"""The name of version 1.0 for `python_reader`, for scripts that import it."""

from .python_reader import (
    RESOURCES,
    ActiveCampaignError,
    ActiveCampaignReader,
    AuthenticationError,
    ConnectionFailed,
    InvalidQuery,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    ServerError,
    SettingsError,
    UnconfirmedWrite,
)

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
