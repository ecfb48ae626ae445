"""Retries: which answers, for which verbs, and for how long."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError

from tap_activecampaign_unified.client import (
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    ServerError,
    UnconfirmedWrite,
)

from .clients import ManualClock, Script, client_of, world_of

GOOD = (200, {"ok": True})
READS = ("GET", "PUT", "PATCH", "DELETE")
TROUBLE = (408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530, 599)
BROKEN = {
    "an empty body": (200, b""),
    "white space": (200, b" \n"),
    "half a JSON": (200, b'{"contacts": [{"id": "1", '),
    "an HTML page": (200, b"<html>Wait</html>"),
    "a JSON list": (200, b"[1, 2]"),
    "a JSON text": (200, b'"ok"'),
    "too deep a JSON": (200, b"[" * 100_000),
    "bytes of no alphabet": (200, b"\xff\xfe\x00\x80"),
}
LOST = {
    "reset": requests.ConnectionError("Connection aborted."),
    "read timeout": requests.ReadTimeout("late"),
    "chunk": requests.exceptions.ChunkedEncodingError("amid"),
    "gzip": requests.exceptions.ContentDecodingError("gzip"),
}


def refused_connection() -> requests.ConnectionError:
    """Return what requests raises when no server listens."""
    inner = NewConnectionError(None, "Connection refused")  # type: ignore[arg-type]  # no connection
    return requests.ConnectionError(MaxRetryError(None, "/", inner))  # type: ignore[arg-type]  # no pool


UNSENT = {
    "refused": refused_connection(),
    "no such host": requests.ConnectionError("NameResolutionError: getaddrinfo failed"),
    "connect timeout": requests.ConnectTimeout("late"),
    "proxy": requests.exceptions.ProxyError("no"),
}


@pytest.mark.parametrize("status", TROUBLE)
@pytest.mark.parametrize("verb", READS)
def test_a_5xx_is_retried(make_client, verb, status):
    """A 5xx is retried where the call may be repeated."""
    script = Script((status, b"<html>"), (status, b""), GOOD)
    assert make_client(script).send(verb, "contacts/7").body == {"ok": True}
    assert len(script.received) == 3


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        pytest.param(verb, answer, id=f"{verb} {name}")
        for verb in READS
        for name, answer in BROKEN.items()
        if verb != "DELETE" or answer[1].strip()  # see test_an_empty_body_is_good_for_a_delete
    ],
)
def test_a_200_with_a_broken_body_is_retried(make_client, verb, answer):
    """A 200 without a JSON object is retried."""
    script = Script(answer, GOOD)
    assert make_client(script).send(verb, "contacts/7").body == {"ok": True}


@pytest.mark.parametrize(
    "complaint",
    [{"message": "Unavailable"}, {"success": 0, "error": "Wait"}, {"errors": [{"title": "Wait"}]}],
)
def test_a_complaint_with_a_good_status_is_no_empty_collection(make_client, complaint):
    """A 200 with a message in place of rows is retried, so no row counts as deleted."""
    script = Script((200, complaint), GOOD)
    assert make_client(script).get("contacts").body == {"ok": True}


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("GET", {"message": {"id": "3"}}),
        ("GET", {"contacts": [], "message": "No more"}),
        ("GET", {}),
        ("PATCH", {"message": "CustomFieldData updated: 3"}),
        ("DELETE", {"message": "CustomFieldMeta deleted."}),
    ],
)
def test_a_message_beside_data_or_after_a_write_is_a_good_answer(make_client, verb, body):
    """A ``message`` beside data is a good answer, and so is a ``message`` alone after a write."""
    script = Script((200, body))
    assert make_client(script).send(verb, "messages/3").body == body
    assert len(script.received) == 1


@pytest.mark.parametrize("problem", LOST.values(), ids=LOST)
@pytest.mark.parametrize("verb", READS)
def test_a_lost_answer_is_retried(make_client, verb, problem):
    """A broken connection is retried where the call may be repeated."""
    script = Script(problem, GOOD)
    assert make_client(script).send(verb, "contacts/7").body == {"ok": True}


@pytest.mark.parametrize("answer", [(200, b""), (200, b" "), (204, b"")])
def test_an_empty_body_is_good_for_a_delete(make_client, answer):
    """An empty body is a good answer to DELETE, and to any verb with status 204."""
    script = Script(answer)
    assert make_client(script).send("DELETE", "contacts/7").body == {}
    assert len(script.received) == 1


LOST_ANSWERS = [*LOST.values(), *BROKEN.values(), *((status, b"") for status in TROUBLE)]


@pytest.mark.parametrize("answer", LOST_ANSWERS, ids=lambda answer: str(answer)[:30])
def test_a_post_is_never_repeated_after_a_lost_answer(make_client, answer):
    """A POST whose answer is lost is not retried: the write may have happened."""
    script = Script(answer, GOOD)
    with pytest.raises(UnconfirmedWrite) as lost:
        make_client(script).send("POST", "contacts", json={"contact": {}})
    assert len(script.received) == 1
    assert (lost.value.method, lost.value.path) == ("POST", "contacts")


def test_a_repeatable_post_is_retried(make_client):
    """A POST with `repeatable`, such as contact/sync, is retried."""
    script = Script((502, b""), GOOD)
    make_client(script).send("POST", "contact/sync", json={}, repeatable=True)
    assert len(script.received) == 2


@pytest.mark.parametrize("problem", UNSENT.values(), ids=UNSENT)
@pytest.mark.parametrize("verb", [*READS, "POST"])
def test_a_request_that_was_never_sent_is_retried(make_client, verb, problem):
    """A request that reached no server is retried, POST included."""
    script = Script(problem, problem, GOOD)
    assert make_client(script).send(verb, "contacts").body == {"ok": True}


@pytest.mark.parametrize("answer", [(429, b""), (503, b"", {"Retry-After": "2"})])
@pytest.mark.parametrize("verb", [*READS, "POST"])
def test_a_throttled_call_is_repeated_whatever_its_verb(make_client, verb, answer):
    """A 429, or a 503 with Retry-After, is retried for every verb."""
    script = Script(answer, answer, GOOD)
    assert make_client(script).send(verb, "contacts").body == {"ok": True}


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 422])
def test_a_4xx_is_not_retried(make_client, status):
    """A refusal of the request itself is not retried."""
    script = Script((status, {"message": "no"}))
    with pytest.raises((InvalidRequest, NotFound)):
        make_client(script).get("contacts")
    assert len(script.received) == 1


def test_a_throttled_client_waits_as_long_as_the_server_says(make_world, make_client, clock):
    """The client waits exactly as long as Retry-After says."""
    world = make_world()
    world.faults.throttle(retry_after=30)
    make_client(world).get("users/me")
    arrivals = [entry.time.timestamp() for entry in world.log]
    assert 30 <= arrivals[1] - arrivals[0] < 31


def test_a_date_in_retry_after_is_understood(make_client, clock):
    """A date in Retry-After is read against the server's clock."""
    headers = {
        "Retry-After": "Mon, 03 Mar 2031 15:00:42 GMT",
        "Date": "Mon, 03 Mar 2031 15:00:00 GMT",
    }
    started = clock.monotonic()
    make_client(Script((429, b"", headers), GOOD)).get("users/me")
    assert 42 <= clock.monotonic() - started < 43


@pytest.mark.parametrize("word", ["soon", "", "-5", "NaN", "1e999", "Mon, 03 Mar"])
def test_an_unreadable_retry_after_is_ignored(make_client, word):
    """An unreadable Retry-After is ignored."""
    script = Script((429, b"", {"Retry-After": word}), GOOD)
    try:
        make_client(script).get("users/me")
    except ServerError:
        assert word == "1e999"


def test_a_429_pauses_all_processes_of_the_account(make_world, make_client, clock, tmp_path):
    """After a 429 of one process, the other processes of the account pause too."""
    world = make_world()
    first, other = (make_client(world, rate=5, store=tmp_path / "rate.json") for _ in range(2))
    world.faults.throttle(times=None, prefix="/lists", retry_after=400)
    with pytest.raises(ServerError):
        first.get("lists")
    before = clock.monotonic()
    other.get("tags")
    assert clock.monotonic() - before >= 399


def test_the_account_is_never_asked_more_than_five_times_a_second(world, client):
    """The account never has to refuse a sixth request in a second."""
    for _ in range(40):
        client.get("users/me")
    assert world.busiest_second() <= 5
    assert {entry.status for entry in world.log} == {200}


@given(st.floats(1, 900), st.sampled_from([(502, b""), (200, b""), *LOST.values()]))
def test_a_request_is_retried_for_max_retry_seconds(limit, answer):
    """A request is retried for all of `max_retry_seconds` and no longer."""
    clock = ManualClock()
    script = Script(GOOD, answer)
    client = client_of(script, clock, max_retry_seconds=limit)
    client.get("users/me")
    started = clock.monotonic()
    with pytest.raises((ServerError, ConnectionFailed)):
        client.get("contacts")
    assert limit * 0.99 <= clock.monotonic() - started <= limit + 1


@pytest.mark.parametrize("retry_after", [None, "1", "50"])
def test_endless_429s_end_after_max_retry_seconds(make_client, clock, retry_after):
    """A server that answers only 429 raises its error after `max_retry_seconds`."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    client, started = make_client(Script((429, b"", headers))), clock.monotonic()
    with pytest.raises(ServerError, match="throttled"):
        client.get("contacts")
    assert clock.monotonic() - started <= 600


def test_waiting_for_the_budget_does_not_shorten_the_retries(make_client, clock):
    """A call that waited for another's pause still has all of its retry time."""
    script = Script((502, b""), GOOD)
    client = make_client(script, max_retry_seconds=100)
    client._limiter.refused(400)
    assert client.get("contacts").body == {"ok": True}


def test_waits_grow_and_stay_below_a_minute(make_client, clock):
    """Waits have full jitter below a bound that doubles from 0.5 to 60 seconds."""
    with pytest.raises(ServerError):
        make_client(Script((502, b""))).get("contacts")
    assert len(clock.slept) > 10
    for place, wait in enumerate(clock.slept):
        assert wait <= min(60, 0.5 * 2**place) + 0.05


def test_a_caller_can_shorten_the_retry_time(make_client, clock):
    """A walk gives a large page less retry time than `max_retry_seconds`."""
    client, started = make_client(Script((502, b""))), clock.monotonic()
    with pytest.raises(ServerError):
        client.get("contacts", patience=15)
    assert clock.monotonic() - started == pytest.approx(15, abs=1)


def test_an_address_that_never_answered_is_retried_for_twenty_seconds(make_client, clock):
    """An address that never answered is retried for 20 seconds: api_url is most likely wrong."""
    started = clock.monotonic()
    with pytest.raises(ConnectionFailed, match="check api_url"):
        make_client(Script(refused_connection())).get("users/me")
    assert clock.monotonic() - started == pytest.approx(20, abs=1)


@pytest.mark.parametrize("patience", [None, 0])
def test_a_host_that_never_sends_a_response_is_retried_for_twenty_seconds(
    make_client, clock, patience
):
    """A host that accepts connections and sends no response ends the run after 20 seconds."""
    started = clock.monotonic()
    with pytest.raises(ConnectionFailed, match="does not answer"):
        make_client(Script(requests.ReadTimeout("slow"))).get("contacts", patience=patience)
    assert clock.monotonic() - started == pytest.approx(20, abs=1)


def test_an_account_that_answered_before_is_given_the_whole_time(make_client, clock):
    """An account that answered before is retried for the whole time."""
    client = make_client(Script(GOOD, refused_connection()))
    client.get("users/me")
    started = clock.monotonic()
    with pytest.raises(ConnectionFailed):
        client.get("contacts")
    assert clock.monotonic() - started == pytest.approx(600, abs=1)


def test_an_untrusted_certificate_ends_the_run_at_once(make_client, clock):
    """An untrusted certificate ends the run without a retry."""
    with pytest.raises(ConnectionFailed, match="certificate"):
        make_client(Script(requests.exceptions.SSLError("bad"))).get("users/me")
    assert clock.slept == []


def test_an_invalid_header_is_not_retried(make_client, clock):
    """A request with a line break in a header fails without a retry."""
    with pytest.raises(InvalidRequest, match="cannot be sent"):
        make_client(Script(requests.exceptions.InvalidHeader("x"))).get("users/me")
    assert clock.slept == []


def test_a_stop_signal_ends_the_retries(make_client):
    """The exception of a stop signal is raised before the next attempt."""

    class StopError(Exception):
        pass

    def stop() -> None:
        if len(script.received) == 2:
            raise StopError

    script = Script((502, b""))
    client = make_client(script)
    client.before_request = stop
    with pytest.raises(StopError):
        client.get("contacts")
    assert len(script.received) == 2


def test_every_fault_the_sandbox_knows_is_survived(clock):
    """With a third of all requests failing in any way, each call returns the true answer."""
    world = world_of(clock, contacts=30)
    world.faults.mix(0.33, seed=7)
    client = client_of(world, clock)
    for contact in range(1, 31):
        assert client.get(f"contacts/{contact}").body["contact"]["id"] == str(contact)
    assert client.traffic.repeats > 5
