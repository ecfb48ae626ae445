"""Pagination with a server that changes or fails between any two pages."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.client import ServerError, walk_keyset, walk_offset
from tests import length
from tests.tap.client.clients import (
    SEEDS,
    CollectionServer,
    ManualClock,
    client_of,
    response,
    side_by_side,
)
from tests.tap.client.pagination.test_offset_walk import MOVES, TOTALS, Mover, sparse

if TYPE_CHECKING:
    from collections.abc import Callable

HTML = b"<html><body>Just a moment</body></html>"
FAULTS: dict[str, Callable[[Any, bytes], requests.Response]] = {
    "throttled": lambda request, _: response(request, 429, b"", {"Retry-After": "2"}),
    "throttled without a word": lambda request, _: response(request, 429, HTML),
    "busy": lambda request, _: response(request, 503, HTML, {"Retry-After": "1"}),
    "bad gateway": lambda request, _: response(request, 502, HTML),
    "late at the edge": lambda request, _: response(request, 524, HTML),
    "forbidden for once": lambda request, _: response(
        request, 403, {"message": "PermissionDenied"}
    ),
    "nothing": lambda request, _: response(request, 200, b""),
    "half": lambda request, page: response(request, 200, page[: len(page) // 2]),
    "a page for people": lambda request, _: response(request, 200, HTML),
    "a list": lambda request, _: response(request, 200, b"[]"),
}
BREAKS = {
    "reset": requests.ConnectionError("reset by peer"),
    "late": requests.ReadTimeout("too late"),
    "broken off": requests.exceptions.ChunkedEncodingError("amid"),
    "refused": requests.ConnectionError("NewConnectionError: Connection refused"),
}
KINDS = st.sampled_from([*FAULTS, *BREAKS])
# First request, number of requests, and fault.
TROUBLES = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3), KINDS), max_size=5)


class Troubled(CollectionServer):
    """A collection whose server fails at some requests."""

    def __init__(self, ids: list[int], troubles: list[tuple[int, int, str]], **ways: Any) -> None:
        """Store the faults by request number."""
        super().__init__(ids, **ways)
        self.troubles = {at + more: kind for at, count, kind in troubles for more in range(count)}
        self.number = 0

    def send(self, request: requests.PreparedRequest, **rest: Any) -> requests.Response:
        """Answer with a page or with the fault of this request."""
        kind = self.troubles.get(self.number)
        self.number += 1
        if kind in BREAKS:
            event(kind)
            raise BREAKS[kind]
        is_a_page = "/things" in str(request.url)
        answer = super().send(request, **rest) if is_a_page else response(request)
        if kind is None:
            return answer
        event(kind)
        return FAULTS[kind](request, answer.raw.read())


def order_of(seed: int | None) -> Callable[[int], Any]:
    """Return a constant order: by id, or any other."""
    if seed is None:
        return lambda row_id: row_id
    return lambda row_id: random.Random(row_id * 7919 + seed).random()


@pytest.mark.parametrize("walk", [walk_keyset, walk_offset])
@settings(
    max_examples=length.of(50, 10_000),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    ids=sparse(),
    moves=MOVES,
    troubles=TROUBLES,
    total=TOTALS,
    cap=st.sampled_from([100, 20, 37]),
    most=st.sampled_from([None, None, 50, 7]),
    by_key=st.booleans(),
    order=st.none() | st.integers(0, 99),
    ahead=SEEDS,
)
def test_lasting_rows_are_emitted_once_whatever_the_server_does(
    walk: Any,
    ids: list[int],
    moves: Any,
    troubles: list[tuple[int, int, str]],
    total: Any,
    cap: int,
    most: int | None,
    by_key: bool,
    order: int | None,
    ahead: int | None,
) -> None:
    """A walk emits each lasting row once and ends, whatever the server does.

    Rows are added and deleted between pages. The server refuses, breaks off, answers half, nothing
    or HTML, counts wrongly, ignores key or order, caps pages, or fails for large pages. Pages are
    prefetched in any order.
    """
    mover = Mover(moves)
    server = Troubled(
        ids,
        troubles,
        before=mover,
        total=total,
        cap=cap,
        most=most,
        by_key=by_key,
        order=order_of(order),
    )
    client = client_of(server, ManualClock(), **side_by_side(ahead))
    found = [int(row["id"]) for page in walk(client, "things", "things") for row in page.rows]
    assert len(found) == len(set(found))
    assert set(ids) - mover.gone <= set(found)
    assert len(server.received) < 1000


@pytest.mark.parametrize("walk", [walk_keyset, walk_offset])
@pytest.mark.parametrize("kind", [*FAULTS, *BREAKS])
@settings(max_examples=length.of(3, 100))
@given(ids=sparse(), at=st.integers(0, 3), ahead=SEEDS)
def test_trouble_that_does_not_end_is_an_error_and_no_end(
    walk: Any, kind: str, ids: list[int], at: int, ahead: int | None
) -> None:
    """A server that fails for good raises an error and never looks like the end of a collection."""
    server = Troubled(ids, [(at, 10_000, kind)])
    client = client_of(server, ManualClock(), max_retry_seconds=30, **side_by_side(ahead))
    found: list[int] = []
    problem = None
    try:
        for page in walk(client, "things", "things"):
            found += [int(row["id"]) for row in page.rows]
    except Exception as error:  # noqa: BLE001 - the type is checked below
        problem = error
    if problem is None:
        assert found == sorted(ids)
        assert server.number <= at
        return
    assert isinstance(problem, ServerError) or type(problem).__name__ in {
        "ConnectionFailed",
        "AuthenticationError",
    }
