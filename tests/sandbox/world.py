"""The account: its tables, its clock, and its answers to requests."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.sandbox import endpoints, event_tracking, importer, planting
from tests.sandbox.clock import Zone, http_date, real_clock
from tests.sandbox.enrolment_acts import EnrolmentActs
from tests.sandbox.faults import Faults
from tests.sandbox.hiding import Hidden
from tests.sandbox.jobs import Jobs
from tests.sandbox.kept_pages import KeptPages
from tests.sandbox.limits import Arrival, RollingWindow, busiest_second
from tests.sandbox.planted import Planted
from tests.sandbox.shape import Shape
from tests.sandbox.store import make_tables
from tests.sandbox.switches import Switches
from tests.sandbox.wire import API, Answer, Refusal, Request, html_not_found

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    Hook = Callable[["World", str, str, list[tuple[str, str]]], Any]


class World(EnrolmentActs):
    """One ActiveCampaign account.

    Extra keyword arguments are switches, so `World(limit_over_100="422")` is an account that
    refuses long pages; `world.switches` changes them later.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        contacts: int = 0,
        deals: int = 0,
        accounts: int = 0,
        api_key: str = "sandbox-key",
        clock: Callable[[], datetime] | None = None,
        requests_per_second: float = 5,
        timezone: str = "America/Chicago",
        base_url: str = "https://acme.api-us1.com",
        shape: Shape | None = None,
        fresh: bool = False,
        hidden_deals: bool = False,
        is_empty: bool = False,
        **switches: Any,
    ) -> None:
        """Create the account from the seed; with `is_empty` it has only its first user."""
        self.seed = seed
        self.api_key = api_key
        self.clock = clock or real_clock
        self.zone = Zone(timezone)
        self.born = int(self.clock().timestamp()) - 770 * 86400
        self.base_url = base_url
        self.switches = Switches(**switches)
        self.faults = Faults()
        self.hidden = Hidden()
        self.planted = Planted()
        self.contact_limit = 500_000  # the plan's limit, which the API does not enforce
        self.whoami: int | None = None  # the user of the key; None: the oldest user
        self.pages = KeptPages()
        self.jobs = Jobs()  # work that a request starts and the account does later
        self.tables = make_tables()
        self.log: list[Arrival] = []
        self.remembers_requests = True  # headers and bodies too
        self.automation_log: list[dict[str, Any]] = []
        self.imports: list[importer.Batch] = []
        self.imports_by_id: dict[str, importer.Batch] = {}
        self.imports_processed = 0  # only the first so many
        self.excluded_emails: set[str] = set()  # folded; the importer skips them
        self.event_account_id = "25400001"
        self.event_key = "sandbox-event-key"
        self.event_names = ["signup"]
        self.is_event_tracking_on = True
        self.import_windows = (RollingWindow(20, 60), RollingWindow(100, 60))
        self.window = RollingWindow(requests_per_second, 1)
        self.hooks: list[Hook] = []
        self.lock = threading.RLock()
        self._kept: dict[Any, tuple[int, Any]] = {}
        planting.plant(
            self,
            contacts=contacts,
            deals=deals,
            accounts=accounts,
            shape=shape or Shape(),
            fresh=fresh,
            hidden_deals=hidden_deals,
            is_empty=is_empty,
        )

    def answer(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        headers: dict[str, str],
        body: bytes = b"",
        arrived: datetime | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer a request; raise `Lost` if a fault breaks the connection.

        `arrived` is the time of arrival, by default the present.
        """
        moment = (
            arrived or self.clock()
        )  # before the lock, so that slow requests do not move arrivals together
        caller = next((v for k, v in headers.items() if k.lower() == "user-agent"), "")
        with self.lock:
            arrival = Arrival(moment, method, path, query, caller)
            if self.remembers_requests:
                arrival.headers, arrival.body = headers, body
            self.log.append(arrival)
            for hook in list(self.hooks):
                hook(self, method, path, query)
            self.settle()
            request = Request(method, path, query, headers, body)
            answer = self._judge(request, moment)
            arrival.status = answer.status
            content = answer.encoded()
            return answer.status, self._headers(answer, moment), content

    def settle(self, *, at_once: bool = False) -> None:
        """Process the imports and jobs that are due, or all of them at once."""
        importer.settle(self, at_once=at_once)
        self.jobs.run(self.clock(), all_of_them=at_once)

    def before_request(self, hook: Hook) -> Hook:
        """Call `hook(world, method, path, query)` before each answer, to change rows."""
        self.hooks.append(hook)
        return hook

    def busiest_second(self) -> int:
        """Return the largest number of requests in any rolling second."""
        return busiest_second(self.log)

    def count(self, method: str | None = None, prefix: str | None = None) -> int:
        """Count logged requests; the prefix may be with or without /api/3."""
        if prefix is not None and not prefix.startswith(API):
            prefix = f"{API}/{prefix.lstrip('/')}"
        return sum(
            (method is None or entry.method == method)
            and (prefix is None or entry.path.startswith(prefix))
            for entry in self.log
        )

    def now(self) -> int:
        """Return the account's present second."""
        return int(self.clock().timestamp())

    def dt(self, instant: int | None) -> str | None:
        """Print an instant with the account's offset."""
        return None if instant is None else self.zone.stamp(instant)

    def ts(self, instant: int | None) -> str | None:
        """Print an instant in the account's zone, without an offset."""
        return None if instant is None else self.zone.plain(instant)

    def links(self, path: str, row_id: int, names: tuple[str, ...]) -> dict[str, str]:
        """Return the `links` of a row: absolute URLs that can be requested."""
        base = f"{self.base_url}{API}/{path}/{row_id}/"
        return {name: base + name for name in names}

    def kept(self, key: Any, tables: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Cache a value that is costly to compute until a table changes."""
        version = sum(self.tables[name].version for name in tables) + self.switches.version
        found = self._kept.get(key)
        if found is None or found[0] != version:
            if len(self._kept) > 200:
                self._kept.clear()
            found = (version, make())
            self._kept[key] = found
        return found[1]

    def trigger(self, kind: str, *, starts: bool = True, **details: Any) -> None:
        """Record that a write would start automations (`starts`), or would not."""
        self.automation_log.append(
            {"time": self.now(), "trigger": kind, "starts": starts, **details}
        )

    def _judge(self, request: Request, moment: datetime) -> Answer:
        if event_tracking.is_event(request.path):  # another host: no key, no limit of this account
            if request.method != "POST":
                return html_not_found()
            return self.faults.strike(
                request.method, request.path, lambda: event_tracking.receive(self, request)
            )
        if not self.window.admits(moment):
            return self._throttled()
        if self.faults.is_lapsed:
            return Answer(402, raw=b"")
        token = next((v for k, v in request.headers.items() if k.lower() == "api-token"), "")
        if token != self.api_key:
            return Answer(self.switches.bad_key_status, {"message": "Forbidden"})
        if not request.path.startswith(API + "/"):
            return html_not_found()
        request.path = request.path.removeprefix(API)
        if deaf_to := self.faults.deaf_to:
            request.query = [pair for pair in request.query if not pair[0].startswith(deaf_to)]
        return self.faults.strike(request.method, request.path, lambda: self._handle(request))

    def _handle(self, request: Request) -> Answer:
        planted = self.planted.answer(self, request)
        if planted is not None:
            return Answer(200, planted)
        found = endpoints.find(request.method, request.path)
        if found is None:
            return html_not_found()
        handler, arguments = found
        try:
            with self.hidden.out_of_sight(self, request) as instead:
                document = instead or handler(self, request, *arguments)
        except Refusal as refusal:
            return refusal.answer
        return document if isinstance(document, Answer) else Answer(200, document)

    def _throttled(self) -> Answer:
        s = self.switches
        headers = {"RateLimit-Limit": f"{self.window.most:g}", "RateLimit-Remaining": "0"}
        if s.retry_after is not None:
            headers["Retry-After"] = str(s.retry_after)
        return Answer(s.throttle_status, None, headers, s.throttle_body.encode())

    def _headers(self, answer: Answer, moment: datetime) -> dict[str, str]:
        headers = {
            "Date": http_date(moment),
            "Content-Type": "application/json",
            "Server": "cloudflare",
            "CF-Cache-Status": "DYNAMIC",
            "Cache-Control": "no-store, no-cache, must-revalidate",
            "Set-Cookie": "PHPSESSID=sandbox; path=/; HttpOnly",
            "X-Request-Id": f"{len(self.log):032x}",
        }
        if self.switches.ratelimit_headers and answer.status < 300:
            headers["RateLimit-Limit"] = f"{self.window.most:g}"
            headers["RateLimit-Remaining"] = str(self.window.remaining)
        return headers | answer.headers
