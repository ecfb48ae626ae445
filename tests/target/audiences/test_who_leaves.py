"""Which contacts have left: by their rows, by the settings that drop rows, and many at once."""

from __future__ import annotations

from typing import Any

from tests.target.runner import schema_of, state_of, stream_of

from .scene import Scene, leavers, messages_of

A, B, C = "ada@shop.example", "ben@shop.example", "cy@shop.example"


def test_two_rows_of_one_person_are_one_member(scene: Scene) -> None:
    """A contact with two rows stays while one of them is in the input, and has one result."""
    scene.settings["source_ids"] = "own"
    contact = scene.add(A)
    by_id = {"id": str(contact), "tags": ["trial"]}
    scene.send({"email": A, "tags": ["trial"]}, by_id, B)
    assert leavers(scene.send(by_id, B)) == []
    assert scene.tags(A) == {"trial"}
    assert len(leavers(scene.send(B))) == 1
    assert scene.tags(A) == set()


def test_a_person_with_another_spelling_of_the_address_stays(scene: Scene) -> None:
    """Case and white space of an address do not change the contact."""
    scene.send(A, B)
    assert leavers(scene.send(f" {A.upper()} ", B)) == []


def test_a_row_with_a_new_address_removes_the_former_contact(scene: Scene) -> None:
    """If a row gets another address, the contact of the former address leaves."""
    messages = [
        [
            *stream_of("trial", *({"customer": n, **row} for n, row in rows), keys=["customer"]),
            state_of(1),
        ]
        for rows in (
            [(1, {"email": A, "tags": ["trial"]}), (2, {"email": B, "tags": ["trial"]})],
            [(1, {"email": C, "tags": ["trial"]}), (2, {"email": B, "tags": ["trial"]})],
        )
    ]
    scene.run(*messages[0], unknown_columns="ignore")
    run = scene.run(*messages[1], unknown_columns="ignore")
    assert len(leavers(run)) == 1
    assert (scene.tags(A), scene.tags(B), scene.tags(C)) == (set(), {"trial"}, {"trial"})


def test_a_deleted_contact_leaves_without_a_write(scene: Scene) -> None:
    """A deleted contact leaves without a request and is not created again."""
    scene.send(A, B)
    scene.world.delete_contact(scene.world.find_contact(A).id)
    run = scene.send(B)
    [left] = leavers(run)
    assert left["kept"] == "the account no longer has this contact"
    assert run.writes == []
    assert scene.world.find_contact(A) is None


def test_rows_that_stream_maps_drop_and_rows_of_other_accounts_are_not_in_it(scene: Scene) -> None:
    """A contact whose row is filtered out, or of another account, has left."""
    maps = {"trial": {"__filter__": "plan_name != 'none'", "plan_name": None}}
    rows = [{"email": one, "tags": ["trial"], "plan_name": "pro"} for one in (A, B)]
    columns = {
        "email": {"type": "string"},
        "tags": {"type": "array"},
        "plan_name": {"type": "string"},
    }
    scene.run(
        schema_of("trial", **columns), *stream_of("trial", *rows)[1:], state_of(1), stream_maps=maps
    )
    assert scene.tags(A) == {"trial"}
    rows[0]["plan_name"] = "none"
    run = scene.run(
        schema_of("trial", **columns), *stream_of("trial", *rows)[1:], state_of(1), stream_maps=maps
    )
    assert run.code == 0
    assert (scene.tags(A), scene.tags(B)) == (set(), {"trial"})
    labelled = [
        {"email": B, "tags": ["trial"], "account_label": "us"},
        {"email": C, "tags": ["trial"], "account_label": "eu"},
    ]
    scene.send(*labelled, account_label="eu")
    assert scene.tags(B) == set()
    assert scene.tags(C) == {"trial"}


def test_a_stream_that_was_written_before_takes_back_only_what_it_gives_from_then_on(
    scene: Scene,
) -> None:
    """Rows from before the setting are members from whom nothing is removed."""
    plain = {"stream_aliases": {"trial": "crm_contacts"}}
    people = [f"p{n}@shop.example" for n in range(12)]
    assert scene.runner.run(*messages_of(*people), **plain).code == 0
    first = scene.send(*people)
    assert set(first.actions) == {"unchanged"}
    assert first.writes == []
    run = scene.send(*people[1:])
    assert [one["action"] for one in leavers(run)] == ["updated"]
    assert run.writes == []
    assert scene.tags(people[0]) == {"trial"}


def many(count: int) -> list[dict[str, Any]]:
    """Return rows with everything that the importer can give."""
    return [
        {
            "email": f"p{n}@shop.example",
            "tags": ["trial"],
            "segments": ["News"],
            "custom_fields": {"plan": "pro"},
        }
        for n in range(count)
    ]


def test_the_importer_gives_and_takes_back_where_it_can(whole: Scene) -> None:
    """Unsubscriptions and cleared fields are one batch; tags are removed one by one."""
    rows = many(60)
    assert whole.send(*rows).code == 0
    run = whole.send(*rows[30:])
    assert run.code == 0
    assert len(leavers(run)) == 30
    assert {one["action"] for one in leavers(run)} == {"updated"}
    assert {one["reason"] for one in leavers(run)} == {"left the audience"}
    whole.world.settle(at_once=True)
    for n in range(60):
        has = whole.has(f"p{n}@shop.example")
        gone = {"tags": set(), "lists": set(), "plan": "", "automations": []}
        stays = {"tags": {"trial"}, "lists": {"News"}, "plan": "pro", "automations": []}
        assert has == (gone if n < 30 else stays)
    assert run.writes.count(("POST", "import/bulk_import")) == 1
    assert len([path for method, path in run.writes if method == "DELETE"]) == 30
    about_tags = [path for _, path in run.requests if "import" not in path]
    assert len(about_tags) <= 1.1 * 30 + 3  # and the names of tags, lists and fields
