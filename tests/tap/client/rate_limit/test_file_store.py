"""The file in which processes share the rate limit: corrupt, lost, and used by real processes."""

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

from tap_activecampaign_unified.client.rate_limit.adaptive_budget import MARGIN
from tests.tap.client.clients import limiter_of

from .departures import busiest

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
    """A half-written file costs one window of waiting; it raises no error and permits no burst."""
    store = tmp_path / "rate.json"
    store.write_bytes(content)
    limiter = limiter_of(5, clock, store)
    limiter.acquire()
    assert clock.slept == [pytest.approx(MARGIN)]
    assert len(json.loads(store.read_text())["slots"]) >= 1


def test_with_an_empty_file_no_request_waits(clock, tmp_path):
    """With an empty file no request waits."""
    store = tmp_path / "rate.json"
    store.touch()
    limiter_of(5, clock, store).acquire()
    assert clock.slept == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e300"])
def test_impossible_moments_are_forgotten(clock, tmp_path, number):
    """A pause or slot that the clock cannot reach delays no request."""
    store = tmp_path / "rate.json"
    others = '"share": 1, "share_at": 0, "cut_at": 0'
    store.write_text(f'{{"slots": {{"a": {number}}}, "not_before": {number}, {others}}}')
    limiter_of(5, clock, store).acquire()
    assert clock.slept == []


@pytest.mark.parametrize("names_boots", [True, False])
@pytest.mark.parametrize("hours", [0, 0.1, 5])
def test_moments_of_another_start_delay_no_request(clock, tmp_path, names_boots, hours):
    """A pause or a spent window from before a restart of the machine delays no request.

    The limiter identifies a start by its id, or by its time on the wall clock where it has none.
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
def test_a_pause_of_this_start_delays_every_process(clock, tmp_path, names_boots):
    """A pause that another process recorded delays this process."""
    clock.names_boots = names_boots
    store = tmp_path / "rate.json"
    limiter_of(5, clock, store).refused(120)
    limiter_of(5, clock, store).acquire()
    assert sum(clock.slept) == pytest.approx(120)


def test_a_file_without_a_start_delays_no_request(clock, tmp_path):
    """A file of an earlier version, which names no start, delays no request."""
    store = tmp_path / "rate.json"
    moments = f'"not_before": {clock.monotonic() + 1200}, "share": 1, "share_at": 0, "cut_at": 0'
    store.write_text(f'{{"slots": {{}}, {moments}}}')
    limiter_of(5, clock, store).acquire()
    assert clock.slept == []


def test_a_long_wait_is_logged_with_its_reason(clock, tmp_path, caplog):
    """A wait of more than ten seconds is logged with its cause: a 429, or a spent budget."""
    store = tmp_path / "rate.json"
    first, other = limiter_of(5, clock, store), limiter_of(5, clock, store)
    with caplog.at_level(logging.WARNING):
        first.refused(9)
        first.acquire()
        assert caplog.messages == []
        first.refused(60)
        first.acquire()
        [line] = caplog.messages
        assert line.startswith("Waiting 60 s for the next request: ActiveCampaign refused")
        caplog.clear()
        other.refused(45)
        first.acquire()
        assert "another process that uses this account was asked to pause" in caplog.text
        caplog.clear()
        slow, again = limiter_of(0.01, clock, store), limiter_of(0.01, clock, store)
        slow.acquire()
        caplog.clear()
        again.acquire()
        assert "other requests to this account take up the rate limit" in caplog.text


def test_after_a_reboot_earlier_moments_delay_no_request(clock, tmp_path):
    """After a reboot, slots and pauses of the earlier uptime delay no request."""
    store = tmp_path / "rate.json"
    limiter = limiter_of(5, clock, store)
    for _ in range(5):
        limiter.acquire()
    limiter.refused(60)
    clock.reboot()
    limiter_of(5, clock, store).acquire()
    assert clock.monotonic() == 0


def test_no_pause_outlasts_ten_minutes(clock, tmp_path):
    """No pause lasts longer than ten minutes, whatever Retry-After says."""
    limiter = limiter_of(5, clock, tmp_path / "rate.json")
    limiter.refused(86_400)
    limiter.acquire()
    assert sum(clock.slept) <= 600


def test_only_the_owner_can_read_the_file(clock, tmp_path):
    """The file has mode 0600, its folder 0700."""
    store = tmp_path / "state" / "rate.json"
    limiter_of(5, clock, store).acquire()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700


def test_an_unusable_folder_is_a_warning_and_the_limit_still_holds(clock, tmp_path, caplog):
    """In an unusable folder the limiter logs one warning and limits this process alone."""
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
    """Where flock is refused, as on some network drives, the limiter limits this process alone."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    limiter_of(5, clock, tmp_path / "rate.json").acquire()
    assert "No locks available" in caplog.text


def test_a_full_disk_loses_the_sharing_but_not_the_count(clock, tmp_path, monkeypatch, caplog):
    """On a full disk the limiter still counts the requests that it read from the file before."""
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


def test_a_file_of_a_writer_that_was_killed_is_detected(clock, tmp_path, monkeypatch):
    """A file that a killed process left between writing and truncating is detected as corrupt."""
    store = tmp_path / "rate.json"
    limiter = limiter_of(5, clock, store)
    limiter.refused(1.0)
    for _ in range(5):
        limiter.acquire()
    clock.sleep(100.123456)
    monkeypatch.setattr(os, "ftruncate", lambda *_: None)
    limiter.acquire()  # a shorter text over a longer text, never cut
    monkeypatch.undo()
    with pytest.raises(ValueError, match="Extra data"):
        json.loads(store.read_text())


PROCESS = """
    import sys
    from pathlib import Path
    from tap_activecampaign_unified.client import Limiter, FileBudgetStore, SystemClock

    class Store(FileBudgetStore):
        def do(self, *operation):
            self.now, self.slot = super().do(*operation)
            return self.now, self.slot

    store = Store(SystemClock(), Path(sys.argv[1]))
    limiter = Limiter(5, SystemClock(), store)
    for _ in range(int(sys.argv[2])):
        limiter.acquire()
        print(store.slot, flush=True)
"""


def start(source: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a few lines of Python in their own process."""
    command = [sys.executable, "-c", textwrap.dedent(source), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.long
@pytest.mark.slow
def test_four_real_processes_keep_one_budget(tmp_path):
    """The budget gives four processes together at most five places in any rolling second."""
    running = [start(PROCESS, str(tmp_path / "rate.json"), "4") for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0].split() for process in running]
    places = [float(word) for word in itertools.chain(*outputs)]
    assert len(set(places)) == 16
    assert busiest(places) <= 5


HOLDER = """
    import fcntl, sys, time
    handle = open(sys.argv[1], "a+")
    fcntl.flock(handle, fcntl.LOCK_EX)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_killed_process_releases_the_lock(clock, tmp_path):
    """The lock of a killed process is released, so no other process waits for it."""
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
