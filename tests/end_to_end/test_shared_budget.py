"""The programs share an account's rate limit, on one machine and over several."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import redis

from tap_activecampaign_unified.client import parse_url
from tests.sandbox import Served, World, serve

from .program import KEY, Workspace, selecting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .program import Ended


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A small account that allows five requests a second."""
    with serve(World(contacts=120, api_key=KEY, requests_per_second=5)) as served:
        yield served


def read(workspace: Workspace, store: str) -> Ended:
    """Read the tags and segments with the budget kept in ``store``."""
    settings = {"requests_per_second": 5, "rate_limit_store": store}
    catalog = json.loads(workspace.call(workspace.arguments("--discover", **settings)).out)
    chosen = selecting(catalog, ["marketing_tags", "marketing_segments"])
    return workspace.run(
        catalog=chosen, run_report_path=str(workspace.folder / "report.json"), **settings
    )


def test_a_budget_in_redis_is_shared(workspace: Workspace, served: Served, redis_url: str) -> None:
    """Two runs share a budget in Redis, no request is refused, the report hides the address."""
    ended = read(workspace, redis_url)
    assert ended.code == 0
    assert ended.records("marketing_tags")
    account = parse_url(served.url).account
    assert redis.Redis.from_url(redis_url).exists(f"activecampaign:rate:{account}")
    assert redis_url not in (workspace.folder / "report.json").read_text()
    assert {entry.status for entry in served.world.log} == {200}
    assert served.world.busiest_second() <= 5


@pytest.mark.long  # At a fifth of the rate.
def test_without_redis_a_run_goes_on(workspace: Workspace, tmp_path: Path) -> None:
    """Without Redis a run logs one warning and succeeds."""
    ended = read(workspace, f"unix://{tmp_path}/nobody.sock")
    assert ended.code == 0
    assert ended.records("marketing_tags")
    assert ended.err.count("does not answer") == 1
