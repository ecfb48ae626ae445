"""The telephone: HTTP with one ActiveCampaign account, and nothing but."""

from .address import Address, parse_address
from .client import Client, Traffic
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
from .limiter import Limiter, default_store
from .outcome import Answer
from .pages import Page, total_of, walk_keyset, walk_offset

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
    "Missing",
    "Page",
    "Reason",
    "Refused",
    "RunEnds",
    "ServerTrouble",
    "SystemClock",
    "Traffic",
    "Unconfirmed",
    "Unreachable",
    "default_store",
    "parse_address",
    "total_of",
    "walk_keyset",
    "walk_offset",
]
