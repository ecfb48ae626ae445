"""When a request leaves: on an open connection, counted from its last byte."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from urllib3.connection import HTTPConnection

from tap_activecampaign_unified.client import (
    Client,
    FileBudgetStore,
    Limiter,
    SystemClock,
    parse_url,
)
from tests.sandbox import World, serve

from .clients import KEY, world_of


class Watched(Limiter):
    """A limiter that records its calls."""

    def __init__(self, rate: float = 0) -> None:
        self.clock = SystemClock()
        super().__init__(rate, self.clock, FileBudgetStore(self.clock))
        self.seen: list[str] = []
        self.before_leaving = lambda: False

    def confirm_slot(self) -> bool:
        self.seen.append("confirming")
        return super().confirm_slot() or self.before_leaving()

    def note_sent(self, size: int = 0) -> None:
        self.seen.append(f"sent with {size}" if size else "sent")
        super().note_sent(size)


@contextlib.contextmanager
def real_client(served, limiter, **options):
    """Yield a client that reaches a served account over real sockets."""
    address = parse_url(served.url)
    client = Client(
        address, KEY, limiter=limiter, clock=limiter.clock, user_agent="runner", **options
    )
    try:
        yield client
    finally:
        client._transport._session.close()


def test_the_slot_is_reserved_after_connecting(clock, monkeypatch):
    """The client connects first and then reserves a slot.

    A kept connection reserves for each request.
    """
    limiter, connect = Watched(), HTTPConnection.connect

    def watched(self) -> None:
        limiter.seen.append("connected")
        connect(self)

    monkeypatch.setattr(HTTPConnection, "connect", watched)
    with serve(world_of(clock, contacts=1)) as served, real_client(served, limiter) as client:
        client.get("contacts")
        client.get("lists")
    leaves = ["confirming", "sent"]
    assert limiter.seen == ["connected", *leaves, *leaves]


def test_the_limiter_gets_the_size_of_the_body(clock):
    """The limiter gets the size of the body, so a large body can count later."""
    limiter = Watched()
    with serve(world_of(clock)) as served, real_client(served, limiter) as client:
        client.send("POST", "tags", json={"tag": {"tag": "new", "tagType": "contact"}})
    assert limiter.seen[-1] == "sent with 45"


def test_a_connection_lost_while_it_waited_is_a_request_not_sent(clock):
    """A connection that closed before the request left is retried, creates included.

    The account sees the request once.
    """
    limiter, world = Watched(), world_of(clock, contacts=1)
    with serve(world) as served, real_client(served, limiter) as client:
        client.get("contacts")

        def hang_up() -> bool:
            limiter.before_leaving = lambda: False
            for connection in list(served._listener.connections):
                connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.05)
            return True

        limiter.before_leaving = hang_up
        answer = client.send("POST", "tags", json={"tag": {"tag": "once", "tagType": "contact"}})
    assert answer.body["tag"]["tag"] == "once"
    assert world.count("POST") == 1
    assert client.traffic.repeats == 1


@pytest.mark.long
@pytest.mark.slow
def test_the_account_never_sees_a_sixth_request_in_a_second():
    """Eight threads at full speed over new connections never exceed five requests per second."""
    world = World(contacts=100, requests_per_second=5)
    limiter = Watched(rate=5)
    with serve(world) as served:
        with real_client(served, limiter, max_concurrent_requests=8) as client:
            until = time.monotonic() + 3

            def ask() -> None:
                while time.monotonic() < until:
                    client.get("contacts", [("limit", 100)])

            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert world.busiest_second() == 5
        assert {entry.status for entry in world.log} == {200}
        assert len(world.log) >= 15
