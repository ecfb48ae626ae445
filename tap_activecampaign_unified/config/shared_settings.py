"""The settings of both programs."""

from __future__ import annotations

from tap_activecampaign_unified.resources.custom_fields import KEY_MODES

from .read_settings import Setting

SHARED = (
    Setting(
        "api_url",
        "string",
        "URL of the account, from Settings › Developer in ActiveCampaign",
        required=True,
    ),
    Setting(
        "api_key",
        "string",
        "API key, from Settings › Developer in ActiveCampaign. It is sent only to the host of"
        " `api_url`",
        required=True,
        secret=True,
    ),
    Setting(
        "requests_per_second",
        "number",
        "Share of the account's rate limit that this installation uses: above 0, at most 5. "
        "On a loopback `api_url`, any number is allowed, and 0 means no limit",
        default=5,
    ),
    Setting(
        "rate_limit_store",
        "string",
        "Where the processes that use one account share its rate limit: a file on this "
        "machine (default: one per account and user), or `redis://…` for several machines",
        secret=True,  # the address of a Redis server may hold its password
    ),
    Setting(
        "request_timeout",
        "number",
        "Seconds to wait for a connection and for a response",
        default=60,
        positive=True,
    ),
    Setting(
        "max_retry_seconds",
        "number",
        "Seconds for which one request is retried before it counts as failed",
        default=600,
        minimum=0,
    ),
    Setting(
        "max_concurrent_requests",
        "integer",
        "Largest number of requests in flight. The client sends as many at once as the "
        "latency of the account needs",
        default=12,
        minimum=1,
        maximum=100,
    ),
    Setting(
        "user_agent",
        "string",
        "User agent of every request, instead of the default",
    ),
    Setting(
        "run_report_path",
        "string",
        "File for the run report as JSON. It holds no secrets and no personal data, except "
        "for the samples of a dry run",
    ),
    Setting(
        "run_report_html_path",
        "string",
        "File for the run report as one HTML page without personal data: rows, request rates, "
        "and rows that were not done, with reasons",
    ),
    Setting(
        "custom_field_keys",
        "choice",
        "Keys of `custom_fields`: `perstag` (the personalization tag in lower case), `title` "
        "(the title as it is) or `id` (`field_<id>`)",
        default="perstag",
        choices=KEY_MODES,
    ),
)
