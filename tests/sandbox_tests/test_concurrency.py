"""Many concurrent callers share one account and one limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import requests

from tests.sandbox import FakeClock, World, serve

KEY = {"Api-Token": "sandbox-key"}


def test_parallel_upserts_of_one_address_make_one_contact():
    """Concurrent upserts of one address create one contact."""
    world = World(1, requests_per_second=0)
    with serve(world) as served, ThreadPoolExecutor(8) as pool:

        def sync(_):
            body = {"contact": {"email": "a@x.example"}}
            url = f"{served.url}/api/3/contact/sync"
            return requests.post(url, json=body, headers=KEY, timeout=10).status_code

        statuses = list(pool.map(sync, range(24)))
    assert sorted(statuses) == [200] * 23 + [201]
    assert len(world.tables["contacts"]) == 1


def test_parallel_callers_share_one_budget():
    """Of twenty requests at one instant exactly five are answered."""
    world = World(1, clock=FakeClock())
    with serve(world) as served, ThreadPoolExecutor(8) as pool:

        def ask(_):
            url = f"{served.url}/api/3/users/me"
            return requests.get(url, headers=KEY, timeout=10).status_code

        statuses = list(pool.map(ask, range(20)))
    assert sorted(statuses) == [200] * 5 + [429] * 15
    assert world.busiest_second() == 20
