"""The telephone: HTTP with one ActiveCampaign account, and nothing but."""

from .address import Address, parse_address
from .client import Client
from .clock import Clock, SystemClock
from .errors import (
    AccountLapsed,
    ActiveCampaignError,
    BadAddress,
    BadCredential,
    CallError,
    Forbidden,
    Missing,
    Reason,
    Refused,
    RunEnds,
    ServerTrouble,
    Unconfirmed,
    Unreachable,
)
from .limiter import Limiter
from .line import Traffic
from .machine_store import MachineStore, default_store
from .outcome import Answer
from .pages import Page, total_of, walk_keyset, walk_offset
from .redis_store import SCHEMES as REDIS_SCHEMES
from .redis_store import RedisStore, redis_client

__all__ = [
    "AccountLapsed",
    "ActiveCampaignError",
    "Address",
    "Answer",
    "BadAddress",
    "BadCredential",
    "CallError",
    "Client",
    "Clock",
    "Forbidden",
    "Limiter",
    "MachineStore",
    "Missing",
    "Page",
    "REDIS_SCHEMES",
    "Reason",
    "RedisStore",
    "Refused",
    "RunEnds",
    "ServerTrouble",
    "SystemClock",
    "Traffic",
    "Unconfirmed",
    "Unreachable",
    "default_store",
    "parse_address",
    "redis_client",
    "total_of",
    "walk_keyset",
    "walk_offset",
]
