"""Tags, lists, pipelines, stages, users, groups, fields and raw requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import TargetRunner, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("marketing_tags", {"name": "fresh", "description": "one"}, "tags", "tag", "description"),
    ("marketing_segments", {"name": "Fresh", "description": "one"}, "lists", "name", "description"),
    ("crm_pipelines", {"name": "Fresh", "currency": "EUR"}, "dealGroups", "title", "currency"),
    ("directory_groups", {"name": "Fresh", "description": "one"}, "groups", "title", "description"),
]


@pytest.mark.parametrize(("stream", "row", "table", "column", "other"), ROWS)
@pytest.mark.parametrize("lost", [False, True])
def test_created_once_found_by_name_changed_where_it_differs(
    runner: TargetRunner,
    stream: str,
    row: dict[str, Any],
    table: str,
    column: str,
    other: str,
    *,
    lost: bool,
) -> None:
    """A record is created once, found by name in any case, and changed by one update.

    A lost answer creates no second record.
    """
    if lost:
        runner.world.faults.reset_after_apply(f"/{table}", times=1, method="POST")
    assert runner.send(stream, row).actions == ["created"]
    (runner.folder / "ledger.sqlite").unlink()
    same = row | {"name": row["name"].upper()}
    assert runner.send(stream, same).actions == ["unchanged"]
    changed = runner.send(stream, row | {other: "GBP" if other == "currency" else "two"})
    assert changed.actions == ["updated"]
    assert len(changed.writes) == 1
    found = [r for r in runner.world.tables[table] if getattr(r, column).casefold() == "fresh"]
    assert len(found) == 1


def test_a_new_list_never_sends_the_last_broadcast(runner: TargetRunner) -> None:
    """A new list never sends the last broadcast to its members. ActiveCampaign's default would."""
    run = runner.send("marketing_segments", {"name": "Quiet"})
    assert run.actions == ["created"]
    row = runner.world.tables["lists"][run.results[0]["id"]]
    assert row.columns["send_last_broadcast"] == "0"


def test_stages_live_in_their_pipeline(runner: TargetRunner) -> None:
    """Stages of one name in two pipelines are two stages; an id changes position and name."""
    runner.send(
        "crm_pipelines", {"name": "One", "currency": "usd"}, {"name": "Two", "currency": "usd"}
    )
    rows = [{"name": "Hot", "pipeline": {"name": p}, "position": 2} for p in ("One", "Two")]
    run = runner.send("crm_stages", *rows)
    assert run.actions == ["created", "created"]
    stage_id = run.results[0]["id"]
    assert runner.send("crm_stages", {"id": stage_id, "name": "Hotter"}).actions == ["updated"]
    assert runner.world.tables["dealStages"][stage_id].title == "Hotter"
    assert runner.send("crm_stages", {"name": "Lost one"}).actions == ["rejected"]


def test_a_user_is_made_with_a_password_that_stays_nowhere(runner: TargetRunner) -> None:
    """A user's password reaches ActiveCampaign and no file, also when the row fails."""
    group = next(iter(runner.world.tables["groups"]))
    row = {
        "username": "ada",
        "name": "Ada Lovelace",
        "emails": [{"email": "ada@shop.example", "is_primary": True}],
        "group": group.id,
        "password": "correct horse battery",
    }
    retry = str(runner.folder / "retry.jsonl")
    runner.world.faults.server_error("/users", times=None, method="POST")
    failed = runner.send("directory_users", row, retry_path=retry, max_retry_seconds=1)
    assert (failed.actions, failed.states) == (["failed"], [])
    runner.world.faults.clear()
    run = runner.send("directory_users", row, retry_path=retry)
    assert run.actions == ["created"]
    user = runner.world.tables["users"][run.results[0]["id"]]
    assert (user.firstName, user.lastName, user.username) == ("Ada", "Lovelace", "ada")
    for path in runner.folder.rglob("*"):
        if path.is_file():
            assert b"correct horse" not in path.read_bytes()
    changed = runner.send("directory_users", {"email": "ada@shop.example", "name": "Ada King"})
    assert changed.actions == ["updated"]
    assert user.lastName == "King"
    assert runner.send("directory_users", {"email": "x@shop.example"}).actions == ["rejected"]


def test_custom_fields_are_found_typed_and_made_only_if_asked(runner: TargetRunner) -> None:
    """Custom fields are found by tag, title or id; unknown fields are created only by setting."""
    field = runner.world.add_field("Rank here", "dropdown", "RANK_HERE")
    runner.world.add_options(field.id, "gold", "silver")
    person = runner.world.add_contact("c@shop.example")
    for name in ("rank_here", "Rank here", f"field_{field.id}", "RANK_HERE"):
        row = {"email": person.email, f"custom_fields__{name}": "Gold", "first_name": name}
        assert runner.send("crm_contacts", row).actions == ["updated"]
        values = runner.world.tables["fieldValues"].by("contact", person.id)
        assert [v.value for v in values if v.field == field.id] == ["gold"]
    row = {
        "email": person.email,
        "first_name": "X",
        "custom_fields": {"nope": 1, "rank_here": "tin"},
    }
    run = runner.send("crm_contacts", row)
    assert run.actions == ["updated"]
    assert "nope" in run.reason()
    assert "option" in run.reason()
    # The rest of that row is known to be confirmed; of a new person's row nothing else is left.
    again = runner.send("crm_contacts", {"email": person.email, "custom_fields": {"nope": 1}})
    assert again.actions == ["skipped"]
    assert "nope" in again.reason()
    other = runner.world.add_contact("d@shop.example")
    alone = runner.send("crm_contacts", {"email": other.email, "custom_fields": {"nope": 1}})
    assert alone.actions == ["rejected"]
    row = {"email": person.email, "custom_fields": {"colours": ["red", "blue"], "points": 7}}
    assert runner.send("crm_contacts", row, create_missing_fields=True).actions == ["updated"]
    made = {f.title: f for f in runner.world.tables["fields"]}
    assert made["points"].type == "number"
    options = runner.world.tables["fieldOptions"].by("field", made["colours"].id)
    assert {o.value for o in options} == {"red", "blue"}
    rels = runner.world.tables["fieldRels"].by("field", made["colours"].id)
    assert [rel.relid for rel in rels] == [0]
    values = {v.field: v.value for v in runner.world.tables["fieldValues"].by("contact", person.id)}
    assert values[made["colours"].id] == "||red||blue||"


def test_accounts_are_one_per_name_in_any_case(runner: TargetRunner) -> None:
    """Accounts are unique by name in any case; after a duplicate the target reads it again."""
    row = {"name": "Fjord Freight", "website": "https://fjord.example", "description": "Ships"}
    assert runner.send("crm_accounts", row).actions == ["created"]
    (runner.folder / "ledger.sqlite").unlink()
    run = runner.send(
        "crm_accounts", row | {"name": "FJORD freight", "website": "https://f.example"}
    )
    assert run.actions == ["updated"]
    found = [a for a in runner.world.tables["accounts"] if a.name.casefold() == "fjord freight"]
    assert [a.accountUrl for a in found] == ["https://f.example"]


def test_a_contact_moves_to_another_account_by_one_update(runner: TargetRunner) -> None:
    """A contact moves to another account by one update, with its title; a new account is made."""
    row = {"email": "m@shop.example", "account__name": "Alpha Corp", "title": "CTO"}
    assert runner.send("crm_contacts", row).actions == ["created"]
    person = runner.world.find_contact("m@shop.example")
    links = runner.world.tables["accountContacts"].by("contact", person.id)
    assert [link.jobTitle for link in links] == ["CTO"]
    run = runner.send("crm_contacts", row | {"account__name": "Beta Corp"})
    assert run.actions == ["updated"]
    links = runner.world.tables["accountContacts"].by("contact", person.id)
    assert [runner.world.tables["accounts"][link.account].name for link in links] == ["Beta Corp"]


@pytest.mark.parametrize("creates", [True, False])
def test_accounts_through_the_importer_work_either_way(
    make_runner: Callable[..., TargetRunner], *, creates: bool
) -> None:
    """Every contact is linked after an import, whether or not the importer creates accounts."""
    runner = make_runner(import_creates_accounts=creates)
    rows = [{"email": f"a{n}@shop.example", "account__name": f"Co {n % 3}"} for n in range(30)]
    run = runner.send("crm_contacts", *rows)
    assert run.code == 0
    for n in range(30):
        person = runner.world.find_contact(f"a{n}@shop.example")
        links = runner.world.tables["accountContacts"].by("contact", person.id)
        assert [runner.world.tables["accounts"][link.account].name for link in links] == [
            f"Co {n % 3}"
        ]
    assert len([a for a in runner.world.tables["accounts"] if a.name.startswith("Co ")]) == 3


def test_raw_requests_are_guarded(runner: TargetRunner) -> None:
    """Raw requests are off by default; bulk senders are refused, deletes count, POSTs run once."""
    tag = runner.world.add_tag("doomed")
    rows = [
        {
            "n": 1,
            "method": "POST",
            "path": "/tags",
            "body": {"tag": {"tag": "raw", "tagType": "contact"}},
        },
        {"n": 2, "method": "DELETE", "path": f"/api/3/tags/{tag.id}"},
        {"n": 3, "method": "POST", "path": "campaign", "body": {}},
        {"n": 4, "method": "PUT", "path": "dealStages/1/deals", "body": {}},
        {"n": 5, "method": "POST", "path": "x/../messages", "body": {}},
        {"n": 6, "method": "POST", "path": "%6dessages", "body": {}},
    ]
    messages = stream_of("raw_requests", *rows, keys=["n"])
    assert set(runner.run(*messages).actions) == {"rejected"}
    run = runner.run(*messages, allow_raw_requests=True)
    assert run.actions == ["created", "skipped", "rejected", "rejected", "rejected", "rejected"]
    run = runner.run(*messages, allow_raw_requests=True, max_deletes=1)
    assert run.actions[1] == "updated"
    assert tag.id not in runner.world.tables["tags"]
    runner.world.faults.reset_after_apply("/notes", times=1, method="POST")
    note = {"note": {"note": "raw note", "relid": 1, "reltype": "Subscriber"}}
    lost = stream_of(
        "raw_requests", {"n": 9, "method": "POST", "path": "notes", "body": note}, keys=["n"]
    )
    for _ in range(2):
        assert runner.run(*lost, allow_raw_requests=True).actions == ["failed"]
    assert len([n for n in runner.world.tables["notes"] if n.note == "raw note"]) == 1
