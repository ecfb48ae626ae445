"""The target writes a row's list status, or gives the reason on every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import Run, TargetRunner

UNSUBSCRIBES = ["unsubscribe", "Opt-Out", "opted_out", "removed", 2, "2", 2.0, "UNSUBSCRIBED"]
SUBSCRIBES = ["active", "Subscribed", "subscribe", 1, "1", 1.0]
NULLS: list[Any] = [None, "", " ", "null"]
READ_ONLY = ["unconfirmed", "bounced", "Bounced"]
UNKNOWN: list[Any] = [0, "0", True, False, "yes", "inactive", "whatever", 3]
ACTIVE, UNSUBSCRIBED = 1, 2

pytestmark = pytest.mark.usefixtures("long_combinations")


def of_contact(email: str, status: Any) -> tuple[str, dict[str, Any]]:
    """A membership as part of a contact's row."""
    return "crm_contacts", {"email": email, "segments": [{"name": "News", "status": status}]}


def of_marketing(email: str, status: Any) -> tuple[str, dict[str, Any]]:
    """A membership in the column names of warehouses."""
    return "marketing_contacts", {"EMAIL": email, "Lists": [{"list": "News", "STATUS": status}]}


def of_pair(email: str, status: Any) -> tuple[str, dict[str, Any]]:
    """A membership as its own row."""
    row = {"email": email, "segment_name": "News", "status": status}
    return "marketing_segment_memberships", row


SHAPES = [of_contact, of_marketing, of_pair]


def world_of(runner: TargetRunner, count: int, before: int | None) -> tuple[Any, list[Any]]:
    """Create a list, and people with a given status on it."""
    news = runner.world.add_list("News")
    people = [runner.world.add_contact(f"p{n}@shop.example") for n in range(count)]
    for person in people:
        if before is not None:
            runner.world.subscribe(person.id, news.id, before)
    return news, people


def send(runner: TargetRunner, shape: Any, people: list[Any], status: Any, **more: Any) -> Run:
    """Send a row for each person."""
    rows = [shape(person.email, status) for person in people]
    return runner.send(rows[0][0], *(row | more for _, row in rows))


def statuses(runner: TargetRunner, news: Any, people: list[Any]) -> set[Any]:
    """Return the account's statuses of these people on the list."""
    found = [runner.world.membership(person.id, news.id) for person in people]
    return {None if membership is None else membership.status for membership in found}


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", UNSUBSCRIBES, ids=repr)
def test_every_word_for_an_opt_out_unsubscribes(
    runner: TargetRunner, shape: Any, status: Any, count: int
) -> None:
    """Each word for an opt-out unsubscribes, alone and by the importer.

    A second run does nothing.
    """
    news, people = world_of(runner, count, ACTIVE)
    assert set(send(runner, shape, people, status).actions) == {"updated"}
    assert statuses(runner, news, people) == {UNSUBSCRIBED}
    assert set(send(runner, shape, people, status).actions) == {"unchanged"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", SUBSCRIBES, ids=repr)
def test_every_word_for_a_subscription_subscribes(
    runner: TargetRunner, shape: Any, status: Any
) -> None:
    """Each word for a subscription subscribes, in any case, and so does ActiveCampaign's number."""
    news, people = world_of(runner, 1, None)
    assert send(runner, shape, people, status).actions == ["updated"]
    assert statuses(runner, news, people) == {ACTIVE}


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", NULLS, ids=repr)
def test_a_null_status_leaves_the_person_alone(
    runner: TargetRunner, shape: Any, status: Any, count: int
) -> None:
    """A null status, as a LEFT JOIN gives it, subscribes no contact; each run gives the reason."""
    news, people = world_of(runner, count, None)
    reasons = []
    for _ in range(3):
        run = send(runner, shape, people, status)
        assert "unchanged" not in run.actions
        reasons.append(run.reason())
    assert statuses(runner, news, people) == {None}
    assert "status" in reasons[0]
    assert len(set(reasons[1:])) == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", UNKNOWN, ids=repr)
def test_every_other_word_rejects_the_row(runner: TargetRunner, shape: Any, status: Any) -> None:
    """Any other word rejects the row on each run, with the column and the accepted words."""
    news, people = world_of(runner, 1, ACTIVE)
    for _ in range(2):
        run = send(runner, shape, people, status)
        assert run.actions == ["rejected"]
        assert "status" in run.reason()
        assert "unsubscribe" in run.reason()
        assert run.writes == []
    assert statuses(runner, news, people) == {ACTIVE}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", READ_ONLY, ids=repr)
def test_statuses_that_cannot_be_written_are_skipped(
    runner: TargetRunner, shape: Any, status: Any
) -> None:
    """`unconfirmed` and `bounced` are skipped with a reason on each run."""
    news, people = world_of(runner, 1, ACTIVE)
    runs = [send(runner, shape, people, status) for _ in range(2)]
    assert [run.actions for run in runs] == [["skipped"], ["skipped"]]
    assert runs[0].reason() == runs[1].reason() != ""
    assert statuses(runner, news, people) == {ACTIVE}


@pytest.mark.parametrize(
    "row",
    [
        {"segments": ["News"]},
        {"segments": [{"name": "News"}]},
        {"segments": [{"list": "News"}]},
        {"lists": "News"},
        {"list": "News"},
        {"lists": "{News}"},
        {"lists": "||News||"},
    ],
    ids=str,
)
def test_the_list_alone_subscribes(runner: TargetRunner, row: dict[str, Any]) -> None:
    """A row with a list and a person and nothing else subscribes."""
    news, people = world_of(runner, 1, None)
    assert runner.send("crm_contacts", {"email": people[0].email, **row}).actions == ["updated"]
    assert statuses(runner, news, people) == {ACTIVE}


@pytest.mark.parametrize(
    "fact", [{"unsubscribed_at": "2026-01-02"}, {"subscribed_at": None}, {"state": "gone"}], ids=str
)
def test_a_membership_without_a_status_subscribes_no_contact(
    runner: TargetRunner, fact: dict[str, Any]
) -> None:
    """A membership without a status, but with other columns, subscribes no contact."""
    news, people = world_of(runner, 1, None)
    for _ in range(2):
        row = {"email": people[0].email, "segments": [{"name": "News", **fact}]}
        run = runner.send("crm_contacts", row)
        assert "unchanged" not in run.actions
        assert "status" in run.reason()
        pair = {"email": people[0].email, "segment_name": "News", **fact}
        run = runner.send("marketing_segment_memberships", pair)
        assert run.actions == ["skipped"]
        assert "status" in run.reason()
    assert statuses(runner, news, people) == {None}


@pytest.mark.parametrize("name", ["_dlt_id", "_SDC_BATCHED_AT", "_fivetran_synced"])
def test_a_column_of_a_loader_is_no_fact_of_a_membership(runner: TargetRunner, name: str) -> None:
    """A membership without a status subscribes where only a loader added other columns."""
    news, people = world_of(runner, 1, None)
    pair = {"email": people[0].email, "segment_name": "News", name: "x1"}
    assert runner.send("marketing_segment_memberships", pair).actions == ["updated"]
    assert statuses(runner, news, people) == {ACTIVE}


@pytest.mark.parametrize("name", ["unsubscribed_at", "SUBSCRIBED_AT", "unsubscribedAt"])
@pytest.mark.parametrize("lists", ["News", [{"name": "News"}]], ids=repr)
def test_a_list_beside_dates_of_a_membership_subscribes_no_contact(
    runner: TargetRunner, lists: Any, name: str
) -> None:
    """A contact row with a list, dates of a membership and no status subscribes no contact."""
    news, people = world_of(runner, 1, None)
    row = {"email": people[0].email, "lists": lists, name: "2026-01-02"}
    for _ in range(2):
        run = runner.send("crm_contacts", row)
        assert "unchanged" not in run.actions
        assert run.reason().startswith("segments: the list is not changed, because")
    assert statuses(runner, news, people) == {None}
    row |= {"lists": [{"name": "News", "status": "active"}]}
    assert runner.send("crm_contacts", row).actions == ["updated"]
    assert statuses(runner, news, people) == {ACTIVE}


@pytest.mark.parametrize("word", ["unsubscribed", "bounced", *NULLS], ids=repr)
@pytest.mark.parametrize(
    "lists", ["News", ["News"], [{"name": "News"}], [{"list_name": "News"}]], ids=repr
)
def test_a_list_name_never_overrides_the_rows_own_status(
    runner: TargetRunner, word: Any, lists: Any
) -> None:
    """A list beside a status of `unsubscribed`, or a null status, subscribes no contact."""
    news, people = world_of(runner, 1, None)
    for stream in ("crm_contacts", "marketing_contacts"):
        row = {"email": people[0].email, "lists": lists, "status": word}
        run = runner.send(stream, row)
        assert run.reason().startswith("segments: the list is not changed, because")
        again = runner.send(stream, row)
        assert (again.actions, again.reason(), again.writes) == (["skipped"], run.reason(), [])
    assert statuses(runner, news, people) == {None}


@pytest.mark.parametrize("lists", ["News", [{"name": "News"}]], ids=repr)
def test_a_status_that_ends_beside_a_list_is_seen(runner: TargetRunner, lists: Any) -> None:
    """A row that subscribed a person and now says otherwise is not unchanged."""
    news, people = world_of(runner, 1, None)
    row = {"email": people[0].email, "lists": lists, "status": "active"}
    assert runner.send("crm_contacts", row).actions == ["updated"]
    assert statuses(runner, news, people) == {ACTIVE}
    run = runner.send("crm_contacts", row | {"status": "unsubscribed"})
    assert (run.actions, "no subscription" in run.reason()) == (["skipped"], True)


ANY_STATUS = st.sampled_from([*UNSUBSCRIBES, *SUBSCRIBES, *NULLS, *READ_ONLY, *UNKNOWN]) | st.text(
    max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    statuses_=st.lists(ANY_STATUS, min_size=1, max_size=12),
    shape=st.sampled_from(SHAPES),
    before=st.sampled_from([None, ACTIVE, UNSUBSCRIBED]),
    resubscribe=st.booleans(),
)
def test_a_row_whose_consent_was_not_written_is_never_unchanged(
    make_runner: Callable[..., TargetRunner],
    statuses_: list[Any],
    shape: Any,
    before: int | None,
    resubscribe: bool,
) -> None:
    """A row whose consent was not written is never `unchanged`, on any run.

    This holds for all words, shapes, sizes and states of the account.
    """
    runner = make_runner()
    ledger = str(runner.folder / f"{uuid4()}.sqlite")
    news, people = world_of(runner, len(statuses_), before)
    pairs = list(zip(people, statuses_, strict=True))
    rows = [shape(person.email, status) for person, status in pairs]
    reasons: list[list[str]] = []
    for _ in range(2):
        given_rows = [row for _, row in rows]
        run = runner.send(rows[0][0], *given_rows, resubscribe=resubscribe, ledger_path=ledger)
        reasons.append([run.reason(n) for n in range(1, len(rows) + 1)])
        for number, (person, status) in enumerate(pairs):
            found = runner.world.membership(person.id, news.id)
            now = None if found is None else found.status
            wanted = wanted_of(status)
            if wanted is None:
                assert now == before
            if run.actions[number] == "unchanged":
                assert wanted is not None
                assert now == wanted
            elif now != wanted:
                assert reasons[-1][number]


def wanted_of(status: Any) -> int | None:
    """Return the status that a word asks for."""
    for words, wanted in ((UNSUBSCRIBES, UNSUBSCRIBED), (SUBSCRIBES, ACTIVE)):
        if any(type(word) is type(status) and word == status for word in words):
            return wanted
    if isinstance(status, str):
        plain = status.strip().lower()
        return {"1": ACTIVE, "2": UNSUBSCRIBED}.get(plain)
    return None


@pytest.mark.parametrize("status", [*UNKNOWN, "opted-in"], ids=repr)
def test_an_unknown_status_beside_a_plain_list_rejects_the_row(
    runner: TargetRunner, status: Any
) -> None:
    """A contact row with a plain list and an unknown status creates and subscribes no one."""
    runner.world.add_list("News")
    row = {"email": "p@shop.example", "list": "News", "status": status}
    run = runner.send("marketing_contacts", row)
    assert run.actions == ["rejected"]
    assert run.writes == []
    assert run.reason().startswith("status: unknown status; use active, subscribe, subscribed, 1")


@pytest.mark.parametrize("status", ["customer", True], ids=repr)
def test_an_unknown_status_rejects_no_list_with_a_status_of_its_own(
    runner: TargetRunner, status: Any
) -> None:
    """The status of a contact row does not count for a list that has its own, or without a list."""
    runner.world.add_list("News")
    lists = {"segments": [{"name": "News", "status": "active"}], "status": status}
    rows = [{"email": "p@shop.example"} | lists, {"email": "q@shop.example", "status": status}]
    assert runner.send("crm_contacts", *rows).actions == ["created", "created"]
