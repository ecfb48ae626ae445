"""The account's log: callers, endpoints, times of arrival, and distances."""

from __future__ import annotations

import contextlib
import socket
import threading
from datetime import timedelta
from urllib.parse import urlsplit

import requests

from tests.sandbox import FakeClock, World, serve
from tests.sandbox.limits import RollingWindow

KEY = {"Api-Token": "sandbox-key"}
HEAD = (
    "{method} /api/3/{path} HTTP/1.1\r\nHost: x\r\nUser-Agent: quick\r\n"
    "Api-Token: sandbox-key\r\nContent-Length: {length}\r\n\r\n"
)


def ask(served, path, caller):
    """Send one request under a name."""
    headers = {**KEY, "User-Agent": caller}
    return requests.get(f"{served.url}/api/3/{path}", headers=headers, timeout=10).status_code


def log_of(served, **parameters):
    """Return the account's log summary."""
    return requests.get(f"{served.url}/sandbox/log", params=parameters, timeout=10).json()


def test_the_log_counts_by_caller_and_endpoint():
    """The log counts by caller and by endpoint.

    Each has its requests, refusals, first and last arrival and busiest second.
    """
    clock = FakeClock()
    world = World(1, contacts=3, clock=clock)
    begun = clock().timestamp()
    with serve(world) as served:
        for caller, path in (("one", "tags"), ("one", "contacts/2"), ("two", "contacts/3")):
            ask(served, path, caller)
            clock.advance(0.4)
        for _ in range(5):
            ask(served, "tags", "two")
        log = log_of(served)
    assert log["requests"] == log["arrivals"] == 8
    assert log["throttled"] == 2  # five a second, and two arrived within the second before them
    assert log["busiest_second"] == 7
    assert log["callers"]["one"] == {
        "requests": 2,
        "throttled": 0,
        "busiest_second": 2,
        "first": begun,
        "last": begun + 0.4,
    }
    assert log["callers"]["two"]["requests"] == 6
    assert log["endpoints"]["GET /contacts/{id}"]["requests"] == 2
    assert log["endpoints"]["GET /contacts/{id}"]["last"] == begun + 0.8
    assert log["by_status"] == {"200": 6, "429": 2}


def test_one_account_serves_several_measurements():
    """A log can leave out arrivals by number, and before or after a moment."""
    clock = FakeClock()
    world = World(1, clock=clock, requests_per_second=0)
    with serve(world) as served:
        for caller in ("a", "b", "c", "d"):
            ask(served, "tags", caller)
            clock.advance(10)
        moment = clock().timestamp()
        assert list(log_of(served, since=2)["callers"]) == ["c", "d"]
        assert log_of(served, since=2)["arrivals"] == 4
        assert list(log_of(served, after=moment - 30)["callers"]) == ["b", "c", "d"]
        found = log_of(served, after=moment - 30, until=moment - 20)
        assert list(found["callers"]) == ["b", "c"]
        url = f"{served.url}/sandbox/arrivals?since=3"
        rows = requests.get(url, timeout=10).json()["rows"]
    assert rows == [[moment - 10, "d", "GET /tags", 200]]


def test_nothing_arrived_is_no_error():
    """An empty log has counts of zero and no times."""
    with serve(World(1)) as served:
        log = log_of(served)
    assert (log["requests"], log["busiest_second"], log["first"], log["last"]) == (0, 0, None, None)


class Watched(FakeClock):
    """A clock that records each call."""

    def __init__(self):
        super().__init__()
        self.looks = threading.Semaphore(0)

    def __call__(self):
        """Return the time and record the call."""
        self.looks.release()
        return super().__call__()

    def wait_for_bytes(self):
        """Return after a new connection was read from once."""
        for _ in ("made", "read"):
            assert self.looks.acquire(timeout=10)


@contextlib.contextmanager
def line_to(served, clock):
    """Open a connection, for which the clock has not been read."""
    while clock.looks.acquire(blocking=False):
        pass
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        yield line


def test_a_request_arrives_when_it_was_read_whatever_the_account_is_busy_with():
    """A request has its true time of arrival while the account computes another answer."""
    clock = Watched()
    world = World(1, clock=clock, requests_per_second=0)
    is_held, goes_on = threading.Event(), threading.Event()

    def hold(_world, _method, path, _query):
        if path.endswith("/groups"):
            is_held.set()
            goes_on.wait(10)

    world.before_request(hold)
    with serve(world) as served:
        slow = threading.Thread(target=ask, args=(served, "groups", "slow"))
        slow.start()
        assert is_held.wait(10)
        sent = clock.moment.timestamp()
        with line_to(served, clock) as line:
            line.sendall(HEAD.format(method="GET", path="tags", length=0).encode())
            clock.wait_for_bytes()
            clock.advance(5)  # the account still computes the answer
            goes_on.set()
            assert line.recv(1000).startswith(b"HTTP/1.1 200")
        slow.join()
        assert log_of(served)["callers"]["quick"]["first"] == sent


def test_a_request_has_not_arrived_before_its_last_byte():
    """A late body makes the arrival late."""
    clock = Watched()
    world = World(1, clock=clock, requests_per_second=0)
    body = b'{"contact":{"email":"a@x.example"}}'
    head = HEAD.format(method="POST", path="contacts", length=len(body)).encode()
    with serve(world) as served, line_to(served, clock) as line:
        line.sendall(head + body[:10])
        clock.wait_for_bytes()
        clock.advance(3)
        line.sendall(body[10:])
        assert line.recv(1000).startswith(b"HTTP/1.1 201")
        assert log_of(served)["first"] == clock.moment.timestamp()


def test_the_window_keeps_moments_in_order():
    """Threads in another order than their arrivals give the same refusals."""
    start = FakeClock()()
    window = RollingWindow(2, 1)
    moments = [start + timedelta(seconds=s) for s in (0.5, 0.2, 1.3, 1.1, 1.6)]
    assert [window.admits(moment) for moment in moments] == [True, True, True, False, True]
