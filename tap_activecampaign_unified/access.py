"""Names of version 0.1 for those of `python_reader`, for scripts. It decides no permissions."""

from .python_reader import RESOURCES, ActiveCampaignError, SettingsError
from .python_reader import ActiveCampaignReader as Reading
from .python_reader import AuthenticationError as BadCredential
from .python_reader import ConnectionFailed as Unreachable
from .python_reader import InvalidQuery as BadQuery
from .python_reader import InvalidRequest as Refused
from .python_reader import NotFound as Missing
from .python_reader import PaymentRequired as AccountLapsed
from .python_reader import PermissionDenied as Forbidden
from .python_reader import ServerError as ServerTrouble
from .python_reader import UnconfirmedWrite as Unconfirmed

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
