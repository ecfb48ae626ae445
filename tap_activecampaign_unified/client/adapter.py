"""Connections that are ready before they ask the budget, so that what counts is when bytes leave.

A new connection costs a second round trip or a third; a request that had its moment before that
would arrive late, and others would arrive with it.
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

# Their lines hold whole URLs, with the addresses that people are looked up by, and tracebacks.
for _room in ("connection", "connectionpool", "poolmanager", "util.retry", "response"):
    logging.getLogger(f"urllib3.{_room}").addFilter(lambda _: False)


class RateLimitedAdapter(HTTPAdapter):
    """Sends requests over connections that tell the limiter when their bytes leave."""

    def __init__(self, limiter: Limiter, connections: int) -> None:
        """Keep up to ``connections`` open."""
        self._pools = _pools_of(limiter)
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools_of(limiter: Limiter) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections ask this limiter."""

    class Departing:
        """What both kinds of connection do differently."""

        def request(self: Any, *args: Any, **kwargs: Any) -> None:
            """Connect, ask, send, tell."""
            if self.sock is None:
                self.connect()
            if limiter.departing() and not self.is_connected:
                raise NewConnectionError(self, "the server hung up before anything was sent")
            super().request(*args, **kwargs)  # type: ignore[misc]
            limiter.departed(len(kwargs.get("body") or b""))

    class Plain(Departing, HTTPConnection):
        """Over TCP."""

    class Secure(Departing, HTTPSConnection):
        """Over TLS."""

    class PlainPool(HTTPConnectionPool):
        """Connections over TCP to one host."""

        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        """Connections over TLS to one host."""

        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
