"""The telephone: HTTP with one ActiveCampaign account, and nothing but."""

from .address import Address, account_file, parse_address
from .ahead import Workers
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
    UnexpectedAnswer,
    Unreachable,
    impersonal,
)
from .limiter import Limiter
from .machine_store import MachineStore, default_store
from .outcome import Answer
from .pages import expect_walk, walk_keyset, walk_offset
from .reading import Page, RowsKey, named_rows, rows_of, total_of
from .redis_store import SCHEMES as REDIS_SCHEMES
from .redis_store import RedisStore, redis_client
from .traffic import Traffic

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
    "RowsKey",
    "RunEnds",
    "ServerTrouble",
    "SystemClock",
    "Traffic",
    "Unconfirmed",
    "UnexpectedAnswer",
    "Unreachable",
    "Workers",
    "account_file",
    "default_store",
    "expect_walk",
    "impersonal",
    "named_rows",
    "parse_address",
    "redis_client",
    "rows_of",
    "total_of",
    "walk_keyset",
    "walk_offset",
]
