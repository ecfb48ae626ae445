"""Connects first, and asks the rate limiter just before it sends the bytes of a request.

Connecting takes two or three round trips. A request that gets its slot before them would arrive
late, together with others.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

if TYPE_CHECKING:
    from tap_activecampaign_unified.client.rate_limit.limiter import Limiter

# These loggers write whole URLs, which may hold e-mail addresses, and tracebacks.
for _module in ("connection", "connectionpool", "poolmanager", "util.retry", "response"):
    logging.getLogger(f"urllib3.{_module}").addFilter(lambda _: False)


class RateLimitedAdapter(HTTPAdapter):
    """Sends requests over connections that report each sent request to the limiter."""

    def __init__(self, limiter: Limiter, connections: int) -> None:
        self._pools = _pools_of(limiter)
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools_of(limiter: Limiter) -> dict[str, type[HTTPConnectionPool]]:
    """Return connection pools that use this limiter, by scheme."""

    class Limited:
        """Waits for the limiter before each request, over TCP and over TLS."""

        def request(self: Any, *args: Any, **kwargs: Any) -> None:
            """Connect, wait for the limiter, send, report."""
            if self.sock is None:
                self.connect()
            if limiter.confirm_slot() and not self.is_connected:
                raise NewConnectionError(
                    self, "the server closed the connection before anything was sent"
                )
            super().request(*args, **kwargs)  # type: ignore[misc]
            limiter.note_sent(len(kwargs.get("body") or b""))

    class Plain(Limited, HTTPConnection):
        """A connection over TCP."""

    class Secure(Limited, HTTPSConnection):
        """A connection over TLS."""

    class PlainPool(HTTPConnectionPool):
        """Connections over TCP to one host."""

        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        """Connections over TLS to one host."""

        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
