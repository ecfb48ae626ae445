"""A contact who opted out stays opted out, whatever path a row takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.processing.row_finisher import REST_LATER
from tests.sandbox import contact_filters

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner

UNSUBSCRIBED, BOUNCED, ACTIVE = 2, 3, 1

pytestmark = pytest.mark.usefixtures("every_combination")


def members(runner: TargetRunner, count: int, status: int) -> tuple[Any, list[Any]]:
    """Create a list with contacts of one status; return both."""
    news = runner.world.add_list("News")
    people = [runner.world.add_contact(f"m{n}@shop.example") for n in range(count)]
    for person in people:
        runner.world.subscribe(person.id, news.id, status)
    return news, people


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("status", [UNSUBSCRIBED, BOUNCED])
def test_an_opt_out_is_never_overridden(runner: TargetRunner, count: int, status: int) -> None:
    """A row that would override an opt-out is skipped with a reason, also on replay and force.

    This holds for single rows and imports.
    """
    news, people = members(runner, count, status)
    rows = [{"email": person.email.upper(), "segments": ["News"]} for person in people]
    for force in (False, True):
        run = runner.send("crm_contacts", *rows, force=force)
        assert run.code == 0
        assert set(run.actions) == {"skipped"}
        assert "resubscribe" in run.reason()
        assert {runner.world.membership(p.id, news.id).status for p in people} == {status}


@pytest.mark.parametrize("count", [1, 12])
def test_memberships_that_the_answer_does_not_give_may_be_opt_outs(
    runner: TargetRunner, count: int
) -> None:
    """If the memberships of a contact are null in an answer, the target subscribes no one."""
    news, people = members(runner, count, UNSUBSCRIBED)
    runner.world.switches.include = "none"
    for prefix in ("/contacts/", "/contactLists"):
        runner.world.faults.rewrite(prefix, _hide_memberships, method="GET")
    rows = [{"email": person.email, "segments": ["News"]} for person in people]
    run = runner.send("crm_contacts", *rows)
    assert set(run.actions) <= {"failed", "skipped"}
    assert {runner.world.membership(p.id, news.id).status for p in people} == {UNSUBSCRIBED}


def _hide_memberships(document: dict[str, Any]) -> None:
    if "contactLists" in document:
        document["contactLists"] = None
        document.pop("meta", None)


@pytest.mark.parametrize("count", [1, 40])
def test_the_rest_of_such_a_row_is_written(runner: TargetRunner, count: int) -> None:
    """The rest of a row with an opted-out contact is written; the second run writes nothing."""
    news, people = members(runner, count, UNSUBSCRIBED)
    rows = [{"email": p.email, "first_name": "Zoe", "segments": ["News"]} for p in people]
    run = runner.send("crm_contacts", *rows)
    assert set(run.actions) == {"updated"}
    assert "unsubscribed" in run.reason()
    assert {p.firstName for p in people} == {"Zoe"}
    assert {runner.world.membership(p.id, news.id).status for p in people} == {UNSUBSCRIBED}
    again = runner.send("crm_contacts", *rows)
    assert (set(again.actions), again.writes) == ({"skipped"}, [])
    assert again.reason() == run.reason().removeprefix("created or updated by import; ")


@pytest.mark.parametrize("count", [1, 40])
def test_resubscribe_does_what_it_says(runner: TargetRunner, count: int) -> None:
    """With resubscribe an opted-out contact is active again."""
    news, people = members(runner, count, UNSUBSCRIBED)
    for person in people:
        runner.world.membership(person.id, news.id).by_self = True
    rows = [{"email": p.email, "segments": [{"id": str(news.id)}]} for p in people]
    run = runner.send("crm_contacts", *rows, resubscribe=True)
    assert run.code == 0
    assert {runner.world.membership(p.id, news.id).status for p in people} == {ACTIVE}


@pytest.mark.parametrize("word", ["unconfirmed", "bounced"])
def test_other_words_never_subscribe(runner: TargetRunner, word: str) -> None:
    """Only active subscribes and only unsubscribed unsubscribes."""
    news = runner.world.add_list("News")
    person = runner.world.add_contact("new@shop.example")
    row = {"contact_id": str(person.id), "segment_id": str(news.id), "status": word}
    run = runner.send("marketing_segment_memberships", row)
    assert run.actions == ["skipped"]
    assert runner.world.membership(person.id, news.id) is None


def test_an_opt_out_between_runs_is_seen(runner: TargetRunner) -> None:
    """An opt-out between two runs counts: the status in the ledger is not the present status."""
    news, people = members(runner, 1, ACTIVE)
    runner.send("crm_contacts", {"email": people[0].email, "segments": ["News"]})
    runner.world.subscribe(people[0].id, news.id, UNSUBSCRIBED)
    row = {"email": people[0].email, "segments": ["News"], "first_name": "New"}
    runner.send("crm_contacts", row)
    assert runner.world.membership(people[0].id, news.id).status == UNSUBSCRIBED


def test_text_message_lists_are_subscribed_by_id_alone(runner: TargetRunner) -> None:
    """A name that is also that of a text-message list subscribes no contact."""
    sms = runner.world.add_list("Texts", channel="sms")
    person = runner.world.add_contact("t@shop.example")
    run = runner.send("crm_contacts", {"email": person.email, "segments": ["Texts"]})
    assert run.actions == ["skipped"]
    assert runner.world.membership(person.id, sms.id) is None
    row = {"email": person.email, "segments": [{"id": str(sms.id)}]}
    assert runner.send("crm_contacts", row).actions == ["updated"]
    assert runner.world.membership(person.id, sms.id).status == ACTIVE


@pytest.mark.parametrize("count", [1, 30])
def test_unsubscribing_works_and_keeps_the_others_lists(runner: TargetRunner, count: int) -> None:
    """An unsubscription changes its list and no other list of the contact."""
    news, people = members(runner, count, ACTIVE)
    other = runner.world.add_list("Other")
    for person in people:
        runner.world.subscribe(person.id, other.id, ACTIVE)
    rows = [
        {"email": p.email, "segments": [{"name": "News", "status": "unsubscribed"}]} for p in people
    ]
    run = runner.send("crm_contacts", *rows)
    assert run.code == 0
    assert {runner.world.membership(p.id, news.id).status for p in people} == {UNSUBSCRIBED}
    assert {runner.world.membership(p.id, other.id).status for p in people} == {ACTIVE}


def test_a_contact_that_opted_out_is_not_deleted(runner: TargetRunner) -> None:
    """A contact who opted out is not deleted; others are deleted up to max_deletes."""
    _, people = members(runner, 1, UNSUBSCRIBED)
    free = [runner.world.add_contact(f"f{n}@shop.example") for n in range(3)]
    rows = [{"id": str(p.id), "_sdc_deleted_at": "2031-01-01"} for p in [*people, *free]]
    assert set(runner.send("crm_contacts", *rows).actions) == {"skipped"}
    run = runner.send("crm_contacts", *rows, delete_mode="delete", max_deletes=2)
    assert (run.code, run.states) == (1, [])
    assert run.actions == ["skipped", "updated", "updated", "skipped"]
    assert people[0].id in runner.world.tables["contacts"]
    assert free[0].id not in runner.world.tables["contacts"]
    assert free[2].id in runner.world.tables["contacts"]


def test_opt_outs_hold_if_the_account_ignores_the_status_filter(
    make_runner: Callable[..., TargetRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the account ignores `status` on contacts, opt-outs still hold."""
    runner = make_runner()
    news, opted_out = members(runner, 12, UNSUBSCRIBED)
    fresh = [runner.world.add_contact(f"fresh{n}@shop.example") for n in range(12)]
    real = contact_filters._narrowed

    def deaf(w: Any, r: Any) -> Any:
        for name in ("status", "listid"):
            r.params.pop(name, None)
        return real(w, r)

    monkeypatch.setattr(contact_filters, "_narrowed", deaf)
    rows = [{"email": p.email, "segments": ["News"]} for p in [*opted_out, *fresh]]
    runner.send("crm_contacts", *rows)
    assert {runner.world.membership(p.id, news.id).status for p in opted_out} == {UNSUBSCRIBED}
    assert {runner.world.membership(p.id, news.id).status for p in fresh} == {ACTIVE}


@pytest.mark.parametrize("count", [1, 12])
def test_an_opt_out_counts_whatever_the_case_of_the_address(
    make_runner: Callable[..., TargetRunner], count: int
) -> None:
    """An opt-out counts for an address in another case."""
    runner = make_runner(email_match="exact")
    news = runner.world.add_list("News")
    for n in range(count):
        person = runner.world.add_contact(f"Person{n}@Shop.example")
        runner.world.subscribe(person.id, news.id, UNSUBSCRIBED)
    rows = [{"email": f"person{n}@shop.example", "segments": ["News"]} for n in range(count)]
    run = runner.send("crm_contacts", *rows)
    assert set(run.actions) == {"skipped"}
    assert {m.status for m in runner.world.tables["contactLists"].by("list", news.id)} == {
        UNSUBSCRIBED
    }


@pytest.mark.parametrize("count", [1, 12])
def test_an_opt_out_found_in_another_case_is_the_contact_that_is_written(
    make_runner: Callable[..., TargetRunner], count: int
) -> None:
    """The rest of the row goes to the contact that opted out, by the importer too."""
    runner = make_runner(email_match="exact")
    news = runner.world.add_list("News")
    people = [runner.world.add_contact(f"Person{n}@Shop.example") for n in range(count)]
    for person in people:
        runner.world.subscribe(person.id, news.id, UNSUBSCRIBED)
    before = len(runner.world.tables["contacts"])
    rows = [
        {"email": f"person{n}@shop.example", "first_name": "New", "segments": ["News"]}
        for n in range(count)
    ]
    run = runner.send("crm_contacts", *rows)
    assert set(run.actions) == {"updated"}
    assert {person.firstName for person in people} == {"New"}
    assert len(runner.world.tables["contacts"]) == before


def test_a_contact_that_was_deleted_since_is_written_whole(runner: TargetRunner) -> None:
    """A retry of a list that creates the contact again says so; the next run writes the rest."""
    news = runner.world.add_list("News")
    person = runner.world.add_contact("gone@shop.example")
    runner.world.subscribe(person.id, news.id, UNSUBSCRIBED)
    row = {"email": "gone@shop.example", "first_name": "Mila", "segments": ["News"]}
    assert runner.send("crm_contacts", row).actions == ["updated"]
    runner.world.delete_contact(person.id)
    run = runner.send("crm_contacts", row)
    assert (run.actions, run.reason()) == (["created"], REST_LATER)
    assert runner.send("crm_contacts", row).actions == ["updated"]
    assert runner.world.find_contact("gone@shop.example").firstName == "Mila"


def test_a_contact_that_an_import_creates_again_is_written_whole(runner: TargetRunner) -> None:
    """An import creates lost contacts again among others; the next run writes their other parts."""
    news = runner.world.add_list("News")
    people = [runner.world.add_contact(f"p{number}@shop.example") for number in range(24)]
    for person in people:
        runner.world.subscribe(person.id, news.id, UNSUBSCRIBED)
    rows = [
        {"email": f"p{number}@shop.example", "first_name": f"N{number}", "segments": ["News"]}
        for number in range(24)
    ]
    assert runner.send("crm_contacts", *rows, bulk_import="always").actions == ["updated"] * 24
    for person in people[:12]:
        runner.world.delete_contact(person.id)
    rows[20]["first_name"] = "Other"
    runner.send("crm_contacts", *rows, bulk_import="always")
    runner.send("crm_contacts", *rows, bulk_import="always")
    names = [runner.world.find_contact(row["email"]).firstName for row in rows]
    assert names == [row["first_name"] for row in rows]


def test_a_list_with_far_more_people_gone_than_rows_is_not_walked(
    make_runner: Callable[..., TargetRunner],
) -> None:
    """If a list has many opt-outs, the target reads the contacts of the rows and not the list."""
    runner = make_runner()
    _, _ = members(runner, 2600, UNSUBSCRIBED)
    rows = [{"email": f"m{n}@shop.example", "segments": ["News"]} for n in range(5)]
    rows += [{"email": f"new{n}@shop.example", "segments": ["News"]} for n in range(5)]
    run = runner.send("crm_contacts", *rows)
    assert run.actions == ["skipped"] * 5 + ["created"] * 5
    assert len(run.requests) < 60


def test_the_reason_names_the_status_of_each_person(runner: TargetRunner) -> None:
    """Of many people who bounced, each result says so, also where the list's filter is trusted."""
    news, people = members(runner, 40, BOUNCED)
    rows = [{"email": person.email, "segments": ["News"]} for person in people]
    run = runner.send("crm_contacts", *rows)
    assert {result["reason"] for result in run.results} == {
        "segments: the person bounced; subscribed again only with resubscribe"
    }
    assert {runner.world.membership(p.id, news.id).status for p in people} == {BOUNCED}
