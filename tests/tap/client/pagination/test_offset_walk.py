"""Pagination by offset: the walk emits each lasting row exactly once."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.client import (
    ServerError,
    UnexpectedResponse,
    walk_keyset,
    walk_offset,
)
from tests import length
from tests.tap.client.clients import (
    SEEDS,
    CollectionServer,
    ManualClock,
    Script,
    client_of,
    side_by_side,
)


def walked(server: CollectionServer, seed: int | None = None, **ways: object) -> list[int]:
    """Return the ids in the order of the walk, with prefetching in some order."""
    client = client_of(server, ManualClock(), **side_by_side(seed))
    pages = walk_offset(client, "things", "things", **ways)  # type: ignore[arg-type]  # any way
    return [int(row["id"]) for page in pages for row in page.rows]


def sparse(most: int = 450) -> st.SearchStrategy[list[int]]:
    """Return ascending ids with gaps, some more than a few pages."""
    return st.builds(
        lambda count, seed: sorted(random.Random(seed).sample(range(1, 4 * most), count)),
        st.integers(0, most),
        st.integers(0, 1000),
    )


class Mover:
    """Deletes rows and adds others between requests, as often as it is configured to."""

    def __init__(self, moves: list[tuple[int, int, int, int]]) -> None:
        self.moves = {at: (deletes, new, seed) for at, deletes, new, seed in moves}
        self.inserted = 10_000
        self.gone: set[int] = set()

    def __call__(self, server: CollectionServer, count: int) -> None:
        deletes, new, seed = self.moves.get(count, (0, 0, 0))
        dice = random.Random(seed)
        taken = set(sorted(server.ids)[:deletes]) if seed % 3 == 0 else set()
        if deletes and not taken:
            taken = set(dice.sample(server.ids, min(deletes, len(server.ids))))
        self.gone |= taken
        server.ids = [row_id for row_id in server.ids if row_id not in taken]
        server.ids += range(self.inserted, self.inserted + new)
        self.inserted += new


MOVES = st.lists(
    st.tuples(st.integers(1, 14), st.integers(0, 300), st.integers(0, 150), st.integers(0, 99)),
    max_size=6,
)
TOTALS = st.sampled_from([str, int, lambda _: None, lambda _: "many"])


@given(sparse(), MOVES, TOTALS, st.sampled_from([100, 20, 37]), SEEDS)
@settings(max_examples=length.of(200, 2000))
def test_rows_that_stay_come_exactly_once_while_others_come_and_go(ids, moves, total, cap, ahead):
    """A walk by ascending id emits each lasting row once while hundreds are added or deleted."""
    mover = Mover(moves)
    server = CollectionServer(ids, before=mover, total=total, cap=cap)
    found = walked(server, ahead)
    assert len(found) == len(set(found))
    assert set(ids) - mover.gone <= set(found)
    assert len(server.received) < 400


@given(sparse(), st.integers(0, 1000), TOTALS, st.sampled_from([100, 20, 37]), SEEDS)
def test_a_walk_accepts_any_order_that_does_not_change(ids, seed, total, cap, ahead):
    """A walk needs no order by id, only the same order on every page."""
    server = CollectionServer(
        ids, order=lambda row_id: random.Random(row_id * 7919 + seed).random(), total=total, cap=cap
    )
    found = walked(server, ahead)
    assert sorted(found) == ids


@given(sparse(), MOVES, st.integers(0, 1000), TOTALS, SEEDS)
@settings(max_examples=length.of(200, 2000))
def test_in_an_odd_order_too_rows_that_stay_come_once(ids, moves, seed, total, ahead):
    """A walk in another order than by id reads a collection again until it stops changing."""
    mover = Mover(moves)
    server = CollectionServer(
        ids,
        order=lambda row_id: random.Random(row_id * 7919 + seed).random(),
        before=mover,
        total=total,
    )
    found = walked(server, ahead)
    assert len(found) == len(set(found))
    assert set(ids) - mover.gone <= set(found)
    assert len(server.received) < 400


@given(sparse(250), st.integers(0, 1000), SEEDS)
def test_an_order_that_drifts_is_read_until_all_came(ids, seed, ahead):
    """A walk emits every row if the order near page borders differs from request to request."""
    server = CollectionServer(ids)

    def drift(own: CollectionServer, count: int) -> None:
        dice = random.Random(seed + count)
        moved = {row_id: dice.random() * 12 for row_id in own.ids}
        own.order = lambda row_id: row_id + moved[row_id]

    server.before = drift
    found = walked(server, ahead)
    assert len(found) == len(set(found))
    assert len(found) >= 0.99 * len(ids)
    assert len(server.received) < 60


@given(sparse(), st.integers(0, 400), TOTALS, SEEDS)
def test_a_total_that_is_wrong_loses_nothing(ids, wrong, total, ahead):
    """The walk emits all rows if the server's count is too small, too large or unreadable."""
    found = walked(CollectionServer(ids, total=lambda _: total(wrong)), ahead)
    assert found == ids


@given(sparse(), st.floats(0, 0.2), st.integers(0, 99), TOTALS, SEEDS)
def test_rows_withheld_from_pages_do_not_end_the_walk(ids, share, seed, total, ahead):
    """The walk goes on if a page lacks rows that its offset counts, the shared row included."""
    dice = random.Random(seed)
    withheld = {row_id for row_id in ids if dice.random() < share}
    server = CollectionServer(ids, withheld=withheld, total=total)
    assert set(walked(server, ahead)) == set(ids) - withheld
    assert len(server.received) < 100


def test_an_empty_page_in_the_middle_is_not_the_end():
    """The walk goes on after an empty page while the server counts more rows."""
    ids = list(range(1, 401))
    server = CollectionServer(ids, withheld=set(range(150, 270)))
    assert walked(server) == [row_id for row_id in ids if not 150 <= row_id < 270]


def test_without_a_total_all_thousand_rows_come():
    """A walk without `meta.total` emits all 1,000 rows; the peer's defect D1 stops at 200."""
    assert walked(CollectionServer(list(range(1, 1001)), total=lambda _: None)) == list(
        range(1, 1001)
    )


def test_five_rows_deleted_meanwhile_cost_no_other():
    """A delete of rows 101 to 105 during the walk loses no other row.

    The peer's defect D2 loses 5.
    """
    mover = Mover([(1, 5, 0, 0)])
    found = walked(CollectionServer(list(range(1, 301)), before=mover))
    assert found == list(range(1, 301))


@pytest.mark.parametrize("total", [str, lambda _: None])
def test_a_deletion_of_more_than_what_was_read_is_noticed(total):
    """The walk does not stop at an empty page if deletes moved the remaining rows forward."""
    mover = Mover([(1, 100, 0, 0)])
    assert walked(CollectionServer(list(range(1, 151)), before=mover, total=total)) == list(
        range(1, 151)
    )


@pytest.mark.parametrize("total", [str, lambda _: None])
def test_hundreds_of_rows_deleted_at_once_are_walked_back_over(total):
    """After hundreds of deletes, the walk steps back several pages to a row that it knows."""
    mover = Mover([(6, 450, 0, 0)])
    found = walked(CollectionServer(list(range(1, 1001)), before=mover, total=total))
    assert sorted(found) == list(range(1, 1001))


def test_a_server_that_caps_pages_at_twenty_is_walked():
    """The walk does not take a page that is shorter than requested for the last page."""
    assert walked(CollectionServer(list(range(1, 171)), cap=20)) == list(range(1, 171))


@pytest.mark.parametrize("ahead", [None, 1, 5, 10])
@pytest.mark.parametrize(
    ("count", "requests"), [(0, 1), (1, 1), (99, 1), (100, 2), (150, 2), (1000, 11), (5000, 51)]
)
def test_a_quiet_collection_costs_no_request_too_many(count, requests, ahead):
    """A walk sends one request per 99 rows, and one more only after a full last page."""
    server = CollectionServer(list(range(1, count + 1)))
    walked(server, ahead)
    assert len(server.received) == requests


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 2), (19, 2), (20, 2), (150, 3)])
def test_without_a_total_the_walk_sends_one_more_request(count, requests):
    """Without a total, a walk sends one request more than with a total."""
    server = CollectionServer(list(range(1, count + 1)), total=lambda _: None)
    walked(server)
    assert len(server.received) == requests


@pytest.mark.parametrize("ahead", [1, 5, 10])
def test_without_a_total_few_prefetched_pages_are_empty(ahead):
    """Without a total, at most a tenth of the requested pages are prefetched in vain."""
    server = CollectionServer(list(range(1, 5001)), total=lambda _: None)
    assert len(walked(server, ahead)) == 5000
    assert len(server.received) <= 52 + 5


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (19, 1), (20, 2), (21, 1)])
def test_a_lean_walk_sends_no_last_request(count, requests):
    """A lean walk sends no last request, unless the page looks capped."""
    server = CollectionServer(list(range(1, count + 1)), total=lambda _: None)
    assert len(walked(server, lean=True)) == count
    assert len(server.received) == requests


def test_a_lean_walk_reads_past_a_cap():
    """A lean walk emits all 70 rows of a server that caps pages at 20 and reports no total."""
    server = CollectionServer(list(range(1, 71)), total=lambda _: None, cap=20)
    assert walked(server, lean=True) == list(range(1, 71))


def test_a_server_that_cannot_deliver_large_pages_is_asked_for_small_ones():
    """The walk requests smaller pages after large pages fail."""
    server = CollectionServer(list(range(1, 61)), most=10)
    assert walked(server) == list(range(1, 61))
    assert min(int(query["limit"]) for query in server.received) >= 1


@pytest.mark.parametrize("total", [str, lambda _: None])
def test_pages_of_one_row_are_verified_by_count_or_second_pass(total):
    """Pages of one row cannot overlap, so the walk verifies them by count or by a second pass."""
    server = CollectionServer(list(range(1, 31)), most=1, total=total)
    assert walked(server) == list(range(1, 31))


@pytest.mark.parametrize(
    "total", [str, lambda _: None, lambda _: 150], ids=["counted", "uncounted", "miscounted"]
)
@pytest.mark.parametrize("trouble", range(1, 9))
def test_a_page_that_shrinks_to_the_overlap_is_not_the_end(total, trouble):
    """The walk goes on if a page of one row holds only the row that it already knows."""
    server = CollectionServer(list(range(1, 401)), total=total)

    def fail(own: CollectionServer, count: int) -> None:
        own.most = 1 if trouble <= count < trouble + 60 else None

    server.before = fail
    assert walked(server) == list(range(1, 401))


@pytest.mark.parametrize("total", [str, lambda count: count + 50], ids=["counted", "miscounted"])
@pytest.mark.parametrize("cap", [20, 100])
def test_a_walk_that_steps_back_skips_no_row(cap, total):
    """A walk that stepped back because a row appeared and vanished skips no row afterwards."""
    server = CollectionServer(list(range(2, 802, 2)), cap=cap, total=total)
    at = 3 * (cap - 1)

    def show(own: CollectionServer, count: int) -> None:
        own.ids = [row_id for row_id in own.ids if row_id % 2 == 0]
        own.ids += [own.ids[at] - 1] if count == 3 else []

    server.before = show
    assert [row_id for row_id in walked(server) if row_id % 2 == 0] == list(range(2, 802, 2))


def test_pages_grow_again_after_an_outage():
    """After a short outage the page size grows again."""
    server = CollectionServer(list(range(1, 3001)), most=30)

    def recover(own: CollectionServer, count: int) -> None:
        own.most = 30 if count < 40 else None

    server.before = recover
    assert walked(server) == list(range(1, 3001))
    limits = [int(query["limit"]) for query in server.received]
    assert min(limits) < 30
    assert limits[-1] == 100


def test_a_server_that_delivers_nothing_is_given_up():
    """A walk fails once a page of one row fails for the whole retry time."""
    with pytest.raises(ServerError):
        walked(CollectionServer([1, 2, 3], most=0))


def test_an_order_asked_for_is_not_replaced():
    """The walk adds `orders[id]` only if the caller gave no order."""
    client = client_of(server := CollectionServer([1, 2]), ManualClock())
    list(walk_offset(client, "things", "things", [("orders[cdate]", "ASC")]))
    list(walk_offset(client, "things", "things"))
    assert [("orders[cdate]" in query, "orders[id]" in query) for query in server.received] == [
        (True, False),
        (False, True),
    ]


def test_never_more_than_a_hundred_rows_are_asked_for():
    """The walk requests at most 100 rows, because accounts reject or cap larger limits."""
    walked(server := CollectionServer(list(range(1, 500))))
    assert {int(query["limit"]) for query in server.received} == {100}


@pytest.mark.parametrize("walk", [walk_offset, walk_keyset])
@pytest.mark.parametrize("rows", ['{"0": {"id": "1"}}', '["1", null]', '"1"', "7"])
def test_rows_that_are_no_array_of_objects_end_the_walk(walk: Any, rows: str) -> None:
    """A walk that takes such rows for no rows would move the bookmark past them."""
    client = client_of(
        Script((200, f'{{"things": {rows}, "meta": {{"total": "1"}}}}'.encode())), ManualClock()
    )
    with pytest.raises(UnexpectedResponse, match="things of the response is no array of objects"):
        list(walk(client, "things", "things"))


@pytest.mark.parametrize("rows", ["[]", "{}", "null"])
def test_an_empty_collection_may_have_any_shape(rows: str) -> None:
    """PHP writes an empty array and an empty object alike."""
    client = client_of(
        Script((200, f'{{"things": {rows}, "meta": {{"total": 0}}}}'.encode())), ManualClock()
    )
    assert [page.rows for page in walk_offset(client, "things", "things")] == [[]]
