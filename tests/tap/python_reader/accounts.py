"""The Python API on accounts in this process, and the requests that an account got."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.python_reader import ActiveCampaignReader
from target_activecampaign.api import ActiveCampaign
from tests.sandbox import SandboxAdapter, Shape, session_of
from tests.sandbox.custom_objects import acts as objects
from tests.sandbox.rows import ScoreValue
from tests.tap.client.clients import KEY, ORIGIN
from tests.tap.running import Account

if TYPE_CHECKING:
    from collections.abc import Iterator


def small(**options: Any) -> Account:
    """Return a small account; every fifth contact has a score."""
    account = Account(**({"contacts": 23, "deals": 8, "accounts": 6} | options))
    tables = account.world.tables
    for contact in itertools.islice(tables["contacts"], 2, None, 5):
        times = contact.cdate, contact.updated
        tables["scoreValues"].insert(ScoreValue(1, contact.id % 100, *times, contact=contact.id))
    return account


#: The name of the custom object of an account with everything.
OBJECT = "custom_visits"


def with_everything(**options: Any) -> Account:
    """Return a small account with two stores, engagement, saved segments and a custom object."""
    shape = Shape(stores=2, orders=24, products=23, subscriptions=12, lines_per_order=2, sends=30)
    account = small(**{"shape": shape} | options)
    visits = objects.add_schema(
        account.world,
        "visits",
        [objects.field("title"), objects.field("count", "number")],
        [objects.relationship("visitor")],
    )
    for number in range(12):
        fields = {"title": f"Visit {number}", "count": number}
        relations = {"visitor": [str(1 + number)]}
        objects.put_record(account.world, visits, f"v-{number}", fields, relations, lags=False)
    segments = list(account.world.tables["segments"])[:2]
    for contact in range(1, 9):
        account.world.tag(contact, segments[contact % 2].tag)
    return account


def reading_of(account: Account, **settings: Any) -> ActiveCampaignReader:
    """Return access for reading, one request at a time."""
    return ActiveCampaignReader(ORIGIN, KEY, **_ways(account), **settings)


def access_of(account: Account, **settings: Any) -> ActiveCampaign:
    """Return access for reading and writing."""
    return ActiveCampaign(ORIGIN, KEY, **_ways(account), **settings)


def _ways(account: Account) -> dict[str, Any]:
    session = session_of(SandboxAdapter(account.world))
    return {"clock": account.clock, "session": session, "max_concurrent_requests": 1}


def walk(
    reading: ActiveCampaignReader, resource: str, **parameters: Any
) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return the records of all pages, forwards, and the pages."""
    pages = [reading.list(resource, **parameters)]
    while pages[-1]["next_cursor"]:
        pages.append(reading.list(resource, cursor=pages[-1]["next_cursor"], **parameters))
    return [record for page in pages for record in page["result"]], pages


@contextlib.contextmanager
def requests_in(account: Account) -> Iterator[list[str]]:
    """Collect the requests that the account gets in a block, as verbs and paths."""
    before, found = len(account.world.log), []
    yield found
    for request in account.world.log[before:]:
        verb = "" if request.method == "GET" else f"{request.method} "
        found.append(verb + request.path.removeprefix("/api/3/"))
