"""What the client sends and what it never sends."""

from __future__ import annotations

import datetime as dt
import logging
from urllib.parse import urlsplit

import pytest
import requests

from tap_activecampaign_unified.client import (
    ActiveCampaignError,
    Client,
    ConnectionFailed,
    InvalidRequest,
    SystemClock,
    parse_url,
)
from tests.sandbox import serve
from tests.security.foreign import Listener

from .clients import KEY, ORIGIN, Script, client_of, limiter_of, wired_client

GOOD = (200, {})


def test_every_request_has_key_user_agent_and_accept(make_client):
    """Each request has the key in its own header, our user agent, and accepts JSON."""
    script = Script(GOOD)
    make_client(script).get("contacts")
    headers = script.received[0].headers
    assert headers["Api-Token"] == KEY
    assert headers["User-Agent"] == "runner"
    assert headers["Accept"] == "application/json"
    assert "Content-Type" not in headers
    assert "Authorization" not in headers


def test_a_body_is_sent_as_json(make_client):
    """A body is sent as JSON with its content type, whatever its text is."""
    script = Script(GOOD)
    make_client(script).send("PUT", "contacts/7", json={"contact": {"firstName": "Zoë \ud800"}})
    assert script.received[0].headers["Content-Type"] == "application/json"
    assert script.received[0].body == b'{"contact": {"firstName": "Zo\\u00eb \\ud800"}}'


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ([("search", "spring tour")], "search=spring%20tour"),
        ([("email", "a+b@lake.example")], "email=a%2Bb%40lake.example"),
        ([("orders[id]", "ASC"), ("limit", 100)], "orders%5Bid%5D=ASC&limit=100"),
        ([("include", "a,b")], "include=a,b"),
        ([("ids[]", 1), ("ids[]", 2)], "ids%5B%5D=1&ids%5B%5D=2"),
        ([("search", "50% & more")], "search=50%25%20%26%20more"),
        ([("search", "Zoë")], "search=Zo%C3%AB"),
        ([("search", "\ud800")], "search=%ED%A0%80"),
        ([("filters[updated_after]", "2031-03-02T00:00:00+00:00")], None),
    ],
)
def test_parameters_are_encoded_as_activecampaign_reads_them(make_client, params, query):
    """A space is encoded as %20 and a plus as %2B; a comma is not encoded."""
    script = Script(GOOD)
    make_client(script).get("contacts", params)
    sent = urlsplit(str(script.received[0].url)).query
    assert "+" not in sent
    if query is not None:
        assert sent == query


def test_a_plus_in_an_address_finds_its_contact(make_world, make_client):
    """A search for an address with a plus finds its contact."""
    world = make_world(is_empty=True)
    world.add_contact("a+b@lake.example")
    answer = make_client(world).get("contacts", [("email", "a+b@lake.example")])
    assert [row["email"] for row in answer.body["contacts"]] == ["a+b@lake.example"]


@pytest.mark.parametrize(
    "location", ["/api/3/tags", f"{ORIGIN}/api/3/tags", f"{ORIGIN}:443/api/3/tags", "tags"]
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_within_the_host_is_followed(make_world, make_client, location, status):
    """A redirect within the host is followed with the same verb and key, within the rate limit."""
    world = make_world(contacts=1)
    world.faults.redirect("/lists", location, status=status)
    client = make_client(world)
    assert "tags" in client.get("lists").body
    assert client.traffic.requests == 2


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/api/3/tags",
        "http://acme.api-us1.com/api/3/tags",
        "//evil.example/",
        "https://acme.api-us1.com:8443/",
        "https://acme.api-us1.com@evil.example/",
    ],
)
def test_a_redirect_elsewhere_is_refused(make_world, make_client, location):
    """The client never follows a redirect to another host than that of api_url."""
    world = make_world(contacts=1)
    world.faults.redirect("/lists", location)
    with pytest.raises(ConnectionFailed, match="another host"):
        make_client(world).get("lists")
    assert len(world.log) == 1


def test_a_redirect_to_an_invalid_url_is_refused(make_world, make_client):
    """A Location that is no URL fails the call and raises nothing else."""
    world = make_world(contacts=1)
    world.faults.redirect("/lists", "https://[::1")
    with pytest.raises(InvalidRequest, match="cannot be sent"):
        make_client(world).get("lists")


@pytest.mark.parametrize("key", ["two\nlines-5f0c1b9e", "nöt-ascii-5f0c1b9e-€"])
def test_a_key_that_no_header_can_hold_is_not_shown(make_world, key):
    """The error for a key that no header can hold does not show the key."""
    with serve(make_world(contacts=1)) as served:
        clock = SystemClock()
        limiter = limiter_of(0, clock)
        address = parse_url(served.url)
        client = Client(address, key, limiter=limiter, clock=clock, user_agent="runner")
        with pytest.raises(InvalidRequest) as refused:
            client.get("contacts")
        client._transport._session.close()
    assert "5f0c1b9e" not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert refused.value.__context__ is None


def test_a_sixth_redirect_is_refused(make_world, make_client):
    """The client follows five redirects and then refuses the call."""
    world = make_world(contacts=1)
    world.faults.redirect("/lists", "/api/3/lists", times=None)
    with pytest.raises(InvalidRequest):
        make_client(world).get("lists")
    assert len(world.log) == 5


FAULTS = {
    "5xx": lambda faults: faults.server_error(times=None),
    "403": lambda faults: faults.forbid(times=None),
    "429": lambda faults: faults.throttle(times=None),
    "reset": lambda faults: faults.reset(times=None),
    "empty": lambda faults: faults.empty_body(times=None),
    "404": lambda faults: faults.not_found("/"),
    "redirect": lambda faults: faults.redirect("/", "https://evil.example/"),
    "402": lambda faults: faults.lapsed(),
    "bad key": lambda faults: faults.clear(),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_the_key_and_the_query_are_in_no_error_and_no_log(
    make_world, make_client, caplog, fault, verb
):
    """No error and no log line of any level has the key or the query."""
    world = make_world(contacts=3, api_key="right-key-0123456789")
    fault(world.faults)
    client = make_client(world, key="wrong-key-9876543210")
    with caplog.at_level(logging.DEBUG), pytest.raises(ActiveCampaignError) as raised:
        client.send(verb, "contacts", params=[("email", "mila@lake.example")], json={"a": "b"})
    text = caplog.text + repr(raised.value) + str(raised.value) + repr(client)
    text += repr(client.__dict__) + str(raised.value.__dict__) + repr(client.traffic)
    assert "wrong-key" not in text
    assert "mila" not in text


def test_netrc_is_ignored(make_client, monkeypatch, tmp_path):
    """The client sends no password of a netrc file."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine acme.api-us1.com login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    script = Script(GOOD)
    make_client(script).get("contacts")
    assert "Authorization" not in script.received[0].headers


def test_cookies_are_not_kept(make_world, make_client):
    """The client sends no session cookie back."""
    world, seen = make_world(contacts=1), []
    world.before_request(lambda own, *_: seen.append(own))
    client = make_client(world)
    client.get("contacts")
    client.get("contacts")
    assert len(client._transport._session.cookies) == 0


def test_cookies_are_not_sent_over_real_http(make_world):
    """The client sends no cookie over a real socket either."""
    with serve(make_world(contacts=1)) as served:
        clock = SystemClock()
        address, limiter = parse_url(served.url), limiter_of(0, clock)
        client = Client(address, KEY, limiter=limiter, clock=clock, user_agent="runner")
        assert client.get("contacts").body["contacts"]
        assert client.get("users/me").status == 200
        assert len(client._transport._session.cookies) == 0
        client._transport._session.close()


def test_the_servers_clock_is_known_after_an_answer(world, make_client, clock):
    """The client knows the server's time from the `Date` of the last good answer.

    Before the first good answer it is None.
    """
    client = make_client(world)
    assert client.server_now is None
    assert client.get("users/me").date == clock.now()
    assert client.server_now == clock.now()


def test_the_accounts_time_goes_on_after_an_answer(world, make_client, clock):
    """After a pause, the account's time is not that of the last answer."""
    client = make_client(world)
    client.get("users/me")
    clock.sleep(300)
    assert client.account_time() == clock.now()
    assert client.traffic.requests == 1


@pytest.mark.parametrize("text", ["", "soon", "2031-03-03", "Mon, 99 Mar 2031 15:00:00 GMT"])
def test_an_unreadable_date_header_is_ignored(make_client, text):
    """An answer with an unreadable `Date` is good."""
    client = make_client(Script((200, {}, {"Date": text})))
    assert client.get("users/me").date is None
    assert client.server_now is None


def test_a_date_without_a_zone_is_utc(make_client):
    """A `Date` without a zone is in UTC."""
    client = make_client(Script((200, {}, {"Date": "Mon, 03 Mar 2031 15:00:00 -0000"})))
    assert client.get("x").date == dt.datetime(2031, 3, 3, 15, tzinfo=dt.UTC)


def test_traffic_is_counted_by_endpoint_and_by_status(make_world, make_client):
    """The client counts requests by endpoint without ids and by status, retries apart."""
    world = make_world(contacts=10)
    client = make_client(world)
    client.get("contacts/7")
    client.get("contacts/8")
    client.get("contacts/7/contactTags")
    world.faults.server_error("/tags", times=2)
    client.get("tags")
    traffic = client.traffic
    assert traffic.requests == len(world.log) == 6
    assert traffic.repeats == 2
    assert traffic.document()["by_endpoint"] == {
        "GET contacts/{id}": {"200": 2},
        "GET contacts/{id}/contactTags": {"200": 1},
        "GET tags": {"200": 1, "502": 2},
    }
    assert traffic.by_status == {"200": 4, "502": 2}


def test_lost_answers_are_counted_by_cause(make_client):
    """A lost answer is counted by its cause, since it has no status."""
    client = make_client(Script(requests.ConnectionError("reset"), GOOD))
    client.get("contacts")
    assert client.traffic.by_status == {"ConnectionError": 1, "200": 1}


def test_only_some_retries_are_warnings(world, make_client, caplog):
    """The 3rd, 10th and 30th attempt are warnings; the others are at level DEBUG."""
    world.faults.server_error("/tags", times=12)
    with caplog.at_level(logging.WARNING):
        make_client(world).get("tags")
    assert sum("retrying" in line.message for line in caplog.records) == 2


def test_an_answer_later_than_the_timeout_is_lost(make_world, clock):
    """`request_timeout` applies to reading the answer as well."""
    world = make_world(contacts=1)
    world.faults.slow(61, prefix="/contacts", times=1)
    client = client_of(world, clock, timeout=60)
    client.get("users/me")
    assert client.get("contacts").body["contacts"]
    assert len(world.log) == 3


def test_a_woken_clock_sleeps_no_more():
    """Stopping the run ends this sleep and every later sleep."""
    clock = SystemClock()
    before = clock.monotonic()
    clock.wake()
    clock.sleep(60)
    assert clock.monotonic() - before < 1
    assert clock.now().tzinfo is dt.UTC


def test_a_proxy_is_looked_up_once(clock, monkeypatch):
    """The client reads `https_proxy` once, however many requests it sends."""
    urls = []
    look_up = requests.sessions.get_environ_proxies
    monkeypatch.setattr(
        requests.sessions,
        "get_environ_proxies",
        lambda url, **more: urls.append(url) or look_up(url, **more),
    )
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Listener() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with (
            wired_client(ORIGIN, clock, max_retry_seconds=3) as client,
            pytest.raises(ConnectionFailed, match="the proxy does not connect"),
        ):
            client.get("users/me")
    assert len(proxy.received) > 1
    assert len(urls) == 1
    for request in proxy.received:
        assert request.startswith(b"CONNECT acme.api-us1.com:443 ")
        assert KEY.encode() not in request


def test_no_proxy_is_used_for_the_loopback(make_world, clock, monkeypatch):
    """Requests to the loopback use no proxy, which would see the key unencrypted."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Listener() as proxy, serve(make_world(contacts=1)) as served:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with wired_client(served.url, clock) as client:
            assert client.get("contacts").body["contacts"]
    assert proxy.received == []


def test_the_summary_has_the_wait_for_the_rate_limit(make_client, clock):
    """The summary says how long requests waited for the rate limit."""
    client = make_client(Script(GOOD), rate=1)
    for _ in range(3):
        client.get("contacts")
    assert client.traffic.waited == pytest.approx(clock.monotonic() - 3600, abs=0.01)
    assert client.traffic.waited > 2
