"""A contact who opted out stays opted out, whatever path a row takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox import contact_filters

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.lab import Lab

UNSUBSCRIBED, BOUNCED, ACTIVE = 2, 3, 1


def members(lab: Lab, count: int, status: int) -> tuple[Any, list[Any]]:
    """Create a list with contacts of one status; return both."""
    news = lab.world.add_list("News")
    people = [lab.world.add_contact(f"m{n}@shop.example") for n in range(count)]
    for one in people:
        lab.world.subscribe(one.id, news.id, status)
    return news, people


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("status", [UNSUBSCRIBED, BOUNCED])
def test_an_opt_out_is_never_overridden(lab: Lab, count: int, status: int) -> None:
    """A row that would override an opt-out is skipped with a reason, also on replay and force.

    This holds for single rows and imports.
    """
    news, people = members(lab, count, status)
    rows = [{"email": one.email.upper(), "segments": ["News"]} for one in people]
    for force in (False, True):
        run = lab.send("crm_contacts", *rows, force=force)
        assert run.code == 0
        assert set(run.actions) == {"skipped"}
        assert "resubscribe" in run.reason()
        assert {lab.world.membership(p.id, news.id).status for p in people} == {status}


@pytest.mark.parametrize("count", [1, 40])
def test_the_rest_of_such_a_row_is_written(lab: Lab, count: int) -> None:
    """The rest of a row with an opted-out contact is written; the second run writes nothing."""
    news, people = members(lab, count, UNSUBSCRIBED)
    rows = [{"email": p.email, "first_name": "Zoe", "segments": ["News"]} for p in people]
    run = lab.send("crm_contacts", *rows)
    assert set(run.actions) == {"updated"}
    assert "unsubscribed" in run.reason()
    assert {p.firstName for p in people} == {"Zoe"}
    assert {lab.world.membership(p.id, news.id).status for p in people} == {UNSUBSCRIBED}
    again = lab.send("crm_contacts", *rows)
    assert (set(again.actions), again.writes) == ({"skipped"}, [])
    assert again.reason() == run.reason().removeprefix("created or updated by import; ")


@pytest.mark.parametrize("count", [1, 40])
def test_resubscribe_does_what_it_says(lab: Lab, count: int) -> None:
    """With resubscribe an opted-out contact is active again."""
    news, people = members(lab, count, UNSUBSCRIBED)
    for one in people:
        lab.world.membership(one.id, news.id).by_self = True
    rows = [{"email": p.email, "segments": [{"id": str(news.id)}]} for p in people]
    run = lab.send("crm_contacts", *rows, resubscribe=True)
    assert run.code == 0
    assert {lab.world.membership(p.id, news.id).status for p in people} == {ACTIVE}


@pytest.mark.parametrize("word", ["unconfirmed", "bounced"])
def test_other_words_never_subscribe(lab: Lab, word: str) -> None:
    """Only active subscribes and only unsubscribed unsubscribes."""
    news = lab.world.add_list("News")
    person = lab.world.add_contact("new@shop.example")
    row = {"contact_id": str(person.id), "segment_id": str(news.id), "status": word}
    run = lab.send("marketing_segment_memberships", row)
    assert run.actions == ["skipped"]
    assert lab.world.membership(person.id, news.id) is None


def test_an_opt_out_between_runs_is_seen(lab: Lab) -> None:
    """An opt-out between two runs counts: the status in the ledger is not the present one."""
    news, people = members(lab, 1, ACTIVE)
    lab.send("crm_contacts", {"email": people[0].email, "segments": ["News"]})
    lab.world.subscribe(people[0].id, news.id, UNSUBSCRIBED)
    row = {"email": people[0].email, "segments": ["News"], "first_name": "New"}
    lab.send("crm_contacts", row)
    assert lab.world.membership(people[0].id, news.id).status == UNSUBSCRIBED


def test_text_message_lists_are_subscribed_by_id_alone(lab: Lab) -> None:
    """A name that is also that of a text-message list subscribes no contact."""
    sms = lab.world.add_list("Texts", channel="sms")
    person = lab.world.add_contact("t@shop.example")
    run = lab.send("crm_contacts", {"email": person.email, "segments": ["Texts"]})
    assert run.actions == ["skipped"]
    assert lab.world.membership(person.id, sms.id) is None
    row = {"email": person.email, "segments": [{"id": str(sms.id)}]}
    assert lab.send("crm_contacts", row).actions == ["updated"]
    assert lab.world.membership(person.id, sms.id).status == ACTIVE


@pytest.mark.parametrize("count", [1, 30])
def test_unsubscribing_works_and_keeps_the_others_lists(lab: Lab, count: int) -> None:
    """An unsubscription changes its list and no other list of the contact."""
    news, people = members(lab, count, ACTIVE)
    other = lab.world.add_list("Other")
    for one in people:
        lab.world.subscribe(one.id, other.id, ACTIVE)
    rows = [
        {"email": p.email, "segments": [{"name": "News", "status": "unsubscribed"}]} for p in people
    ]
    run = lab.send("crm_contacts", *rows)
    assert run.code == 0
    assert {lab.world.membership(p.id, news.id).status for p in people} == {UNSUBSCRIBED}
    assert {lab.world.membership(p.id, other.id).status for p in people} == {ACTIVE}


def test_a_contact_that_opted_out_is_not_deleted(lab: Lab) -> None:
    """A contact who opted out is not deleted; others are deleted up to max_deletes."""
    _, people = members(lab, 1, UNSUBSCRIBED)
    free = [lab.world.add_contact(f"f{n}@shop.example") for n in range(3)]
    rows = [{"id": str(p.id), "_sdc_deleted_at": "2031-01-01"} for p in [*people, *free]]
    assert set(lab.send("crm_contacts", *rows).actions) == {"skipped"}
    run = lab.send("crm_contacts", *rows, delete_mode="delete", max_deletes=2)
    assert (run.code, run.states) == (1, [])
    assert run.actions == ["skipped", "updated", "updated", "skipped"]
    assert people[0].id in lab.world.tables["contacts"]
    assert free[0].id not in lab.world.tables["contacts"]
    assert free[2].id in lab.world.tables["contacts"]


def test_opt_outs_hold_if_the_account_ignores_the_status_filter(
    make_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the account ignores `status` on contacts, opt-outs still hold."""
    lab = make_lab()
    news, gone = members(lab, 12, UNSUBSCRIBED)
    fresh = [lab.world.add_contact(f"fresh{n}@shop.example") for n in range(12)]
    real = contact_filters._narrowed

    def deaf(w: Any, r: Any) -> Any:
        for name in ("status", "listid"):
            r.params.pop(name, None)
        return real(w, r)

    monkeypatch.setattr(contact_filters, "_narrowed", deaf)
    rows = [{"email": p.email, "segments": ["News"]} for p in [*gone, *fresh]]
    lab.send("crm_contacts", *rows)
    assert {lab.world.membership(p.id, news.id).status for p in gone} == {UNSUBSCRIBED}
    assert {lab.world.membership(p.id, news.id).status for p in fresh} == {ACTIVE}


@pytest.mark.parametrize("count", [1, 12])
def test_an_opt_out_counts_whatever_the_case_of_the_address(
    make_lab: Callable[..., Lab], count: int
) -> None:
    """An opt-out counts for an address in another case."""
    lab = make_lab(email_match="exact")
    news = lab.world.add_list("News")
    for n in range(count):
        person = lab.world.add_contact(f"Person{n}@Shop.example")
        lab.world.subscribe(person.id, news.id, UNSUBSCRIBED)
    rows = [{"email": f"person{n}@shop.example", "segments": ["News"]} for n in range(count)]
    run = lab.send("crm_contacts", *rows)
    assert set(run.actions) == {"skipped"}
    assert {m.status for m in lab.world.tables["contactLists"].by("list", news.id)} == {
        UNSUBSCRIBED
    }


def test_a_list_with_far_more_people_gone_than_rows_is_not_walked(
    make_lab: Callable[..., Lab],
) -> None:
    """If a list has many opt-outs, the target reads the contacts of the rows and not the list."""
    lab = make_lab()
    _, _ = members(lab, 2600, UNSUBSCRIBED)
    rows = [{"email": f"m{n}@shop.example", "segments": ["News"]} for n in range(5)]
    rows += [{"email": f"new{n}@shop.example", "segments": ["News"]} for n in range(5)]
    run = lab.send("crm_contacts", *rows)
    assert run.actions == ["skipped"] * 5 + ["created"] * 5
    assert len(run.requests) < 60
