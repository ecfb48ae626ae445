"""Time that tests move by hand, clients of in-process accounts, and an account made of one list."""

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
from tests.sandbox import FakeClock, SandboxAdapter, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from tap_activecampaign_unified.client import Clock

ORIGIN = "https://acme.api-us1.com"
KEY = "sandbox-key"


class LabClock:
    """The clock of ``api``, run by the sandbox's: whoever sleeps moves both."""

    def __init__(self, moments: FakeClock | None = None) -> None:
        """Start an hour after the machine did."""
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
        """Return the name of this start of the machine, if starts have names here."""
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
        """Start the uptime again, as the machine does."""
        self._booted = self.moments()


class AnyOrder:
    """Carries out announced requests in this thread: some at once, in an order of the seed's."""

    def __init__(self, seed: int) -> None:
        """Begin with nothing to do."""
        self._dice = random.Random(seed)
        self._waiting: list[Callable[[], None]] = []

    def begin(self, work: Callable[[], None], *, is_urgent: bool) -> None:
        """Take work, and perhaps do some of what is waiting; nobody keeps to what is urgent."""
        self._waiting.append(work)
        while self._waiting and self._dice.random() < 0.5:
            self._do_one()

    def wait(self, over: threading.Event) -> None:
        """Work until ``over`` is set."""
        while not over.is_set():
            self._do_one()

    def _do_one(self) -> None:
        self._waiting.pop(self._dice.randrange(len(self._waiting)))()


class FarSighted(Client):
    """A client that reads as far ahead as it may, however quick the account is."""

    @property
    def look_ahead(self) -> int:
        """All that may be under way."""
        return self.max_concurrent_requests


def side_by_side(seed: int | None) -> dict[str, Any]:
    """Return how a client reads ahead, as the seed would have it; None: not at all."""
    if seed is None:
        return {}
    return {"max_concurrent_requests": 2 + seed % 11, "workers": AnyOrder(seed)}


SEEDS = st.one_of(st.none(), st.integers(0, 9999))


def world_of(clock: LabClock, **options: Any) -> World:
    """Return an account on this clock, without a limit of its own unless one is asked for."""
    return World(clock=clock.moments, **({"requests_per_second": 0} | options))


def limiter_of(rate: float, clock: Any, path: Path | None = None) -> Limiter:
    """Return a process's access to the budget in a file, or to one of its own."""
    return Limiter(rate, clock, FileBudgetStore(clock, path))


def client_of(
    adapter: BaseAdapter | World,
    clock: LabClock,
    *,
    rate: float = 0,
    store: Path | None = None,
    key: str = KEY,
    **options: Any,
) -> Client:
    """Return a client whose requests are answered in this process."""
    session = requests.Session()
    mounted = SandboxAdapter(adapter) if isinstance(adapter, World) else adapter
    session.mount("https://", mounted)
    kind = FarSighted if "workers" in options else Client
    return kind(
        parse_url(options.pop("origin", ORIGIN)),
        key,
        limiter=limiter_of(rate, clock, store),
        clock=clock,
        user_agent="lab",
        session=session,
        **options,
    )


@contextlib.contextmanager
def wired_client(url: str, clock: Clock, **options: Any) -> Iterator[Client]:
    """Give a client over real connections, which are closed behind it."""
    client = Client(
        parse_url(url),
        KEY,
        limiter=limiter_of(0, clock),
        clock=clock,
        user_agent="lab",
        **options,
    )
    yield client
    client._transport._session.close()


class Script(BaseAdapter):
    """An account that says what it was told to: for answers the sandbox has no reason to give.

    Each entry is ``(status, body, headers)`` or an exception; the last one is repeated for ever.
    """

    def __init__(self, *answers: Any) -> None:
        """Keep the answers."""
        super().__init__()
        self.answers = list(answers)
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer with the next entry."""
        self.asked.append(request)
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
    """Return an answer; a body that is not bytes is written as JSON."""
    found = requests.Response()
    found.status_code = status
    found.url = request.url or ""
    found.request = request
    found.headers = CaseInsensitiveDict(headers or {})
    found.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    return found


class Shelf(BaseAdapter):
    """An account with one collection, ``things``, which moves as a test wants between requests.

    ``order`` sorts the ids (None: ascending), ``cap`` is a limit of the server's own, ``total``
    turns the true count into what the server says (None: nothing), ``withheld`` ids are cut from a
    page after it was made, ``before`` is called before each answer with the number of requests.
    """

    def __init__(self, ids: list[int], **ways: Any) -> None:
        """Put the rows on the shelf."""
        super().__init__()
        self.ids = list(ids)
        self.order: Callable[[int], Any] = ways.get("order", lambda one: one)
        self.cap: int = ways.get("cap", 100)
        self.total: Callable[[int], Any] = ways.get("total", str)
        self.withheld: set[int] = ways.get("withheld", set())
        self.before: Callable[[Shelf, int], None] = ways.get("before", lambda _, __: None)
        self.by_key: bool = ways.get("by_key", True)
        self.most: int | None = ways.get("most")
        self.asked: list[dict[str, str]] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer with a page."""
        self.before(self, len(self.asked))
        query = dict(parse_qsl(urlsplit(request.url or "").query))
        self.asked.append(query)
        if len(self.asked) > 20_000:
            raise AssertionError("the walk does not end")
        limit = min(int(query["limit"]), self.cap)
        if self.most is not None and int(query["limit"]) > self.most:
            return response(request, 502)
        ids = sorted(self.ids, key=self.order)
        after = int(query.get("id_greater", 0))
        if self.by_key and after:
            ids = [one for one in ids if one > after]
        offset = int(query.get("offset", 0))
        cut = [one for one in ids[offset : offset + limit] if one not in self.withheld]
        body: dict[str, Any] = {"things": [{"id": str(one)} for one in cut]}
        total = self.total(len(ids))
        if total is not None:
            body["meta"] = {"total": total}
        return response(request, 200, body)

    def close(self) -> None:
        """Hold nothing open."""


def few_threads(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let so many threads be started, and no more."""
    real, left = threading.Thread.start, iter(range(count))

    def start(thread: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
