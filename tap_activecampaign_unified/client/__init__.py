"""The telephone: HTTP with one ActiveCampaign account, and nothing but."""

from tap_activecampaign_unified.client.pagination.page_reader import Page, rows_of, total_of
from tap_activecampaign_unified.client.pagination.walk import expect_walk, walk_keyset, walk_offset
from tap_activecampaign_unified.client.rate_limit.file_store import MachineStore, default_store
from tap_activecampaign_unified.client.rate_limit.limiter import Limiter
from tap_activecampaign_unified.client.rate_limit.redis_store import SCHEMES as REDIS_SCHEMES
from tap_activecampaign_unified.client.rate_limit.redis_store import RedisStore, redis_client

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
    impersonal,
)
from .prefetch import Workers
from .request_stats import Traffic
from .response import Answer
from .url import Address, account_file, parse_address

__all__ = [
    "REDIS_SCHEMES",
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
    "Reason",
    "RedisStore",
    "Refused",
    "RunEnds",
    "ServerTrouble",
    "SystemClock",
    "Traffic",
    "Unconfirmed",
    "Unreachable",
    "Workers",
    "account_file",
    "default_store",
    "expect_walk",
    "impersonal",
    "parse_address",
    "redis_client",
    "rows_of",
    "total_of",
    "walk_keyset",
    "walk_offset",
]
