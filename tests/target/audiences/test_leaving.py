"""A contact that is no longer in the input loses what the stream gave, and nothing else."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from tests.target.runner import state_of, stream_of

from .scene import ALL, LEFT, Scene, leavers, messages_of

A, B, C = "ada@shop.example", "ben@shop.example", "cy@shop.example"
EVERYTHING = {
    "tags": ["trial"],
    "segments": ["News"],
    "custom_fields": {"plan": "pro"},
    "automations": ["Welcome"],
}


def test_who_leaves_loses_the_tag_and_has_one_result(scene: Scene) -> None:
    """A contact that leaves loses the tag; its only result is `updated` with the reason."""
    assert scene.send(A, B).code == 0
    run = scene.send(A)
    assert run.code == 0
    assert (scene.tags(A), scene.tags(B)) == ({"trial"}, set())
    contact = str(scene.world.find_contact(B).id)
    [left] = leavers(run)
    assert left == left | {"row": None, "stream": "crm_contacts", "key": {"id": contact}}
    assert (left["action"], left["id"], left["reason"]) == ("updated", contact, "left the audience")
    assert run.report["audiences"]["trial"] == {
        "members": 2,
        "leaving": 1,
        "left": 1,
        "taken_back": {"the tag trial": 1},
        "kept": {},
        "reason": None,
    }


def test_a_result_says_which_audience_and_what_it_took_back(whole: Scene) -> None:
    """Each result of leaving has the audience, and the names of what the contact lost, by kind."""
    whole.send({"email": A, **EVERYTHING}, {"email": B, **EVERYTHING})
    whole.settings["stream_aliases"]["trial"] = "crm_contacts"
    lost = {"tags": ["trial"], "lists": ["News"], "fields": ["Plan"], "automations": ["Welcome"]}
    for settings, action in (({"dry_run": True}, "planned"), ({}, "updated")):
        [left] = leavers(whole.send({"email": A, **EVERYTHING}, **settings))
        assert (left["action"], left["audience"], left["taken_back"]) == (action, "trial", lost)
        assert left["kept"] is None
    assert left["reason"] == LEFT
    run = whole.send({"email": A, **EVERYTHING})
    assert all("audience" not in one for one in run.results)


def test_a_contact_leaves_once_and_is_written_again_on_return(scene: Scene) -> None:
    """A contact that left is no member; when it returns, it gets the tag again."""
    scene.send(A, B)
    scene.send(A)
    again = scene.send(A)
    assert leavers(again) == []
    assert again.requests == []
    assert scene.send(A, B).actions == ["unchanged", "updated"]
    assert scene.tags(B) == {"trial"}
    scene.send(A)
    assert scene.tags(B) == set()


@pytest.mark.parametrize("word", ALL)
def test_each_word_of_on_leave_takes_back_its_own_kind_alone(scene: Scene, word: str) -> None:
    """Tags, lists, fields and automations are removed only if `on_leave` names them."""
    lost = {
        "remove_tags": ("tags", set()),
        "unsubscribe": ("lists", set()),
        "clear_fields": ("plan", ""),
        "leave_automations": ("automations", []),
    }
    scene.settings["audiences"] = {"trial": {"on_leave": [word], "max_leave_share": 1}}
    scene.send({"email": A, **EVERYTHING}, {"email": B, **EVERYTHING})
    before = scene.has(B)
    assert all(before.values())
    assert scene.send({"email": A, **EVERYTHING}).code == 0
    name, empty = lost[word]
    assert scene.has(B) == before | {name: empty}
    assert scene.has(A) == before


def test_what_a_person_had_before_stays(whole: Scene) -> None:
    """A tag, subscription, value or enrolment from before the audience is not removed."""
    contact = whole.add(A, "trial")
    whole.world.subscribe(contact, whole.news.id)
    whole.world.set_field(contact, whole.plan.id, "free")
    whole.world.enrol(contact, whole.welcome.id)
    whole.send({"email": A, **EVERYTHING}, B)
    [left] = leavers(whole.send(B))
    assert left["action"] == "updated"
    assert (left["reason"], left["taken_back"]) == (LEFT, {})
    assert left["kept"] == "there was nothing to take back"
    assert whole.has(A) == {
        "tags": {"trial"},
        "lists": {"News"},
        "plan": "pro",
        "automations": [whole.welcome.id],
    }


def test_what_the_account_has_not_any_more_is_not_asked_for(whole: Scene) -> None:
    """A tag that a user removed, and an own unsubscription, cost no request."""
    whole.send({"email": A, **EVERYTHING}, B)
    contact = whole.world.find_contact(A).id
    tag = next(one for one in whole.world.tables["tags"] if one.tag == "trial")
    whole.world.untag(contact, tag.id)
    whole.world.subscribe(contact, whole.news.id, 2, by_self=True)
    run = whole.send(B)
    assert [path for method, path in run.writes if "Tags" in path or "Lists" in path] == []
    assert whole.has(A)["plan"] == ""


@pytest.mark.parametrize("status", [422, 502])
@pytest.mark.parametrize("gave_list", [False, True])
def test_a_person_whose_removal_fails_has_not_left(
    whole: Scene, status: int, gave_list: bool
) -> None:
    """A refused, failed or partial removal has a reason that the person is still a member."""
    row = {"email": A, "tags": ["trial"], "segments": ["News"] if gave_list else []}
    whole.send(row, B)
    whole.world.faults.server_error("/contactTags", status=status, times=None, method="DELETE")
    [stays] = leavers(whole.send(B, max_retry_seconds=1))
    assert stays["reason"].startswith("still in the audience; ")
    assert LEFT not in stays["reason"]
    assert whole.tags(A) == {"trial"}
    whole.world.faults.clear()
    [left] = leavers(whole.send(B))
    assert (left["action"], left["reason"]) == ("updated", LEFT)
    assert whole.tags(A) == set()


def test_a_value_that_a_user_changed_stays(whole: Scene) -> None:
    """A field is cleared only if it still has the audience's value."""
    whole.send({"email": A, **EVERYTHING}, B)
    whole.world.set_field(whole.world.find_contact(A).id, whole.plan.id, "enterprise")
    [left] = leavers(whole.send(B))
    assert left["kept"] == "the target keeps a field that has another value by now"
    assert whole.has(A)["plan"] == "enterprise"


BEGAN_AGAIN = "the target keeps a tag or a subscription that ended and began again"


@pytest.mark.parametrize("count", [2, 12])
def test_what_ended_and_began_again_is_not_the_audiences(whole: Scene, count: int) -> None:
    """A subscription that a person began again, and a tag that a user added again, stay."""
    given = {"tags": ["trial"], "segments": ["News"]}
    rows = [{"email": f"p{n}@shop.example", **given} for n in range(count)]
    whole.send(*rows)
    whole.world.settle(at_once=True)
    end_and_begin(whole, "p0@shop.example")
    # A later value of the row makes neither of them the audience's again.
    rows[0] |= {"custom_fields": {"plan": "pro"}, "tags": ["trial", "spring"]}
    whole.send(*rows)
    rows = rows[-1:]
    run = whole.send(*rows)
    whole.world.settle(at_once=True)
    assert run.code == 0
    lost = {"tags": set(), "lists": set(), "plan": "", "automations": []}
    assert whole.has("p0@shop.example") == lost | {"tags": {"trial"}, "lists": {"News"}}
    assert [one["kept"] for one in leavers(run)].count(BEGAN_AGAIN) == 1
    assert [whole.has(f"p{n}@shop.example") for n in range(1, count - 1)] == [lost] * (count - 2)


def test_what_the_audience_gave_again_is_its_own(whole: Scene) -> None:
    """A tag and a subscription that ended, and that a later row gave again, are taken back."""
    given = {"tags": ["trial"], "segments": ["News"]}
    whole.send({"email": A, **given}, B)
    contact = whole.world.find_contact(A).id
    whole.clock.sleep(3600)
    whole.world.untag(contact, next(t.id for t in whole.world.tables["tags"] if t.tag == "trial"))
    whole.world.subscribe(contact, whole.news.id, 2, by_self=True)
    whole.clock.sleep(3600)
    whole.send({"email": A, **given, "first_name": "Ada"}, B, resubscribe=True)
    assert whole.has(A)["lists"] == {"News"}
    assert whole.tags(A) == {"trial"}
    whole.send(B)
    assert whole.has(A)["lists"] == whole.tags(A) == set()


def test_what_a_failed_row_gave_again_is_the_audiences(whole: Scene) -> None:
    """A tag that a row gave again before its next request failed is taken back."""
    whole.send(A, B)
    contact = whole.world.find_contact(A).id
    whole.world.untag(contact, next(t.id for t in whole.world.tables["tags"] if t.tag == "trial"))
    whole.clock.sleep(3600)
    whole.world.faults.server_error("/contactLists", times=None, method="POST")
    row = {"email": A, "first_name": "Ada", "tags": ["trial"], "segments": ["News"]}
    assert whole.send(row, B, max_retry_seconds=1).code == 1
    assert whole.tags(A) == {"trial"}
    whole.world.faults.clear()
    assert len(leavers(whole.send(B))) == 1
    assert whole.tags(A) == set()


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [("PUT", "/contacts/", "rejected"), ("POST", "/contactTags", "updated")],
)
def test_what_a_refused_row_did_not_give_again_is_the_users(
    whole: Scene, method: str, path: str, action: str
) -> None:
    """A row that ActiveCampaign refuses makes no later tag of a user the audience's."""
    whole.send(A, B)
    contact = whole.world.find_contact(A).id
    whole.world.untag(contact, next(t.id for t in whole.world.tables["tags"] if t.tag == "trial"))
    whole.world.faults.server_error(path, status=422, times=None, method=method)
    run = whole.send({"email": A, "first_name": "Ada", "tags": ["trial"]}, B)
    assert sorted(run.actions) == sorted([action, "unchanged"])
    assert whole.tags(A) == set()
    whole.world.faults.clear()
    whole.clock.sleep(3600)
    whole.add(A, "trial")
    assert [one["kept"] for one in leavers(whole.send(B))] == [BEGAN_AGAIN]
    assert whole.tags(A) == {"trial"}


def test_a_ledger_without_times_takes_back_what_began_again(whole: Scene) -> None:
    """Where an earlier version noted no time, a tag and a subscription are the audience's."""
    whole.send({"email": A, "tags": ["trial"], "segments": ["News"]}, B)
    path = whole.runner.folder / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as ledger, ledger:
        [(person, tokens)] = ledger.execute(
            "SELECT person, tokens FROM given WHERE tokens LIKE '%list:%'"
        )
        old = {one: dict.fromkeys(holders, "") for one, holders in json.loads(tokens).items()}
        assert old != json.loads(tokens)
        ledger.execute("UPDATE given SET tokens = ? WHERE person = ?", (json.dumps(old), person))
    end_and_begin(whole, A)
    whole.send(B)
    assert whole.has(A)["lists"] == whole.tags(A) == set()


def end_and_begin(scene: Scene, email: str) -> None:
    """Let a person unsubscribe and subscribe again, and a user remove and add the tag."""
    contact = scene.world.find_contact(email).id
    tag = next(one.id for one in scene.world.tables["tags"] if one.tag == "trial")
    scene.clock.sleep(3600)
    scene.world.subscribe(contact, scene.news.id, 2, by_self=True)
    scene.world.untag(contact, tag)
    scene.clock.sleep(3600)
    scene.world.subscribe(contact, scene.news.id, 1, by_self=True)
    scene.world.tag(contact, tag)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("datetime", "2030-05-06T07:08:09+00:00"),
        ("date", "2030-05-06"),
        ("number", "12.50"),
        ("text", "  two words "),
    ],
)
def test_a_value_is_known_again_however_the_account_writes_it(
    whole: Scene, kind: str, value: str
) -> None:
    """A time in the account's format is still the audience's value."""
    field = whole.world.add_field("Until", type=kind)
    rows = [{"email": one, "custom_fields": {"until": value}} for one in (A, B)]
    whole.send(*rows)
    assert whole.world.field_value(whole.world.find_contact(A).id, field.id).value
    whole.send(rows[1])
    assert whole.world.field_value(whole.world.find_contact(A).id, field.id).value == ""


def test_a_changed_value_of_a_member_is_the_audiences_too(whole: Scene) -> None:
    """A later value of the audience is cleared when the contact leaves."""
    whole.send({"email": A, "custom_fields": {"plan": "pro"}}, B)
    whole.send({"email": A, "custom_fields": {"plan": "max"}}, B)
    assert whole.has(A)["plan"] == "max"
    whole.send(B)
    assert whole.has(A)["plan"] == ""


def test_what_a_row_gave_earlier_is_taken_back_too(scene: Scene) -> None:
    """A tag that only an earlier row named is removed too."""
    scene.send({"email": A, "tags": ["trial", "spring"]}, B)
    scene.send({"email": A, "tags": ["trial"]}, B)
    assert scene.tags(A) == {"trial", "spring"}
    scene.send(B)
    assert scene.tags(A) == set()


def test_a_tag_that_a_row_removed_is_no_longer_the_audiences(scene: Scene) -> None:
    """A tag that a row removed and a user added again is not removed."""
    scene.send(A, B)
    scene.send({"email": A, "remove_tags": ["trial"]}, B)
    assert scene.tags(A) == set()
    scene.add(A, "trial")
    scene.send(B)
    assert scene.tags(A) == {"trial"}


# --- other streams --------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["trial", "buyers"])
def test_what_two_audiences_give_is_removed_with_the_last(scene: Scene, first: str) -> None:
    """A tag of two audiences is removed when the contact leaves the second."""
    second = {"trial": "buyers", "buyers": "trial"}[first]
    scene.send(A, B, stream="trial")
    scene.send(A, B, stream="buyers")
    run = scene.send(B, stream=first)
    assert scene.tags(A) == {"trial"}
    assert [one["kept"] for one in leavers(run)] == [
        "the target keeps what another stream grants too"
    ]
    scene.send(B, stream=second)
    assert scene.tags(A) == set()


@pytest.mark.parametrize("is_one_run", [True, False])
def test_what_another_stream_gives_as_well_stays(scene: Scene, is_one_run: bool) -> None:
    """A tag that a pair of another stream gives stays, in this run or a later one."""
    scene.send(A, B)
    pair = stream_of("marketing_contact_tags", {"email": A, "tag_name": "trial"})
    if is_one_run:
        scene.run(*messages_of(B), *pair, state_of(2))
    else:
        assert scene.runner.run(*pair, state_of(1)).code == 0
        scene.send(B)
    assert scene.tags(A) == {"trial"}


def test_a_contact_row_of_another_stream_keeps_what_it_gives(scene: Scene) -> None:
    """A tag that another stream of contacts gives stays."""
    scene.send(A, B)
    other = [*stream_of("crm_contacts", {"email": A.upper(), "tags": ["Trial"]}), state_of(1)]
    assert scene.runner.run(*other).code == 0
    scene.send(B)
    assert scene.tags(A) == {"trial"}


def test_a_refused_row_of_another_stream_keeps_nothing(scene: Scene) -> None:
    """A refused row of another stream keeps no tag."""
    scene.send(A, B)
    scene.world.faults.server_error("/contactTags", status=422, times=None, method="POST")
    other = stream_of("marketing_contact_tags", {"email": A, "tag_name": "trial"})
    assert scene.runner.run(*other, state_of(1)).actions == ["rejected"]
    scene.world.faults.clear()
    scene.send(B)
    assert scene.tags(A) == set()
