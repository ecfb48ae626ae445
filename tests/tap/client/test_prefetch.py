"""Prefetched GETs: sent once in the background, and returned to the caller that requests them."""

from __future__ import annotations

import threading

import pytest

from tap_activecampaign_unified.client import InvalidRequest, NotFound
from tap_activecampaign_unified.client.prefetch import WorkerThreads

from .clients import ManualClock, RandomOrder, Script, client_of, few_threads, side_by_side

GOOD = (200, {"ok": True})


def ahead_of(script: Script, **ways: object):
    """Return a client that prefetches."""
    return client_of(script, ManualClock(), **{**side_by_side(3), **ways})


@pytest.mark.parametrize("times", [1, 3])
def test_a_prefetched_request_is_sent_once(times):
    """A request is sent once, however often it is prefetched.

    It makes no difference whether its answer is there when a caller needs it.
    """
    for seed in range(10):
        script = Script(GOOD)
        client = ahead_of(script, workers=RandomOrder(seed))
        for _ in range(times):
            client.prefetch("contacts", [("limit", 100)])
        assert client.get("contacts", [("limit", 100)]).body == {"ok": True}
        assert len(script.received) == 1


def test_a_prefetched_answer_is_used_once():
    """A second call for the same request sends a new request."""
    script = Script((200, {"n": 1}), (200, {"n": 2}))
    client = ahead_of(script)
    client.prefetch("contacts")
    assert [client.get("contacts").body["n"] for _ in range(2)] == [1, 2]


def test_other_parameters_are_another_request():
    """A prefetched answer serves only a call with the same path and parameters."""
    script = Script(GOOD)
    client = ahead_of(script, workers=RandomOrder(0))
    client.prefetch("contacts", [("limit", 100)])
    client.get("contacts", [("limit", 20)])
    client.get("contacts", [("limit", 100)])
    assert len(script.received) == 2


def test_an_error_is_raised_at_the_call_and_not_at_the_prefetch():
    """An error is raised at the call that needs the answer, not at the prefetch."""
    client = ahead_of(Script((404, b"<html>")))
    client.prefetch("contacts")
    with pytest.raises(NotFound):
        client.get("contacts")


def test_a_cancelled_prefetch_is_not_sent():
    """A cancelled prefetch is not sent, unless it was already under way."""
    sent = set()
    for seed in range(10):
        script = Script(GOOD)
        client = ahead_of(script, workers=RandomOrder(seed))
        client.prefetch("contacts")
        client.cancel_prefetch("contacts")
        client.get("lists")
        sent.add(len(script.received))
    assert sent == {1, 2}


def test_an_answer_prefetches_the_next_request():
    """The callback of an answer prefetches the next request before any caller needs it."""
    script = Script(GOOD)
    workers = RandomOrder(1)
    client = ahead_of(script, workers=workers)
    client.prefetch("groups", then=lambda _: client.prefetch("groups/1/userGroups"))
    over = threading.Event()
    workers.begin(over.set, is_urgent=False)
    workers.wait(over)
    client.get("groups")
    client.get("groups/1/userGroups")
    assert [r.url.rsplit("/api/3/")[1] for r in script.received] == [
        "groups",
        "groups/1/userGroups",
    ]


def test_a_second_callback_gets_the_answer():
    """The callback of a second prefetch of the same request is called as well."""
    for seed in range(10):
        client, seen = ahead_of(Script(GOOD), workers=RandomOrder(seed)), []
        client.prefetch("groups")
        client.prefetch("groups", then=lambda answer, seen=seen: seen.append(answer.body))
        client.prefetch("lists")
        client.get("lists")
        client.get("groups")
        assert len(seen) <= 1  # none where the asker itself was first
        if client.traffic.requests == 2 and not seen:
            continue
        assert seen == [{"ok": True}]


def test_with_one_request_at_a_time_nothing_is_prefetched():
    """With `max_concurrent_requests` 1 the client prefetches nothing."""
    script = Script(GOOD)
    client = client_of(script, ManualClock())
    client.prefetch("contacts")
    assert client.look_ahead == 0
    assert script.received == []


def test_no_more_than_allowed_are_under_way():
    """At most `max_concurrent_requests` requests are under way, one per thread."""
    under_way, most, lock, gate = 0, 0, threading.Lock(), threading.Event()
    done = threading.Semaphore(0)

    def work() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        gate.wait(10)
        with lock:
            under_way -= 1
        done.release()

    threads = WorkerThreads(3)
    for _ in range(9):
        threads.begin(work, is_urgent=False)
    gate.set()
    for _ in range(9):
        assert done.acquire(timeout=10)
    assert most <= 3


def test_urgent_requests_are_sent_first():
    """An urgent request is sent before prefetched pages."""
    order, gate, done = [], threading.Event(), threading.Semaphore(0)
    threads = WorkerThreads(1)
    threads.begin(lambda: gate.wait(10) and None, is_urgent=True)
    for name in ("page 1", "page 2", "proof"):

        def work(name: str = name) -> None:
            order.append(name)
            done.release()

        threads.begin(work, is_urgent=name == "proof")
    gate.set()
    for _ in range(3):
        assert done.acquire(timeout=10)
    assert order == ["proof", "page 1", "page 2"]


def test_a_refusal_by_another_thread_is_raised_where_it_was_asked_for():
    """A refusal in another thread is raised in the thread of the call."""
    client = client_of(Script((422, {"message": "no"})), ManualClock(), max_concurrent_requests=3)
    client.prefetch("contacts")
    with pytest.raises(InvalidRequest):
        client.get("contacts")


@pytest.mark.parametrize("given_", [0, 1])
def test_without_further_threads_the_caller_sends(
    given_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no thread can start, the caller sends each request itself, once."""
    few_threads(monkeypatch, given_)
    script = Script(GOOD)
    client = ahead_of(script, workers=WorkerThreads(3))
    for turn in range(2):
        for number in range(5):
            client.prefetch("contacts", [("turn", turn), ("offset", number)])
        for number in range(5):
            client.get("contacts", [("turn", turn), ("offset", number)])
    assert len(script.received) == 10
