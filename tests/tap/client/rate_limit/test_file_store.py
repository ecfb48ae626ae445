"""The file in which processes share the budget: broken, lost, shared for real."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from tap_activecampaign_unified.client.rate_limit.budget import MARGIN
from tests.tap.client.lab import limiter_of

from .test_limiter import busiest

GARBAGE = [
    b"{",
    b'{"slots": [1, 2',
    b'{"slots": {"a": 1.0}, "not_before": 0.0, "share": 1, "share_at": 0, "cut_at": 0}0}',
    b'{"slots": {"a": 1.0}, "not_before": 0.0}',
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b'{"slots": null, "not_before": 0, "share": 1, "share_at": 0, "cut_at": 0}',
    b'{"slots": [1], "not_before": 0, "share": 1, "share_at": 0, "cut_at": 0}',
    b'{"slots": {"a": "x"}, "not_before": 0, "share": 1, "share_at": 0, "cut_at": 0}',
    b'{"slots": {}, "not_before": null, "share": 1, "share_at": 0, "cut_at": 0}',
    b"[" * 100_000,
    b"\x00" * 4096,
]


@pytest.mark.parametrize("content", GARBAGE, ids=lambda content: repr(content[:44]))
def test_a_torn_file_counts_as_a_spent_window(clock, tmp_path, content):
    """What a killed writer left costs one window of waiting, never an error or a burst."""
    store = tmp_path / "rate.json"
    store.write_bytes(content)
    limiter = limiter_of(5, clock, store)
    limiter.acquire()
    assert clock.slept == [pytest.approx(MARGIN)]
    assert len(json.loads(store.read_text())["slots"]) >= 1


def test_an_empty_file_is_a_new_one(clock, tmp_path):
    """Nothing has left yet: nobody waits."""
    store = tmp_path / "rate.json"
    store.touch()
    limiter_of(5, clock, store).acquire()
    assert clock.slept == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e300"])
def test_impossible_moments_are_forgotten(clock, tmp_path, number):
    """A pause or a slot that no clock can reach holds nobody."""
    store = tmp_path / "rate.json"
    others = '"share": 1, "share_at": 0, "cut_at": 0'
    store.write_text(f'{{"slots": {{"a": {number}}}, "not_before": {number}, {others}}}')
    limiter_of(5, clock, store).acquire()
    assert clock.slept == []


@pytest.mark.parametrize("names_boots", [True, False])
@pytest.mark.parametrize("hours", [0, 0.1, 5])
def test_moments_of_another_start_hold_nobody(clock, tmp_path, names_boots, hours):
    """Whatever the uptime was: a pause of ten minutes and a spent window end with the machine.

    A start is told by its id, and where it has none by its moment on the wall clock.
    """
    clock.names_boots = names_boots
    store = tmp_path / "rate.json"
    limiter = limiter_of(5, clock, store)
    for _ in range(8):
        limiter.acquire()
    limiter.refused(600)
    clock.moments.advance(3600 * hours + 100)
    clock.reboot()
    clock.moments.advance(30)
    clock.slept.clear()
    limiter_of(5, clock, store).acquire()
    assert clock.slept == []


@pytest.mark.parametrize("names_boots", [True, False])
def test_moments_of_this_start_hold_everybody(clock, tmp_path, names_boots):
    """A pause that another process was asked for is kept."""
    clock.names_boots = names_boots
    store = tmp_path / "rate.json"
    limiter_of(5, clock, store).refused(120)
    limiter_of(5, clock, store).acquire()
    assert sum(clock.slept) == pytest.approx(120)


def test_a_file_without_a_start_is_of_another_one(clock, tmp_path):
    """Earlier versions did not note it: nobody waits twenty minutes for what they wrote."""
    store = tmp_path / "rate.json"
    moments = f'"not_before": {clock.monotonic() + 1200}, "share": 1, "share_at": 0, "cut_at": 0'
    store.write_text(f'{{"slots": {{}}, {moments}}}')
    limiter_of(5, clock, store).acquire()
    assert clock.slept == []


def test_a_long_wait_is_logged_with_its_reason(clock, tmp_path, caplog):
    """More than ten seconds: who was refused, this process or another, or that all is taken."""
    store = tmp_path / "rate.json"
    mine, other = limiter_of(5, clock, store), limiter_of(5, clock, store)
    with caplog.at_level(logging.WARNING):
        mine.refused(9)
        mine.acquire()
        assert caplog.messages == []
        mine.refused(60)
        mine.acquire()
        [line] = caplog.messages
        assert line.startswith("Waiting 60 s for the next request: ActiveCampaign refused")
        caplog.clear()
        other.refused(45)
        mine.acquire()
        assert "another process that uses this account was asked to pause" in caplog.text
        caplog.clear()
        slow, again = limiter_of(0.01, clock, store), limiter_of(0.01, clock, store)
        slow.acquire()
        caplog.clear()
        again.acquire()
        assert "other requests to this account take up the rate limit" in caplog.text


def test_after_a_reboot_the_old_uptime_holds_nobody(clock, tmp_path):
    """The uptime starts again; slots and pauses written before are out of reach."""
    store = tmp_path / "rate.json"
    limiter = limiter_of(5, clock, store)
    for _ in range(5):
        limiter.acquire()
    limiter.refused(60)
    clock.reboot()
    limiter_of(5, clock, store).acquire()
    assert clock.monotonic() == 0


def test_no_pause_outlasts_ten_minutes(clock, tmp_path):
    """Whatever the server says, somebody asks again within the ten minutes a request may last."""
    limiter = limiter_of(5, clock, tmp_path / "rate.json")
    limiter.refused(86_400)
    limiter.acquire()
    assert sum(clock.slept) <= 600


def test_the_file_is_its_owners_alone(clock, tmp_path):
    """Mode 0600, in a folder of mode 0700."""
    store = tmp_path / "state" / "rate.json"
    limiter_of(5, clock, store).acquire()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700


def test_an_unusable_place_costs_one_warning_and_the_sharing(clock, tmp_path, caplog):
    """The budget is then kept by this process alone, and still kept."""
    (tmp_path / "file").touch()
    limiter, left = limiter_of(5, clock, tmp_path / "file" / "rate.json"), []
    with caplog.at_level(logging.WARNING):
        for _ in range(12):
            limiter.acquire()
            left.append(clock.monotonic())
    assert len(caplog.records) == 1
    assert "rate_limit_store" in caplog.text
    assert busiest(left) <= 5


def test_a_file_system_without_locks_is_no_error(clock, tmp_path, monkeypatch, caplog):
    """Some network drives refuse flock: the process keeps its own budget."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    limiter_of(5, clock, tmp_path / "rate.json").acquire()
    assert "No locks available" in caplog.text


def test_a_full_disk_loses_the_sharing_but_not_the_count(clock, tmp_path, monkeypatch, caplog):
    """What was read from the file before it could not be written still counts."""
    store, left = tmp_path / "rate.json", []
    first = limiter_of(5, clock, store)
    for _ in range(5):
        first.acquire()
        left.append(clock.monotonic())

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    second = limiter_of(5, clock, store)
    for _ in range(6):
        second.acquire()
        left.append(clock.monotonic())
    assert busiest(left) <= 5
    assert "No space left" in caplog.text


def test_a_writer_killed_halfway_leaves_a_file_that_is_noticed(clock, tmp_path, monkeypatch):
    """The new content is written over the old and cut last: in between it does not read."""
    store = tmp_path / "rate.json"
    limiter = limiter_of(5, clock, store)
    limiter.refused(1.0)
    for _ in range(5):
        limiter.acquire()
    clock.sleep(100.123456)
    monkeypatch.setattr(os, "ftruncate", lambda *_: None)
    limiter.acquire()  # a shorter text over a longer one, never cut
    monkeypatch.undo()
    with pytest.raises(ValueError, match="Extra data"):
        json.loads(store.read_text())


PROCESS = """
    import sys, time
    from pathlib import Path
    from tap_activecampaign_unified.client import Limiter, FileBudgetStore, SystemClock
    limiter = Limiter(5, SystemClock(), FileBudgetStore(SystemClock(), Path(sys.argv[1])))
    until = time.monotonic() + float(sys.argv[2])
    print("ready", flush=True)
    while time.monotonic() < until:
        limiter.acquire()
        print(time.monotonic(), flush=True)
"""


def start(source: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a few lines in a process of their own."""
    command = [sys.executable, "-c", textwrap.dedent(source), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_four_real_processes_keep_one_budget(tmp_path):
    """No rolling second of the machine's clock holds more than five departures."""
    running = [start(PROCESS, str(tmp_path / "rate.json"), "1.2") for _ in range(4)]
    told = [process.communicate(timeout=30)[0].split() for process in running]
    left = [float(word) for word in itertools.chain(*told) if word != "ready"]
    # Half a hundredth is forgiven between leaving the limiter and looking at the clock.
    assert busiest(left, 0.995) <= 5
    assert len(left) >= 10


HOLDER = """
    import fcntl, sys, time
    handle = open(sys.argv[1], "a+")
    fcntl.flock(handle, fcntl.LOCK_EX)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_process_killed_while_it_holds_the_lock_lets_go(clock, tmp_path):
    """The lock dies with its holder; nobody waits for the dead."""
    store = tmp_path / "rate.json"
    holder = start(HOLDER, str(store))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(timeout=10)
    holder.stdout.close()
    started = time.monotonic()
    limiter_of(5, clock, store).acquire()
    assert time.monotonic() - started < 5
