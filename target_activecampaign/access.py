"""The names that `api` had in version 0.1, for scripts that import them. It checks no access."""

from .api import ActiveCampaign, ActiveCampaignError, NotWritten, SettingsError
from .api import AuthenticationError as BadCredential
from .api import ConnectionFailed as Unreachable
from .api import InvalidQuery as BadQuery
from .api import InvalidRequest as Refused
from .api import NotFound as Missing
from .api import PaymentRequired as AccountLapsed
from .api import PermissionDenied as Forbidden
from .api import ServerError as ServerTrouble
from .api import UnconfirmedWrite as Unconfirmed

__all__ = [
    "AccountLapsed",
    "ActiveCampaign",
    "ActiveCampaignError",
    "BadCredential",
    "BadQuery",
    "Forbidden",
    "Missing",
    "NotWritten",
    "Refused",
    "ServerTrouble",
    "SettingsError",
    "Unconfirmed",
    "Unreachable",
]
