"""Tags: removed with few requests, mirrored within their namespace, applied as pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.config.settings import SettingsError
from tests.target.lab import Lab, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tap.client.lab import LabClock


def names_of(lab: Lab, contact: int) -> set[str]:
    """Return the names of a contact's tags."""
    rows = lab.world.tables["contactTags"].by("contact", contact)
    return {lab.world.tables["tags"][row.tag].tag for row in rows}


@pytest.mark.long
@pytest.mark.parametrize("include", ["all", "none"])
def test_two_thousand_removals_take_at_most_two_requests_each(
    make_lab: Callable[..., Lab], include: str
) -> None:
    """A removed tag costs one request with sideloads and two without."""
    lab = make_lab(include=include)
    tag = lab.world.add_tag("old")
    people = [lab.world.add_contact(f"t{n}@shop.example") for n in range(2000)]
    for one in people:
        lab.world.tag(one.id, tag.id)
    rows = [{"id": str(p.id), "remove_tags": ["Old"]} for p in people]
    run = lab.send("crm_contacts", *rows)
    assert set(run.actions) == {"updated"}
    assert len(run.requests) <= 4000 + 10
    assert len(lab.world.tables["contactTags"].by("tag", tag.id)) == 0
    assert tag.id in lab.world.tables["tags"]


def test_who_carries_several_tags_is_asked_side_by_side(
    make_lab: Callable[..., Lab], clock: LabClock, tmp_path: Path
) -> None:
    """Contacts with several tags are read concurrently, so latency does not limit the rate."""
    world = make_lab(contacts=0).world
    people = [world.add_contact(f"t{n}@shop.example") for n in range(250)]
    tags = [world.add_tag(name) for name in ("red", "blue", "green")]
    for one in people:
        for tag in tags:
            world.tag(one.id, tag.id)
    lab = Lab(world, clock, tmp_path / "beside", seed=1)
    lab.folder.mkdir()
    rows = [{"id": str(one.id), "remove_tags": ["red", "blue", "green"]} for one in people]
    assert set(lab.send("crm_contacts", *rows).actions) == {"updated"}
    asked = [value for one in world.log for name, value in one.query if name == "tagid"]
    assert 9 <= len(asked) <= 12
    assert len(set(asked[:3])) > 1
    assert not list(world.tables["contactTags"])


@pytest.mark.parametrize("cap", [None, 30])
def test_a_cut_sideload_is_not_believed(make_lab: Callable[..., Lab], cap: int | None) -> None:
    """Every tag is removed if the account caps sideloaded rows."""
    lab = make_lab(include_row_cap=cap)
    tag = lab.world.add_tag("old")
    people = [lab.world.add_contact(f"t{n}@shop.example") for n in range(120)]
    for one in people:
        lab.world.tag(one.id, tag.id)
    lab.send("crm_contacts", *[{"email": p.email, "remove_tags": ["old"]} for p in people])
    assert len(lab.world.tables["contactTags"].by("tag", tag.id)) == 0


def test_mirroring_stays_inside_its_namespace(lab: Lab) -> None:
    """Tags of the namespace become exactly those of the row; other tags do not change."""
    person = lab.world.add_contact("m@shop.example")
    for name in ("score:low", "score:old", "vip"):
        lab.world.tag(person.id, lab.world.add_tag(name).id)
    settings: dict[str, Any] = {"tags_mode": "mirror", "tag_namespace": "score:"}
    row = {"email": person.email, "tags": ["score:high", "score:low", "other"]}
    run = lab.send("crm_contacts", row, **settings)
    assert run.actions == ["updated"]
    assert names_of(lab, person.id) == {"score:high", "score:low", "vip"}
    assert "tag_namespace" in run.reason()
    assert lab.send("crm_contacts", {"email": person.email, "tags": []}, **settings).code == 0
    assert names_of(lab, person.id) == {"vip"}


def test_mirroring_needs_its_namespace(lab: Lab) -> None:
    """Mirroring without a namespace is a settings error."""
    with pytest.raises(SettingsError, match="tag_namespace"):
        lab.target(tags_mode="mirror")


@pytest.mark.parametrize("again", [200, 422])
def test_pairs_apply_and_remove(make_lab: Callable[..., Lab], again: int) -> None:
    """A pair that is applied twice is applied once; removing it does not count as a delete."""
    lab = make_lab(contact_tag_again=again)
    person = lab.world.add_contact("p@shop.example")
    tag = lab.world.add_tag("pair")
    row = {"contact_id": str(person.id), "tag_id": str(tag.id)}
    assert lab.send("marketing_contact_tags", row).actions == ["updated"]
    assert lab.send("marketing_contact_tags", row, force=True).actions == ["updated"]
    assert names_of(lab, person.id) == {"pair"}
    by_name = {"contact__email": person.email, "tag_name": "PAIR", "status": "removed"}
    assert lab.send("marketing_contact_tags", by_name).actions == ["updated"]
    assert names_of(lab, person.id) == set()


def test_rows_of_one_person_are_merged_in_order(lab: Lab) -> None:
    """Of two rows that add and remove a tag the later wins, and each has its result."""
    run = lab.run(
        *stream_of("crm_contacts", {"email": "o@shop.example", "tags": ["a", "b"]}),
        *stream_of("crm_contacts", {"email": "O@shop.example", "remove_tags": ["a"]}),
        *stream_of("crm_contacts", {"email": "o@shop.example", "first_name": "Last"}),
    )
    assert run.actions == ["created", "updated", "updated"]
    person = lab.world.find_contact("o@shop.example")
    assert names_of(lab, person.id) == {"b"}
    assert person.firstName == "Last"


def test_an_unknown_tag_is_made_unless_that_is_off(lab: Lab) -> None:
    """With create_missing_tags false the result names the tag that was left out."""
    row = {"email": "n@shop.example", "first_name": "N", "tags": ["brand new"]}
    run = lab.send("crm_contacts", row, create_missing_tags=False)
    assert run.actions == ["created"]
    assert "create_missing_tags" in run.reason()
    assert lab.send("crm_contacts", row).actions == ["updated"]
    person = lab.world.find_contact("n@shop.example")
    assert names_of(lab, person.id) == {"brand new"}
    long = {"email": "n@shop.example", "tags": ["x" * 300]}
    assert lab.send("crm_contacts", long).actions == ["rejected"]


def test_tags_come_as_json_text_from_a_table(lab: Lab) -> None:
    """Tags as JSON text are read: a plain SQL table has no arrays."""
    row = {"email": "j@shop.example", "tags": '["one", "two"]', "segments": "[]"}
    assert lab.send("crm_contacts", row).actions == ["created"]
    assert names_of(lab, lab.world.find_contact("j@shop.example").id) == {"one", "two"}


@pytest.mark.parametrize("lost", ["empty_body", "truncated_json"])
def test_a_refusal_whose_words_are_lost_is_asked_for_again(
    make_lab: Callable[..., Lab], lost: str
) -> None:
    """An applied tag whose answers are lost, the refusal of the retry too, is applied once."""
    lab = make_lab(contact_tag_again=422)
    person = lab.world.add_contact("t@shop.example")
    lab.world.faults.reset_after_apply("/contactTags", method="POST")
    getattr(lab.world.faults, lost)("/contactTags", method="POST")
    run = lab.send("marketing_contact_tags", {"email": person.email, "tag_name": "vip"})
    assert (run.code, run.actions) == (0, ["updated"])


@pytest.mark.parametrize("more", [{}, {"first_name": "New"}])
@pytest.mark.parametrize("rows", [1, 12])
def test_a_key_that_changed_its_address_takes_nothing_from_the_old_one(
    lab: Lab, rows: int, more: dict[str, Any]
) -> None:
    """A row whose key has another address now removes the tag from that address's contact."""
    tag = lab.world.add_tag("late")
    for letter in "ab":
        for n in range(rows):
            lab.world.tag(lab.world.add_contact(f"{letter}{n}@shop.example").id, tag.id)

    def lines(letter: str, **columns: Any) -> list[dict[str, Any]]:
        found = [{"customer": n, "email": f"{letter}{n}@shop.example"} for n in range(rows)]
        return stream_of("crm_contacts", *[{**r, **columns} for r in found], keys=["customer"])

    lab.run(*lines("a", last_name="A"), look_up_ids=True)
    run = lab.run(*lines("b", remove_tags=["late"], **more))
    assert set(run.actions) == {"updated"}
    kept = [lab.world.tables["contacts"][row.contact].email for row in tag_rows(lab, tag.id)]
    assert sorted(kept) == sorted(f"a{n}@shop.example" for n in range(rows))


def tag_rows(lab: Lab, tag: int) -> list[Any]:
    """Return the contacts that have a tag."""
    return list(lab.world.tables["contactTags"].by("tag", tag))
