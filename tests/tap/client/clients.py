"""A clock that tests advance, clients of in-process accounts, and an account with one list."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import random
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import requests
from hypothesis import strategies as st
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from tap_activecampaign_unified.client import Client, FileBudgetStore, Limiter, parse_url
from tests.sandbox import FakeClock, SandboxAdapter, World, session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from tap_activecampaign_unified.client import Clock

ORIGIN = "https://acme.api-us1.com"
KEY = "sandbox-key"


class ManualClock:
    """A clock for clients that shares the sandbox's time: a sleep advances both."""

    def __init__(self, moments: FakeClock | None = None) -> None:
        """The machine starts one hour before the first moment."""
        self.moments = moments or FakeClock()
        self._booted = self.moments() - dt.timedelta(hours=1)
        self.is_woken = False
        self.names_boots = True
        self.slept: list[float] = []
        self.oversleep: Callable[[], float] = lambda: 0.0

    def now(self) -> dt.datetime:
        """Return the sandbox's moment."""
        return self.moments()

    def monotonic(self) -> float:
        """Return the seconds since the machine started."""
        return (self.moments() - self._booted).total_seconds()

    def boot(self) -> str | None:
        """Return the id of this start of the machine, or None where starts have no id."""
        return f"boot {self._booted}" if self.names_boots else None

    def sleep(self, seconds: float) -> None:
        """Move the moment instead of waiting."""
        self.slept.append(seconds)
        if seconds > 0 and not self.is_woken:
            self.moments.advance(seconds + self.oversleep())

    def wake(self) -> None:
        """End every later sleep at once."""
        self.is_woken = True

    def reboot(self) -> None:
        """Restart the uptime, as a restart of the machine does."""
        self._booted = self.moments()


class RandomOrder:
    """Sends prefetched requests in this thread, some at once, in an order that a seed chooses."""

    def __init__(self, seed: int) -> None:
        """No work is queued."""
        self._dice = random.Random(seed)
        self._waiting: list[Callable[[], None]] = []

    def begin(self, work: Callable[[], None], *, is_urgent: bool) -> None:
        """Queue work, and perhaps do some of the queued work; urgent work has no priority."""
        self._waiting.append(work)
        while self._waiting and self._dice.random() < 0.5:
            self._do_next_job()

    def wait(self, over: threading.Event) -> None:
        """Do queued work until ``over`` is set."""
        while not over.is_set():
            self._do_next_job()

    def _do_next_job(self) -> None:
        self._waiting.pop(self._dice.randrange(len(self._waiting)))()


class EagerClient(Client):
    """A client that always prefetches as many requests as it may."""

    @property
    def look_ahead(self) -> int:
        """The maximum number of requests under way."""
        return self.max_concurrent_requests


def side_by_side(seed: int | None) -> dict[str, Any]:
    """Return how a client prefetches under a seed; None for no prefetching."""
    if seed is None:
        return {}
    return {"max_concurrent_requests": 2 + seed % 11, "workers": RandomOrder(seed)}


SEEDS = st.one_of(st.none(), st.integers(0, 9999))


def world_of(clock: ManualClock, **options: Any) -> World:
    """Return an account on this clock, without a rate limit unless a limit is given."""
    return World(clock=clock.moments, **({"requests_per_second": 0} | options))


def limiter_of(rate: float, clock: Any, path: Path | None = None) -> Limiter:
    """Return a limiter for one process, with its budget in a file or in memory."""
    return Limiter(rate, clock, FileBudgetStore(clock, path))


def client_of(
    adapter: BaseAdapter | World,
    clock: ManualClock,
    *,
    rate: float = 0,
    store: Path | None = None,
    key: str = KEY,
    **options: Any,
) -> Client:
    """Return a client whose requests are answered in this process."""
    session = session_of(SandboxAdapter(adapter) if isinstance(adapter, World) else adapter)
    kind = EagerClient if "workers" in options else Client
    return kind(
        parse_url(options.pop("origin", ORIGIN)),
        key,
        limiter=limiter_of(rate, clock, store),
        clock=clock,
        user_agent="runner",
        session=session,
        **options,
    )


@contextlib.contextmanager
def wired_client(url: str, clock: Clock, **options: Any) -> Iterator[Client]:
    """Yield a client that uses real connections, and close them afterwards."""
    client = Client(
        parse_url(url),
        KEY,
        limiter=limiter_of(0, clock),
        clock=clock,
        user_agent="runner",
        **options,
    )
    yield client
    client._transport._session.close()


class Script(BaseAdapter):
    """An account that gives scripted answers that the sandbox has no reason to give.

    Each entry is ``(status, body, headers)`` or an exception. The last entry is repeated.
    """

    def __init__(self, *answers: Any) -> None:
        """Keep the answers."""
        super().__init__()
        self.answers = list(answers)
        self.received: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer with the next entry."""
        self.received.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer) and not isinstance(answer, BaseException):
            answer = answer(request)
        if isinstance(answer, BaseException):
            raise answer
        return response(request, *answer)

    def close(self) -> None:
        """Hold nothing open."""


def response(
    request: requests.PreparedRequest,
    status: int = 200,
    body: Any = b"{}",
    headers: dict[str, str] | None = None,
) -> requests.Response:
    """Return an answer; encode a body that is not bytes as JSON."""
    found = requests.Response()
    found.status_code = status
    found.url = request.url or ""
    found.request = request
    found.headers = CaseInsensitiveDict(headers or {})
    found.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    return found


class CollectionServer(BaseAdapter):
    """An account with one collection, ``things``, which a test changes between requests.

    ``order`` sorts the ids (None: ascending), ``cap`` is the server's own page limit, ``total``
    turns the true count into the count that the server reports (None: no count), ``withheld`` ids
    are removed from a page after it was cut, ``before`` is called before each answer with the
    number of requests.
    """

    def __init__(self, ids: list[int], **ways: Any) -> None:
        """The collection has the given rows."""
        super().__init__()
        self.ids = list(ids)
        self.order: Callable[[int], Any] = ways.get("order", lambda row_id: row_id)
        self.cap: int = ways.get("cap", 100)
        self.total: Callable[[int], Any] = ways.get("total", str)
        self.withheld: set[int] = ways.get("withheld", set())
        self.before: Callable[[CollectionServer, int], None] = ways.get(
            "before", lambda _, __: None
        )
        self.by_key: bool = ways.get("by_key", True)
        self.most: int | None = ways.get("most")
        self.received: list[dict[str, str]] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer with a page."""
        self.before(self, len(self.received))
        query = dict(parse_qsl(urlsplit(request.url or "").query))
        self.received.append(query)
        if len(self.received) > 20_000:
            raise AssertionError("the walk does not end")
        limit = min(int(query["limit"]), self.cap)
        if self.most is not None and int(query["limit"]) > self.most:
            return response(request, 502)
        ids = sorted(self.ids, key=self.order)
        after = int(query.get("id_greater", 0))
        if self.by_key and after:
            ids = [row_id for row_id in ids if row_id > after]
        offset = int(query.get("offset", 0))
        cut = [row_id for row_id in ids[offset : offset + limit] if row_id not in self.withheld]
        body: dict[str, Any] = {"things": [{"id": str(row_id)} for row_id in cut]}
        total = self.total(len(ids))
        if total is not None:
            body["meta"] = {"total": total}
        return response(request, 200, body)

    def close(self) -> None:
        """Hold nothing open."""


def few_threads(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Allow only so many threads to start."""
    real, left = threading.Thread.start, iter(range(count))

    def start(thread: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
