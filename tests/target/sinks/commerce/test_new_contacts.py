"""Contacts that orders and subscriptions create: consent, limits and control group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.holdout import position_of
from tests.sandbox.custom_objects import acts
from tests.sandbox.ecommerce import store
from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

ORDERS, LINES, SUBSCRIPTIONS = "commerce_orders", "commerce_order_lines", "commerce_subscriptions"
LEFT_OUT = "accepts_marketing: left out, the person {}; sent only with resubscribe"
PERCENT = 40
ACCOUNT = ("GET", "settings/account")


@pytest.fixture(autouse=True)
def _shop(runner: TargetRunner) -> None:
    runner.world.switches.ecommerce = "served"
    store.add_connection(runner.world, "own", "shop-1", "Shop")


def orders(count: int, first: int = 0, **columns: Any) -> list[dict[str, Any]]:
    """Return one order each of so many people."""
    return [
        {
            "store_id": "1",
            "store_order_id": f"n-{n}",
            "contact": {"email": f"p{n}@shop.example"},
            "currency": "EUR",
            "total_amount": 5,
            "store_created_at": "2030-05-01T10:00:00+00:00",
        }
        | columns
        for n in range(first, first + count)
    ]


def subscriptions(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Return one subscription each of so many people."""
    return [
        {"store_id": "1", "store_subscription_id": f"s-{n}", "contact__email": f"p{n}@shop.example"}
        for n in range(first, first + count)
    ]


def people(runner: TargetRunner) -> set[str]:
    """Return the addresses of the store's customers."""
    return {row.email for row in runner.world.tables["contacts"] if row.email[:1] == "p"}


def written(runner: TargetRunner, table: str = "storeOrders") -> set[str]:
    """Return the store's own ids of the written rows."""
    runner.world.settle(at_once=True)
    return {row.key for row in runner.world.tables[table]}


def set_free_contacts(runner: TargetRunner, free: int) -> None:
    """Set the contact limit so that so many more contacts fit."""
    runner.world.contact_limit = len(runner.world.tables["contacts"]) + free


def sell_list(runner: TargetRunner) -> int:
    """Create a list to which the store subscribes people who accept marketing."""
    found = runner.world.add_list("Shoppers").id
    runner.world.tables["connections"][1].listId = found
    return int(found)


def status_of(runner: TargetRunner, email: str, list_id: int) -> int | None:
    """Return the status of a person on a list."""
    person = runner.world.find_contact(email)
    row = runner.world.membership(person.id, list_id) if person else None
    return row.status if row else None


# --- consent ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("long_combinations")
@pytest.mark.parametrize(("status", "word"), [(2, "unsubscribed"), (3, "bounced")])
@pytest.mark.parametrize("count", [1, 60])
def test_an_order_subscribes_no_contact_who_opted_out(
    runner: TargetRunner, status: int, word: str, count: int
) -> None:
    """An opted-out contact's order is sent without `accepts_marketing`, each time with a reason.

    New contacts, and contacts who never opted out, are subscribed as the store's settings say.
    """
    list_id = sell_list(runner)
    runner.world.subscribe(runner.world.add_contact("P0@shop.example").id, list_id, status)
    rows = orders(count, accepts_marketing=True)
    for action in ("created", "skipped", "skipped"):
        run = runner.send(ORDERS, *rows)
        assert run.code == 0
        assert run.reason() == LEFT_OUT.format(word)
        assert run.actions[0] == action
        assert status_of(runner, "p0@shop.example", list_id) == status
    assert set(run.actions[1:]) <= {"unchanged"}
    assert [status_of(runner, f"p{n}@shop.example", list_id) for n in range(1, count)] == [1] * (
        count - 1
    )
    document = next(iter(runner.world.tables["storeOrders"])).document
    assert "acceptsMarketing" not in document


@pytest.mark.usefixtures("long_combinations")
def test_resubscribe_lets_orders_subscribe(runner: TargetRunner) -> None:
    """With resubscribe an order subscribes a contact who opted out."""
    list_id = sell_list(runner)
    runner.world.subscribe(runner.world.add_contact("p0@shop.example").id, list_id, 2)
    run = runner.send(ORDERS, *orders(1, accepts_marketing=True), resubscribe=True)
    assert (run.actions, run.reason()) == (["created"], "")
    assert status_of(runner, "p0@shop.example", list_id) == 1


@pytest.mark.usefixtures("long_combinations")
def test_a_later_change_of_an_order_subscribes_no_contact_again(runner: TargetRunner) -> None:
    """A changed order is sent without `accepts_marketing` once the contact opted out."""
    list_id = sell_list(runner)
    runner.send(ORDERS, *orders(1, accepts_marketing=True, status="pending"))
    person = runner.world.find_contact("p0@shop.example")
    assert person is not None
    runner.world.subscribe(person.id, list_id, 2)
    runner.clock.sleep(600)
    partial = {"store_id": "1", "store_order_id": "n-0", "status": "completed"}
    lines = {"store_id": "1", "store_order_id": "n-0", "store_line_id": "l-1", "name": "Mug"}
    assert runner.send(ORDERS, partial).actions == ["updated"]
    assert runner.send(LINES, lines).actions == ["updated"]
    assert status_of(runner, "p0@shop.example", list_id) == 2


def test_consent_costs_nothing_where_no_list_is_concerned(runner: TargetRunner) -> None:
    """A store without a list costs no request; with a list it costs its opt-outs once a run."""
    quiet = runner.send(ORDERS, *orders(120, accepts_marketing=True))
    assert not [path for _, path in quiet.requests if path.startswith("contacts")]
    list_id = sell_list(runner)
    for number in range(30):
        person = runner.world.find_contact(f"p{number}@shop.example")
        assert person is not None
        runner.world.subscribe(person.id, list_id, 2)
    changed = orders(120, accepts_marketing=True, total_amount=6)
    runner.batch_rows = 50
    run = runner.send(ORDERS, *changed)
    assert sum(LEFT_OUT.format("unsubscribed") in run.reason(n + 1) for n in range(30)) == 30
    walks = [path for _, path in run.requests if path == "contacts"]
    # One page of opt-outs and one of bounced contacts; one lookup and one read per opt-out.
    assert len(walks) <= 2 + 30
    assert sum("contactLists" in path for _, path in run.requests) == 30


def test_an_account_that_hides_the_shops_list_is_asked_about_every_list(
    runner: TargetRunner,
) -> None:
    """If connections have no column of a list, an opt-out of any list counts."""
    list_id = runner.world.add_list("Readers").id
    runner.world.subscribe(runner.world.add_contact("p0@shop.example").id, list_id, 2)

    def hide(body: dict[str, Any]) -> None:
        for row in body.get("connections", ()):
            row.pop("listId", None)

    runner.world.faults.rewrite("/connections", hide)
    run = runner.send(ORDERS, *orders(2, accepts_marketing=True))
    assert run.reason() == LEFT_OUT.format("unsubscribed")
    assert run.reason(2) == ""


@pytest.mark.usefixtures("long_combinations")
def test_without_automations_an_order_subscribes_no_contact(runner: TargetRunner) -> None:
    """With `run_automations: false` no order subscribes: a subscription can start automations."""
    list_id = sell_list(runner)
    rows = orders(2, accepts_marketing=True)
    run = runner.send(ORDERS, *rows, run_automations=False)
    assert run.actions == ["created"] * 2
    assert "run_automations is false" in run.reason()
    assert status_of(runner, "p0@shop.example", list_id) is None
    again = runner.send(ORDERS, *rows, run_automations=False)
    assert (again.actions, again.writes) == (["skipped"] * 2, [])
    assert runner.send(ORDERS, *rows).actions == ["updated"] * 2
    assert status_of(runner, "p0@shop.example", list_id) == 1


# --- the contact limit --------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [ORDERS, SUBSCRIPTIONS])
@pytest.mark.parametrize("count", [4, 70])
def test_new_people_beyond_the_limit_are_held_with_their_orders(
    runner: TargetRunner, stream: str, count: int
) -> None:
    """Of so many new contacts all but two are created; two wait for a run in which they fit."""
    make, table = (
        (orders, "storeOrders") if stream == ORDERS else (subscriptions, "storeRecurringPayments")
    )
    set_free_contacts(runner, count - 2)
    run = runner.send(stream, *make(count))
    assert (run.code, run.states) == (1, [])
    assert [run.actions.count(action) for action in ("created", "skipped")] == [count - 2, 2]
    assert run.reason(count).startswith("respect_contact_limit")
    assert len(written(runner, table)) == count - 2
    assert run.requests.count(ACCOUNT) <= 3
    set_free_contacts(runner, 2)
    later = runner.send(stream, *make(count))
    assert (later.code, len(later.states)) == (0, 1)
    assert later.actions == ["unchanged"] * (count - 2) + ["created"] * 2
    assert len(written(runner, table)) == count


def test_orders_of_known_people_fit_in_a_full_account(runner: TargetRunner) -> None:
    """An order of a known address, in any case, creates no contact."""
    for number in range(30):
        runner.world.add_contact(f"P{number}@SHOP.example")
    set_free_contacts(runner, 0)
    run = runner.send(ORDERS, *orders(31))
    assert run.actions == ["created"] * 30 + ["skipped"]
    set_free_contacts(runner, 0)
    changed = runner.send(ORDERS, *orders(30, total_amount=9))
    assert set(changed.actions) == {"updated"}
    assert ACCOUNT not in changed.requests


def test_several_orders_of_one_person_are_one_contact(runner: TargetRunner) -> None:
    """The limit counts contacts, not orders, over all batches."""
    runner.batch_rows = 10
    set_free_contacts(runner, 1)
    rows = [row | {"contact": {"email": "p1@shop.example"}} for row in orders(40)]
    run = runner.send(ORDERS, *rows)
    assert set(run.actions) == {"created"}
    assert people(runner) == {"p1@shop.example"}


def test_the_limit_can_be_left_to_activecampaign_for_orders_too(runner: TargetRunner) -> None:
    """With `respect_contact_limit: false` orders do not read the limit."""
    set_free_contacts(runner, 0)
    run = runner.send(ORDERS, *orders(3), respect_contact_limit=False)
    assert (run.code, set(run.actions)) == (0, {"created"})
    assert ACCOUNT not in run.requests


def test_a_dry_run_counts_the_contacts_of_orders_once(runner: TargetRunner) -> None:
    """A dry run counts a person of a contact row, two orders and a subscription once."""
    runner.world.add_contact("p3@shop.example")
    set_free_contacts(runner, 4)
    run = runner.run(
        *stream_of("crm_contacts", {"email": "p0@shop.example"}),
        *stream_of(ORDERS, *orders(6), *orders(2, store_id=1, store_order_id="more")),
        *stream_of(SUBSCRIPTIONS, *subscriptions(6)),
        state_of(1),
        dry_run=True,
    )
    assert run.report["plan"]["contacts"] == {"created": 5, "room": 4}
    assert written(runner) == set()


def test_a_refusal_of_an_order_for_the_limit_holds_it(runner: TargetRunner) -> None:
    """If ActiveCampaign refuses an order for the limit, its row is held, not rejected."""
    runner.world.switches.over_limit = "refused"
    set_free_contacts(runner, 1)
    runner.world.add_contact("p0@shop.example")
    run = runner.send(ORDERS, *orders(3), respect_contact_limit=False)
    assert (run.code, run.actions) == (1, ["created", "skipped", "skipped"])
    assert "for the account's contact limit" in run.reason(2)


def test_lines_of_an_order_that_is_held_are_held_too(runner: TargetRunner) -> None:
    """Lines of a held order are held, before or after it in the input."""
    set_free_contacts(runner, 0)
    lines = [
        {"store_id": "1", "store_order_id": f"n-{n}", "store_line_id": "l-1", "name": "Mug"}
        for n in range(2)
    ]
    messages = [
        *stream_of(LINES, lines[0]),
        *stream_of(ORDERS, *orders(2)),
        *stream_of(LINES, lines[1]),
        state_of(1),
    ]
    runner.batch_rows = 1
    run = runner.run(*messages)
    assert (run.code, run.states) == (1, [])
    assert run.actions == ["skipped"] * 4
    assert all("respect_contact_limit" in run.reason(n) for n in (1, 4))
    set_free_contacts(runner, 2)
    assert runner.run(*messages).actions == ["updated", "created", "created", "updated"]


# --- max_changes --------------------------------------------------------------------------------


def test_max_changes_limits_the_contacts_that_orders_create(runner: TargetRunner) -> None:
    """An order and its new contact are one change; an order beyond max_changes creates neither."""
    run = runner.send(ORDERS, *orders(5), max_changes=2)
    assert (run.code, run.actions) == (1, ["created"] * 2 + ["skipped"] * 3)
    assert people(runner) == {"p0@shop.example", "p1@shop.example"}


# --- the control group --------------------------------------------------------------------------


def is_held_out(number: int) -> bool:
    """Return whether a person is in the control group."""
    return position_of(f"p{number}@shop.example", "") < PERCENT


def test_orders_lines_and_subscriptions_of_held_out_people_are_not_written(
    runner: TargetRunner,
) -> None:
    """No order creates a contact of the control group; its lines have the reason in any order."""
    lines = [
        {"store_id": "1", "store_order_id": f"n-{n}", "store_line_id": "l-1", "name": "Mug"}
        for n in range(20)
    ]
    runner.batch_rows = 7
    run = runner.run(
        *stream_of(LINES, *lines[:10]),
        *stream_of(ORDERS, *orders(20)),
        *stream_of(LINES, *lines[10:]),
        *stream_of(SUBSCRIPTIONS, *subscriptions(20)),
        state_of(1),
        holdout_percent=PERCENT,
    )
    assert run.code == 0
    places = [*range(10), *range(20), *range(10, 20), *range(20)]
    for result in run.results:
        is_ours = is_held_out(places[result["row"] - 1])
        assert ((result["action"], result["reason"]) == ("skipped", "held out")) == is_ours
    assert written(runner) == {f"n-{n}" for n in range(20) if not is_held_out(n)}
    assert people(runner) == {f"p{n}@shop.example" for n in range(20) if not is_held_out(n)}


def test_a_row_that_names_no_person_belongs_to_the_person_of_its_order(
    runner: TargetRunner,
) -> None:
    """A row without an address is held out by the address of its order in the store."""
    runner.send(ORDERS, *orders(20))
    key = [{"store_id": "1", "store_order_id": f"n-{n}"} for n in range(20)]
    run = runner.run(
        *stream_of(ORDERS, *[order | {"status": "completed"} for order in key]),
        *stream_of(LINES, *[order | {"store_line_id": "l-1", "name": "Mug"} for order in key]),
        state_of(1),
        holdout_percent=PERCENT,
    )
    for place, action in enumerate(run.actions):
        assert action == ("skipped" if is_held_out(place % 20) else "updated")


def test_records_of_custom_objects_of_held_out_people_are_not_written(runner: TargetRunner) -> None:
    """A record is held out by the first contact that it relates to."""
    acts.add_schema(runner.world, "visits", [acts.field("title")], [acts.relationship("visitor")])
    for number in range(20):
        if number % 2:
            runner.world.add_contact(f"p{number}@shop.example")
    known = [n for n in range(20) if n % 2 or is_held_out(n)]
    rows = [
        {"external_id": f"v-{n}", "title": "a", "visitor": {"email": f"p{n}@shop.example"}}
        for n in known
    ]
    run = runner.send("custom_visits", *rows, holdout_percent=PERCENT)
    assert run.actions == ["skipped" if is_held_out(n) else "created" for n in known]
    later = [{"external_id": f"v-{n}", "title": "b"} for n in known if n % 2]
    runner.send("custom_visits", *[row for row in rows if int(row["external_id"][2:]) % 2])
    runner.clock.sleep(60)
    run = runner.send("custom_visits", *later, holdout_percent=PERCENT)
    assert run.actions == ["skipped" if is_held_out(n) else "updated" for n in known if n % 2]


# --- events -------------------------------------------------------------------------------------


def test_an_event_creates_no_contact(runner: TargetRunner) -> None:
    """The address of an event must be known, also where ActiveCampaign would create it."""
    runner.world.switches.event_unknown_email = "creates"
    row = {"name": "visited", "contact": {"email": "p7@shop.example"}, "external_id": "e-1"}
    settings = {
        "event_account_id": "1",
        "event_key": "k",
        "event_url": "https://trackcmp.net/event",
    }
    run = runner.send("marketing_events", row, **settings)
    assert run.actions == ["rejected"]
    assert run.reason().startswith("contact:")
    assert people(runner) == set()
