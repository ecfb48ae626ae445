"""Pagination by ascending id: the walk emits each row once, whatever the account changes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.client import (
    UnexpectedResponse,
    named_rows,
    total_of,
    walk_keyset,
    walk_offset,
)
from tests import length
from tests.tap.client.clients import (
    SEEDS,
    CollectionServer,
    ManualClock,
    client_of,
    response,
    side_by_side,
    world_of,
)

from .test_offset_walk import MOVES, TOTALS, Mover, sparse


def walked(server: CollectionServer, after: int = 0, seed: int | None = None) -> list[int]:
    """Return the ids in the order of the walk, with prefetching in some order."""
    client = client_of(server, ManualClock(), **side_by_side(seed))
    pages = walk_keyset(client, "things", "things", after=after)
    return [int(row["id"]) for page in pages for row in page.rows]


@given(sparse(), MOVES, TOTALS, st.sampled_from([100, 20, 37]), SEEDS)
@settings(max_examples=length.of(200, 2000))
def test_rows_that_stay_come_exactly_once_while_others_come_and_go(ids, moves, total, cap, seed):
    """A walk emits each lasting row once, even if hundreds of rows are added or deleted meanwhile.

    This holds for any prefetching.
    """
    mover = Mover(moves)
    server = CollectionServer(ids, before=mover, total=total, cap=cap)
    found = walked(server, seed=seed)
    assert found == sorted(set(found))
    assert set(ids) - mover.gone <= set(found)
    assert len(server.received) < 200


@given(sparse(), TOTALS, st.booleans(), st.booleans(), st.integers(0, 99), SEEDS)
def test_a_walk_detects_that_the_account_ignores_the_key_or_the_order(
    ids, total, by_key, by_order, seed, ahead
):
    """The walk falls back to offsets if the account ignores `id_greater` or `orders[id]`.

    It still emits every row.
    """

    def odd(row_id: int) -> float:
        return random.Random(row_id * 7919 + seed).random()

    server = CollectionServer(
        ids, by_key=by_key, total=total, order=(lambda row_id: row_id) if by_order else odd
    )
    found = walked(server, seed=ahead)
    assert sorted(found) == ids


@pytest.mark.parametrize("nameless", [1, 101, 150, 230])
def test_a_row_without_an_id_is_not_lost(nameless):
    """The walk yields a row without an id too, and every other row once."""

    class Nameless(CollectionServer):
        def send(self, request, **rest):
            answer = super().send(request, **rest)
            body = answer.json()
            for row in body["things"]:
                if row["id"] == str(nameless):
                    row["id"] = None
            return response(request, 200, body)

    server = Nameless(list(range(1, 231)))
    pages = walk_keyset(client_of(server, ManualClock()), "things", "things")
    found = [row["id"] for page in pages for row in page.rows]
    assert sorted(found, key=str) == sorted(
        [None, *(str(row_id) for row_id in range(1, 231) if row_id != nameless)], key=str
    )


@given(sparse(), st.integers(0, 2000), st.booleans(), st.booleans(), SEEDS)
def test_a_walk_goes_on_where_an_earlier_walk_stopped(ids, after, by_key, counts_all, seed):
    """A walk with `after` emits only rows with higher ids, even if the server ignores the key."""
    server = CollectionServer(ids, by_key=by_key)
    if counts_all:
        server.total = lambda _: len(ids)
    assert walked(server, after, seed) == [row_id for row_id in ids if row_id > after]


@pytest.mark.parametrize("total", [str, int, lambda _: None])
def test_a_server_that_caps_pages_at_twenty_is_walked(total):
    """The walk does not take a page that is shorter than requested for the last page."""
    assert walked(CollectionServer(list(range(1, 171)), cap=20, total=total)) == list(range(1, 171))


@pytest.mark.parametrize("seed", [None, 1, 2, 9])
@pytest.mark.parametrize("cap", [20, 25, 37])
@pytest.mark.parametrize("counts_all", [False, True])
def test_half_way_is_not_the_end(cap, counts_all, seed):
    """The walk does not stop at a capped page when as many rows remain as it has read."""
    for count in range(0, 10 * cap + 1, cap):
        server = CollectionServer(list(range(1, count + 1)), cap=cap)
        if counts_all:
            server.total = lambda _, count=count: count
        assert len(walked(server, seed=seed)) == count


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (7, 1), (100, 2), (150, 2), (1000, 11)])
def test_a_quiet_walk_costs_one_request_per_hundred_rows(count, requests):
    """A walk sends one request per 100 rows, and one more only after a full last page."""
    server = CollectionServer(list(range(1, count + 1)))
    walked(server)
    assert len(server.received) == requests


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("counts_all", [False, True])
@pytest.mark.parametrize(
    ("count", "requests"), [(0, 1), (7, 1), (100, 2), (150, 2), (1000, 11), (5000, 51)]
)
def test_reading_ahead_costs_a_request_in_a_hundred(count, requests, counts_all, seed):
    """Prefetching costs one request in a hundred, because consecutive pages share a row."""
    server = CollectionServer(list(range(1, count + 1)))
    if counts_all:
        server.total = lambda _: str(count)
    assert walked(server, seed=seed) == list(range(1, count + 1))
    assert requests <= len(server.received) <= requests + (count - 1) // 100 / 100 + 1


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("status", [200, 400, 404, 422, 500])
def test_a_server_that_ignores_offset_and_key_together_is_detected(seed, status):
    """A walk loses no row if the server honours either the key or the offset, but not both.

    The walk then reads one page at a time.
    """

    class OneAtATime(CollectionServer):
        def send(self, request, **rest):
            if "offset=" in request.url and status != 200:
                self.received.append({})
                return response(request, status, {"message": "one or the other"})
            request.url = request.url.replace("offset=", "was_offset=")
            return super().send(request, **rest)

    server = OneAtATime(list(range(1, 2001)))
    assert walked(server, seed=seed) == list(range(1, 2001))
    assert len(server.received) <= 21 + (12 if status != 500 else 100)


def test_a_server_that_counts_more_than_it_gives_is_asked_once_more():
    """If the server counts more rows than it returns, the walk sends exactly one more request."""
    server = CollectionServer(list(range(1, 51)), total=lambda _: "80")
    assert walked(server) == list(range(1, 51))
    assert len(server.received) == 3


def test_large_pages_that_fail_become_small_ones():
    """After large pages fail, the walk requests small pages, from the last row that it read."""
    assert walked(CollectionServer(list(range(1, 90)), most=7)) == list(range(1, 90))


def test_parameters_changed_between_pages_are_used_for_the_next():
    """The next page is requested with the parameters that the caller changed meanwhile."""
    server = CollectionServer(list(range(1, 151)))
    params = [("include", "tags")]
    for _ in walk_keyset(client_of(server, ManualClock()), "things", "things", params):
        params.clear()
    assert ["include" in query for query in server.received] == [True, False]


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("walk", [walk_keyset, walk_offset])
def test_a_caller_that_stops_causes_no_further_request(walk, seed):
    """A caller that stops after a page causes no further request."""
    server = CollectionServer(list(range(1, 500)))
    next(iter(walk(client_of(server, ManualClock(), **side_by_side(seed)), "things", "things")))
    assert len(server.received) == 1


@pytest.mark.parametrize("walk", [walk_keyset, walk_offset])
def test_a_page_has_sideloads_count_and_server_time(walk):
    """A page holds its rows, its sideloads, the server's count and the server's time."""
    clock = ManualClock()
    world = world_of(clock, contacts=5)
    params = [("include", "contactTags")]
    page = next(iter(walk(client_of(world, clock), "contacts", "contacts", params)))
    assert "contactTags" in page.body
    assert page.total == 5
    assert page.date == clock.now()
    assert page.limit == 100


@pytest.mark.parametrize("key", ["contacts", "nothing"])
def test_a_collection_that_is_missing_from_the_answer_is_empty(key):
    """An answer with a count of 0 and without the collection's key has no rows."""
    clock = ManualClock()
    world = world_of(clock, is_empty=True)
    for page in walk_offset(client_of(world, clock), "contacts", key):
        assert page.rows == []


@pytest.mark.parametrize("value", [None, "", {}])
def test_an_empty_value_that_is_no_array_is_not_an_empty_collection(value):
    """Rows under null or another empty value are unknown; a count of 0 means none."""
    for meta in ({}, {"total": "5"}):
        with pytest.raises(UnexpectedResponse, match="has no contacts: the rows are unknown"):
            named_rows({"contacts": value, "meta": meta}, "contacts", "contacts")
    assert named_rows({"contacts": value, "meta": {"total": "0"}}, "contacts", "contacts") == []


@pytest.mark.parametrize(
    ("meta", "total"),
    [
        ({"total": "14"}, 14),
        ({"total": 14}, 14),
        ({"total": None}, None),
        ({"total": "many"}, None),
        ({"total": []}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_total_comes_as_a_number_a_text_or_not_at_all(meta, total):
    """The client reads a total that is a number or text, and ignores any other value."""
    assert total_of({"meta": meta}) == total
    assert total_of({}) is None


@pytest.mark.parametrize("switch", ["missing", "string", "int", "wrong"])
@pytest.mark.parametrize("keyset", [True, False])
def test_the_sandboxs_contacts_come_once_whatever_the_total_says(switch, keyset):
    """Keyset and offset pagination emit the same contacts during an insert and a delete."""
    clock = ManualClock()
    world = world_of(clock, contacts=230, meta_total=switch)

    def move(own: object, method: str, path: str, query: object) -> None:
        if len(world.log) == 2:
            world.delete_contact(3)
            world.add_contact("new@lake.example")

    world.before_request(move)
    walk = walk_keyset if keyset else walk_offset
    rows = [
        row for page in walk(client_of(world, clock), "contacts", "contacts") for row in page.rows
    ]
    found = [int(row["id"]) for row in rows]
    assert len(found) == len(set(found))
    assert set(range(1, 231)) - {3} <= set(found)
    assert world.tables["contacts"].last_id in found
