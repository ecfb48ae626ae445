"""Tags: removed with few requests, mirrored within their namespace, applied as pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError
from tests.target.runner import TargetRunner, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tap.client.clients import ManualClock


def names_of(runner: TargetRunner, contact: int) -> set[str]:
    """Return the names of a contact's tags."""
    rows = runner.world.tables["contactTags"].by("contact", contact)
    return {runner.world.tables["tags"][row.tag].tag for row in rows}


@pytest.mark.long
@pytest.mark.parametrize("include", ["all", "none"])
def test_two_thousand_removals_take_at_most_two_requests_each(
    make_runner: Callable[..., TargetRunner], include: str
) -> None:
    """A removed tag costs one request with sideloads and two without."""
    runner = make_runner(include=include)
    tag = runner.world.add_tag("old")
    people = [runner.world.add_contact(f"t{n}@shop.example") for n in range(2000)]
    for person in people:
        runner.world.tag(person.id, tag.id)
    rows = [{"id": str(p.id), "remove_tags": ["Old"]} for p in people]
    run = runner.send("crm_contacts", *rows)
    assert set(run.actions) == {"updated"}
    assert len(run.requests) <= 4000 + 10
    assert len(runner.world.tables["contactTags"].by("tag", tag.id)) == 0
    assert tag.id in runner.world.tables["tags"]


def test_contacts_with_several_tags_are_read_concurrently(
    make_runner: Callable[..., TargetRunner], clock: ManualClock, tmp_path: Path
) -> None:
    """Contacts with several tags are read concurrently, so latency does not limit the rate."""
    world = make_runner(contacts=0).world
    people = [world.add_contact(f"t{n}@shop.example") for n in range(250)]
    tags = [world.add_tag(name) for name in ("red", "blue", "green")]
    for person in people:
        for tag in tags:
            world.tag(person.id, tag.id)
    runner = TargetRunner(world, clock, tmp_path / "beside", seed=1)
    runner.folder.mkdir()
    rows = [{"id": str(person.id), "remove_tags": ["red", "blue", "green"]} for person in people]
    assert set(runner.send("crm_contacts", *rows).actions) == {"updated"}
    tag_ids = [value for request in world.log for name, value in request.query if name == "tagid"]
    assert 9 <= len(tag_ids) <= 12
    assert len(set(tag_ids[:3])) > 1
    assert not list(world.tables["contactTags"])


@pytest.mark.parametrize("cap", [None, 30])
def test_a_cut_sideload_is_not_believed(
    make_runner: Callable[..., TargetRunner], cap: int | None
) -> None:
    """Every tag is removed if the account caps sideloaded rows."""
    runner = make_runner(include_row_cap=cap)
    tag = runner.world.add_tag("old")
    people = [runner.world.add_contact(f"t{n}@shop.example") for n in range(120)]
    for person in people:
        runner.world.tag(person.id, tag.id)
    runner.send("crm_contacts", *[{"email": p.email, "remove_tags": ["old"]} for p in people])
    assert len(runner.world.tables["contactTags"].by("tag", tag.id)) == 0


def test_mirroring_stays_inside_its_namespace(runner: TargetRunner) -> None:
    """Tags of the namespace become exactly those of the row; other tags do not change."""
    person = runner.world.add_contact("m@shop.example")
    for name in ("score:low", "score:old", "vip"):
        runner.world.tag(person.id, runner.world.add_tag(name).id)
    settings: dict[str, Any] = {"tags_mode": "mirror", "tag_namespace": "score:"}
    row = {"email": person.email, "tags": ["score:high", "score:low", "other"]}
    run = runner.send("crm_contacts", row, **settings)
    assert run.actions == ["updated"]
    assert names_of(runner, person.id) == {"score:high", "score:low", "vip"}
    assert "tag_namespace" in run.reason()
    assert runner.send("crm_contacts", {"email": person.email, "tags": []}, **settings).code == 0
    assert names_of(runner, person.id) == {"vip"}


def test_mirroring_needs_its_namespace(runner: TargetRunner) -> None:
    """Mirroring without a namespace is a settings error."""
    with pytest.raises(SettingsError, match="tag_namespace"):
        runner.target(tags_mode="mirror")


@pytest.mark.parametrize("again", [200, 422])
def test_pairs_apply_and_remove(make_runner: Callable[..., TargetRunner], again: int) -> None:
    """A pair that is applied twice is applied once; removing it does not count as a delete."""
    runner = make_runner(contact_tag_again=again)
    person = runner.world.add_contact("p@shop.example")
    tag = runner.world.add_tag("pair")
    row = {"contact_id": str(person.id), "tag_id": str(tag.id)}
    assert runner.send("marketing_contact_tags", row).actions == ["updated"]
    assert runner.send("marketing_contact_tags", row, force=True).actions == ["updated"]
    assert names_of(runner, person.id) == {"pair"}
    by_name = {"contact__email": person.email, "tag_name": "PAIR", "status": "removed"}
    assert runner.send("marketing_contact_tags", by_name).actions == ["updated"]
    assert names_of(runner, person.id) == set()


@pytest.mark.parametrize("status", [False, 0, "false", "0", True], ids=repr)
def test_another_status_of_a_pair_rejects_the_row(runner: TargetRunner, status: Any) -> None:
    """A status of `false` does not apply the tag."""
    person = runner.world.add_contact("p@shop.example")
    row = {"email": person.email, "tag_name": "pair", "status": status}
    run = runner.send("marketing_contact_tags", row)
    assert (run.actions, run.writes) == (["rejected"], [])
    assert "status" in run.reason()


def test_rows_of_one_person_are_merged_in_order(runner: TargetRunner) -> None:
    """Of two rows that add and remove a tag the later wins, and each has its result."""
    run = runner.run(
        *stream_of("crm_contacts", {"email": "o@shop.example", "tags": ["a", "b"]}),
        *stream_of("crm_contacts", {"email": "O@shop.example", "remove_tags": ["a"]}),
        *stream_of("crm_contacts", {"email": "o@shop.example", "first_name": "Last"}),
    )
    assert run.actions == ["created", "updated", "updated"]
    person = runner.world.find_contact("o@shop.example")
    assert names_of(runner, person.id) == {"b"}
    assert person.firstName == "Last"


def test_an_unknown_tag_is_made_unless_that_is_off(runner: TargetRunner) -> None:
    """With create_missing_tags false the result names the tag that was left out."""
    row = {"email": "n@shop.example", "first_name": "N", "tags": ["brand new"]}
    run = runner.send("crm_contacts", row, create_missing_tags=False)
    assert run.actions == ["created"]
    assert "create_missing_tags" in run.reason()
    assert runner.send("crm_contacts", row).actions == ["updated"]
    person = runner.world.find_contact("n@shop.example")
    assert names_of(runner, person.id) == {"brand new"}
    long = {"email": "n@shop.example", "tags": ["x" * 300]}
    assert runner.send("crm_contacts", long).actions == ["rejected"]


def test_tags_come_as_json_text_from_a_table(runner: TargetRunner) -> None:
    """Tags as JSON text are read: a plain SQL table has no arrays."""
    row = {"email": "j@shop.example", "tags": '["one", "two"]', "segments": "[]"}
    assert runner.send("crm_contacts", row).actions == ["created"]
    assert names_of(runner, runner.world.find_contact("j@shop.example").id) == {"one", "two"}


@pytest.mark.parametrize("lost", ["empty_body", "truncated_json"])
def test_a_refusal_whose_words_are_lost_is_asked_for_again(
    make_runner: Callable[..., TargetRunner], lost: str
) -> None:
    """An applied tag whose answers are lost, the refusal of the retry too, is applied once."""
    runner = make_runner(contact_tag_again=422)
    person = runner.world.add_contact("t@shop.example")
    runner.world.faults.reset_after_apply("/contactTags", method="POST")
    getattr(runner.world.faults, lost)("/contactTags", method="POST")
    run = runner.send("marketing_contact_tags", {"email": person.email, "tag_name": "vip"})
    assert (run.code, run.actions) == (0, ["updated"])


@pytest.mark.parametrize("more", [{}, {"first_name": "New"}])
@pytest.mark.parametrize("rows", [1, 12])
def test_a_key_that_changed_its_address_takes_nothing_from_its_old_contact(
    runner: TargetRunner, rows: int, more: dict[str, Any]
) -> None:
    """A row whose key has another address now removes the tag from that address's contact."""
    tag = runner.world.add_tag("late")
    for letter in "ab":
        for n in range(rows):
            runner.world.tag(runner.world.add_contact(f"{letter}{n}@shop.example").id, tag.id)

    def lines(letter: str, **columns: Any) -> list[dict[str, Any]]:
        found = [{"customer": n, "email": f"{letter}{n}@shop.example"} for n in range(rows)]
        return stream_of("crm_contacts", *[{**r, **columns} for r in found], keys=["customer"])

    runner.run(*lines("a", last_name="A"), look_up_ids=True)
    run = runner.run(*lines("b", remove_tags=["late"], **more))
    assert set(run.actions) == {"updated"}
    kept = [runner.world.tables["contacts"][row.contact].email for row in tag_rows(runner, tag.id)]
    assert sorted(kept) == sorted(f"a{n}@shop.example" for n in range(rows))


def tag_rows(runner: TargetRunner, tag: int) -> list[Any]:
    """Return the contacts that have a tag."""
    return list(runner.world.tables["contactTags"].by("tag", tag))


@pytest.mark.parametrize("refusal", ["forbid", "not_found"])
def test_a_refused_tag_leaves_the_written_contact_created(
    runner: TargetRunner, refusal: str
) -> None:
    """If ActiveCampaign refuses a tag with 403 or 404, the result says what was written."""
    getattr(runner.world.faults, refusal)("/contactTags", method="POST")
    run = runner.send("crm_contacts", {"email": "new@shop.example", "tags": ["vip"]})
    assert (run.code, run.actions) == (0, ["created"])
    assert "refused" in run.reason()
    runner.world.faults.clear()
    again = runner.send("crm_contacts", {"email": "new@shop.example", "tags": ["vip"]})
    assert again.actions == ["updated"]


def test_a_tag_is_added_to_a_contact_whose_answer_had_no_id(runner: TargetRunner) -> None:
    """The target looks up the contact before it adds a tag."""
    runner.world.faults.rewrite("/contact/sync", _hide_id, method="POST")
    run = runner.send("crm_contacts", {"email": "new@shop.example", "tags": ["vip"]})
    assert run.actions == ["created"]
    assert names_of(runner, int(run.results[0]["id"])) == {"vip"}


def _hide_id(document: dict[str, Any]) -> None:
    document.get("contact", {}).pop("id", None)
