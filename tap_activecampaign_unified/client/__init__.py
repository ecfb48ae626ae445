"""HTTP client for one ActiveCampaign account."""

from tap_activecampaign_unified.client.pagination.keyset_walk import prefetch_walk, walk_keyset
from tap_activecampaign_unified.client.pagination.offset_walk import walk_offset
from tap_activecampaign_unified.client.pagination.page_reader import (
    FULL_PAGE,
    Page,
    RowsKey,
    named_rows,
    rows_of,
    total_of,
)
from tap_activecampaign_unified.client.rate_limit.file_store import FileBudgetStore
from tap_activecampaign_unified.client.rate_limit.limiter import ACCOUNT_RATE, LONG_WAIT, Limiter
from tap_activecampaign_unified.client.rate_limit.store_choice import check_store, choose_store

from .account_url import AccountUrl, account_file, parse_url
from .client import Client
from .clock import Clock, SystemClock
from .errors import (
    REFUSALS,
    ActiveCampaignError,
    AuthenticationError,
    ConnectionFailed,
    ErrorDetail,
    FatalError,
    InvalidRequest,
    InvalidSetting,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    RequestError,
    ServerError,
    UnconfirmedWrite,
    UnexpectedResponse,
)
from .prefetch import Workers
from .redaction import redact_values
from .request_stats import RequestStats
from .response_check import ApiResponse

__all__ = [
    "ACCOUNT_RATE",
    "FULL_PAGE",
    "LONG_WAIT",
    "REFUSALS",
    "AccountUrl",
    "ActiveCampaignError",
    "ApiResponse",
    "AuthenticationError",
    "Client",
    "Clock",
    "ConnectionFailed",
    "ErrorDetail",
    "FatalError",
    "FileBudgetStore",
    "InvalidRequest",
    "InvalidSetting",
    "Limiter",
    "NotFound",
    "Page",
    "PaymentRequired",
    "PermissionDenied",
    "RequestError",
    "RequestStats",
    "RowsKey",
    "ServerError",
    "SystemClock",
    "UnconfirmedWrite",
    "UnexpectedResponse",
    "Workers",
    "account_file",
    "check_store",
    "choose_store",
    "named_rows",
    "parse_url",
    "prefetch_walk",
    "redact_values",
    "rows_of",
    "total_of",
    "walk_keyset",
    "walk_offset",
]
