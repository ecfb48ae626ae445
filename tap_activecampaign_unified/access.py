"""The names of version 0.1 for `query`, for scripts that import them."""

from .query import RESOURCES, ActiveCampaignError, SettingsError
from .query import ActiveCampaignReader as Reading
from .query import AuthenticationError as BadCredential
from .query import ConnectionFailed as Unreachable
from .query import InvalidQuery as BadQuery
from .query import InvalidRequest as Refused
from .query import NotFound as Missing
from .query import PaymentRequired as AccountLapsed
from .query import PermissionDenied as Forbidden
from .query import ServerError as ServerTrouble
from .query import UnconfirmedWrite as Unconfirmed

__all__ = [
    "RESOURCES",
    "AccountLapsed",
    "ActiveCampaignError",
    "BadCredential",
    "BadQuery",
    "Forbidden",
    "Missing",
    "Reading",
    "Refused",
    "ServerTrouble",
    "SettingsError",
    "Unconfirmed",
    "Unreachable",
]
