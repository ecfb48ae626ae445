"""Requests go to the account's own host alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.client import (
    ActiveCampaignError,
    Client,
    ConnectionFailed,
    SystemClock,
)
from tests.sandbox import World, serve
from tests.tap.client.clients import KEY, wired_client
from tests.target.runner import TargetRunner, stream_of

from .foreign import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox import Served

ELSEWHERE = {
    "another port": "http://127.0.0.1:{foreign}/x",
    "without a scheme": "//127.0.0.1:{foreign}/x",
    "another name": "http://localhost:{foreign}/x",
    "the account as user": "http://127.0.0.1:{port}@127.0.0.1:{foreign}/x",
    "a backslash before the account": "http://127.0.0.1:{foreign}\\@127.0.0.1:{port}/x",
    "a backslash for a slash": "http:\\\\127.0.0.1:{foreign}/x",
    "two backslashes": "\\\\127.0.0.1:{foreign}\\x",
    "a question before the account": "http://127.0.0.1:{foreign}?@127.0.0.1:{port}/x",
    "a hash before the account": "http://127.0.0.1:{foreign}#@127.0.0.1:{port}/x",
    "a tab in the host": "http://127.0.0.1:{foreign}\t/x",
    "TLS": "https://127.0.0.1:{foreign}/x",
    "a file": "file:///etc/passwd",
    "a script": "javascript:alert(1)",
    "nonsense": "http://[::1",
}
STATUSES = (301, 302, 303, 307, 308)


@pytest.fixture(scope="module")
def foreign() -> Iterator[Listener]:
    """A host that must get no request."""
    with Listener() as listener:
        yield listener


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A small account."""
    with serve(World(contacts=5, deals=3, requests_per_second=0, api_key=KEY)) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """A client of the account over real connections."""
    with wired_client(served.url, SystemClock(), max_retry_seconds=0) as made:
        yield made
    served.world.faults.clear()


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_redirect_leads_elsewhere(
    served: Served, foreign: Listener, client: Client, place: str, verb: str
) -> None:
    """No redirect leads to another host, however parsers of URLs differ about Location.

    A Location that could leak the key is one error line. The client follows a Location that names
    the account.
    """
    location = place.format(port=served.port, foreign=foreign.port)
    for status in STATUSES:
        served.world.faults.clear()
        served.world.faults.redirect("/tags", location, status=status)
        with pytest.raises(ActiveCampaignError):
            client.send(verb, "tags", json={"tag": {}} if verb == "POST" else None)
    assert foreign.received == []


def test_a_redirect_whose_host_holds_the_key_does_not_show_it(
    served: Served, client: Client
) -> None:
    """An error about a redirect to a host with the key in its name does not show the key.

    Host names are shown in lower case, and the key is not shown in lower case either.
    """
    served.world.faults.redirect("/tags", f"http://{KEY.upper()}.evil.example/{KEY}")
    with pytest.raises(ConnectionFailed, match=r"another host .*evil\.example") as refused:
        client.get("tags")
    assert KEY not in str(refused.value).lower()


@pytest.mark.parametrize(
    "path", ["contacts\\..\\..", "contacts/../../..", "//127.0.0.1:{foreign}/x", "@127.0.0.1/x"]
)
def test_no_path_leads_elsewhere(
    served: Served, foreign: Listener, client: Client, path: str
) -> None:
    """A path in any spelling is a path of the account."""
    before = len(served.world.log)
    with pytest.raises(ActiveCampaignError):
        client.get(path.format(foreign=foreign.port))
    assert len(served.world.log) <= before + 1
    assert foreign.received == []


HOSTILE_PATHS = [
    "https://evil.example/api/3/contacts",
    "HTTP:/evil.example/x",
    "//evil.example/x",
    "///evil.example/x",
    "\\\\evil.example\\x",
    "..",
    "../admin/api.php",
    "contacts/../../../x",
    "contacts/%2e%2e/%2e%2e/x",
    "contacts/%252e%252e/x",
    "contacts/..%2f..%2fx",
    "contacts/%5c..%5cx",
    "contacts\r\nHost: evil.example",
    "contacts%0d%0aHost: evil.example",
    "contacts\x00",
    "user@evil.example:80/x",
    "contacts#/../x",
    "contacts;x=1",
    "contacts?x=1\r\nHost: evil.example",
    "contacts?a=b#@evil.example/",
    "?api_key=1",
    "contacts/１",
    "",
    "/",
    None,
    7,
    ["contacts"],
]


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=repr)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_raw_request_stays_below_the_api(runner: TargetRunner, method: str, path: Any) -> None:
    """A raw request stays below /api/3/ of the account or is rejected."""
    row = {"method": method, "path": path, "body": {}}
    run = runner.run(*stream_of("raw_requests", row), allow_raw_requests=True, max_deletes=5)
    assert len(run.results) == 1
    for entry in runner.world.log:
        assert entry.host == "acme.api-us1.com"
        assert entry.path.startswith("/api/3/")
        assert not {"..", "."} & set(entry.path.split("/"))


@pytest.mark.parametrize(
    "hostile", ["../1", "1/../2", "1?x=2", "%2e%2e/1", "1#", "1\r\n2", "//evil.example/1", "１"]
)
def test_an_id_is_no_path(runner: TargetRunner, hostile: str) -> None:
    """An id in the input names no other row and no other endpoint."""
    streams = (
        "crm_contacts",
        "crm_accounts",
        "crm_opportunities",
        "crm_notes",
        "marketing_tags",
        "crm_stages",
        "directory_users",
    )
    deleted = {"_sdc_deleted_at": "2031-01-01T00:00:00Z"}
    rows = [
        message
        for stream in streams
        for row in ({"id": hostile, "name": "N"}, {"id": hostile, **deleted})
        for message in stream_of(stream, row)
    ]
    pair = {"contact_id": hostile, "tag_id": "1", "status": "removed"}
    rows += stream_of("marketing_contact_tags", pair)
    rows += stream_of(
        "crm_opportunities", {"id": "1", "stage": {"id": hostile}, "owner": {"id": hostile}}
    )
    run = runner.run(*rows, delete_mode="delete", max_deletes=50)
    assert len(run.results) == 2 * len(streams) + 2
    for entry in runner.world.log:
        assert entry.host == "acme.api-us1.com"
        assert not [part for part in entry.path.split("/")[4:] if part in {"..", "1", "2"}] or (
            entry.path.endswith(("deals/1", "deals/1/dealCustomFieldData"))
        )
        assert entry.method != "DELETE"


def test_links_of_rows_are_not_followed(foreign: Listener) -> None:
    """A row's `links` are not followed."""
    from tests.tap.running import Account  # noqa: PLC0415 - it starts the SDK

    account = Account(contacts=5, deals=3, accounts=3, base_url=foreign.url)
    account.world.base_url = foreign.url
    assert account.run().code == 0
    assert account.run(sideload="never").code == 0
    assert foreign.url.replace("/", "\\/") in json.dumps(
        account.world.answer("GET", "/api/3/contacts", [], {"Api-Token": account.world.api_key})[
            2
        ].decode()
    )[:100_000].replace("\\\\", "\\")
    assert foreign.received == []
    assert {entry.host for entry in account.world.log[:-1]} == {"acme.api-us1.com"}
