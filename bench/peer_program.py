"""Starts singer-io's tap against a made-up account; run by the Python of `.venv-peer`.

Two of its checks cannot pass there and are replaced: that the URL is https and public, and that
`/api/3/` itself answers 200 (one request a run, which is not counted). With PEER_UNLIMITED it does
not wait between requests, for accounts that only count them.
"""

import os
from importlib import import_module
from typing import Any

if os.environ.get("PEER_UNLIMITED"):
    waits: Any = import_module("singer.utils")
    waits.ratelimit = lambda *_: lambda call: call
client: Any = import_module("tap_activecampaign.client")
client.is_api_url_valid = lambda _url: True
client.ActiveCampaignClient.check_api_token = lambda _self: True
import_module("tap_activecampaign").main()
