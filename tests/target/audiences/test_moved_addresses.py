"""Other streams that give the same by address, where contacts got other addresses in the account.

A contact that leaves keeps what another stream gives to it, or to the address that it has.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import Run, state_of, stream_of

from .scene import Scene, leavers, row_of

if TYPE_CHECKING:
    from tests.postgres import Database

A, B, C, D = (f"{name}@shop.example" for name in ("ada", "ben", "cy", "dora"))
OTHER = "the target keeps what another stream grants too"


def give(scene: Scene, stream: str, *emails: str, others: int = 0, **besides: Any) -> Run:
    """Let a stream that is no audience give the tag to addresses; no one leaves meanwhile.

    ``others`` are further contacts, so that the rows go through the importer.
    """
    if stream == "pair":
        rows = [{"email": one, "tag_name": "trial", **besides} for one in emails]
        messages = stream_of("marketing_contact_tags", *rows, keys=["email", "tag_name"])
    else:
        more = [f"more{n}@shop.example" for n in range(others)]
        messages = stream_of("plain", *({**row_of(one), **besides} for one in [*emails, *more]))
    aliases = scene.settings["stream_aliases"] | {"plain": "marketing_contacts"}
    place = {k: v for k, v in scene.settings.items() if k == "ledger_path"}
    run = scene.runner.run(*messages, state_of(1), stream_aliases=aliases, **place)
    scene.world.settle(at_once=True)
    assert run.code == 0
    return run


def move(scene: Scene, *pairs: tuple[int, str]) -> None:
    """Give contacts other addresses, as a user does; swaps go over a third address."""
    for contact, _ in pairs:
        scene.world.edit_contact(contact, email=f"between{contact}@shop.example")
    for contact, email in pairs:
        scene.world.edit_contact(contact, email=email)


def id_of(scene: Scene, email: str) -> int:
    """Return the id of an address's contact."""
    contact = scene.world.find_contact(email)
    assert contact is not None
    return int(contact.id)


WAYS = [
    pytest.param("plain", 0, id="contacts"),
    pytest.param("plain", 12, id="imported contacts"),
    pytest.param("pair", 0, id="pairs"),
]


@pytest.mark.parametrize("is_known", [False, True], ids=["new row", "known row"])
@pytest.mark.parametrize(("stream", "others"), WAYS)
def test_after_a_swap_the_contact_of_the_rows_address_keeps_the_tag(
    scene: Scene, stream: str, others: int, is_known: bool
) -> None:
    """Another stream's row by address keeps the tag of the contact that has the address now."""
    scene.send(A, B)
    if is_known:
        rows = stream_of("plain", {"email": A, "first_name": "Ada"})
        aliases = {"plain": "marketing_contacts"}
        scene.runner.run(*rows, state_of(1), stream_aliases=aliases)
    move(scene, (id_of(scene, A), B), (id_of(scene, B), A))
    give(scene, stream, A, others=others)
    run = scene.send(C)
    assert sorted(one["kept"] or "" for one in leavers(run)) == ["", OTHER]
    assert (scene.tags(A), scene.tags(B)) == ({"trial"}, set())


@pytest.mark.parametrize(("stream", "others"), WAYS)
def test_after_a_move_the_contact_of_the_rows_address_keeps_the_tag(
    scene: Scene, stream: str, others: int
) -> None:
    """A row by an address that a member got in the account keeps the member's tag."""
    scene.send(A, B)
    move(scene, (id_of(scene, A), C))
    give(scene, stream, C, others=others)
    run = scene.send(B)
    assert [one["kept"] for one in leavers(run)] == [OTHER]
    assert scene.tags(C) == {"trial"}


@pytest.mark.parametrize(("stream", "others"), WAYS)
def test_a_row_about_the_former_address_keeps_nothing_of_the_contact(
    scene: Scene, stream: str, others: int
) -> None:
    """A row by an address that a member has no more is of the address's new contact alone."""
    scene.send(A, B)
    move(scene, (id_of(scene, A), C))
    scene.add(A)
    give(scene, stream, A, others=others)
    run = scene.send(B)
    assert [one["kept"] for one in leavers(run)] == [None]
    assert (scene.tags(A), scene.tags(C)) == ({"trial"}, set())


@pytest.mark.parametrize(("stream", "others"), WAYS)
def test_a_contact_keeps_what_a_stream_gave_it_under_a_former_address(
    scene: Scene, stream: str, others: int
) -> None:
    """What a row gave to a contact stays when the contact got another address after it."""
    scene.send(A, B)
    give(scene, stream, A, others=others)
    move(scene, (id_of(scene, A), C))
    run = scene.send(B)
    assert [one["kept"] for one in leavers(run)] == [OTHER]
    assert scene.tags(C) == {"trial"}


@pytest.mark.parametrize(("stream", "others"), WAYS)
def test_an_unchanged_row_keeps_the_tag_of_the_contact_that_got_its_address(
    scene: Scene, stream: str, others: int
) -> None:
    """A row written to another contact gives the tag to the contact that has its address now."""
    scene.send(A, B)
    third = scene.add(C)
    give(scene, stream, C, others=others)
    move(scene, (third, D), (id_of(scene, A), C))
    assert set(give(scene, stream, C, others=others).actions) == {"unchanged"}
    run = scene.send(B)
    assert [one["kept"] for one in leavers(run)] == [OTHER]
    assert (scene.tags(C), scene.tags(D)) == ({"trial"}, {"trial"})


def test_a_row_that_names_its_contact_by_id_keeps_the_tag_of_that_contact(scene: Scene) -> None:
    """A pair by id is of the contact with the id, whatever addresses the row and the contact have.

    This holds where the audience gave the tag after the pair, too.
    """
    scene.send(B)
    contact = scene.add(A)
    pair = {"contact_id": str(contact), "contact_email": B, "tag_name": "trial"}
    for action in ("updated", "unchanged"):
        run = scene.runner.run(*stream_of("marketing_contact_tags", pair), state_of(1))
        assert run.actions == [action]
    tag = next(one.id for one in scene.world.tables["tags"] if one.tag == "trial")
    scene.world.untag(contact, tag)
    scene.send(A, B)
    move(scene, (contact, C))
    run = scene.send(D)
    assert sorted(one["kept"] or "" for one in leavers(run)) == ["", OTHER]
    assert (scene.tags(C), scene.tags(B)) == ({"trial"}, set())


@pytest.mark.parametrize("by", ["pair", "contact"])
def test_a_stream_that_removed_the_tag_gives_it_no_more(scene: Scene, by: str) -> None:
    """A tag that another stream gave and removed is the audience's when it gives it again."""
    scene.send(A, B)
    give(scene, "pair", A)
    give(scene, "plain", A)
    if by == "pair":
        give(scene, "pair", A, status="removed")
    else:
        give(scene, "plain", A, tags=[], remove_tags=["trial"])
    assert scene.tags(A) == set()
    scene.send({"email": A, "tags": ["trial"], "first_name": "Ada"}, B)
    run = scene.send(B)
    assert [one["kept"] for one in leavers(run)] == [None]
    assert scene.tags(A) == set()


def test_a_refused_row_about_an_address_keeps_nothing(scene: Scene) -> None:
    """A row of another stream that ActiveCampaign refused gives nothing to an address."""
    scene.send(A, B)
    move(scene, (id_of(scene, A), C))
    scene.world.faults.server_error("/contactTags", status=422, times=None, method="POST")
    pair = stream_of("marketing_contact_tags", {"email": C, "tag_name": "trial"})
    assert scene.runner.run(*pair, state_of(1)).actions == ["rejected"]
    scene.world.faults.clear()
    assert [one["kept"] for one in leavers(scene.send(B))] == [None]
    assert scene.tags(C) == set()


def test_a_field_and_a_list_that_another_stream_gives_to_an_address_stay(whole: Scene) -> None:
    """Fields and lists that another stream gives to a member's new address are not taken back."""
    given = {"tags": ["trial"], "segments": ["News"], "custom_fields": {"plan": "pro"}}
    whole.send({"email": A, **given}, B)
    third = whole.add(C)
    give(whole, "plain", C, segments=["News"], custom_fields={"plan": "pro"})
    move(whole, (third, D), (id_of(whole, A), C))
    whole.send(B)
    stays = {"tags": {"trial"}, "lists": {"News"}, "plan": "pro", "automations": []}
    assert whole.has(C) == stays


def test_a_ledger_of_an_earlier_version_knows_what_audiences_gave(scene: Scene) -> None:
    """A ledger without the marks of what audiences gave gets them, and notes other streams."""
    scene.send(A, B)
    path = scene.runner.folder / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as ledger, ledger:
        removed = ledger.execute("DELETE FROM meta WHERE name LIKE '%grant%'").rowcount
        assert removed == 2
    check_that_the_pair_keeps_the_tag(scene)


def test_a_ledger_of_an_earlier_version_in_postgresql_knows_what_audiences_gave(
    scene: Scene, postgres_database: Database
) -> None:
    """The same holds for a ledger in PostgreSQL."""
    scene.settings["ledger_path"] = postgres_database.url()
    scene.send(A, B)
    removed = postgres_database.rows(
        "DELETE FROM activecampaign_ledger.meta WHERE name LIKE '%grant%' RETURNING name"
    )
    assert len(removed) == 2
    check_that_the_pair_keeps_the_tag(scene)


def check_that_the_pair_keeps_the_tag(scene: Scene) -> None:
    """Let a pair give the tag to an address, and a member with that address leave."""
    third = scene.add(C)
    give(scene, "pair", C)
    move(scene, (third, D), (id_of(scene, A), C))
    assert [one["kept"] for one in leavers(scene.send(B))] == [OTHER]
    assert scene.tags(C) == {"trial"}


@pytest.mark.parametrize("count", [250, 500])
def test_verifying_imported_contacts_costs_a_request_per_hundred(scene: Scene, count: int) -> None:
    """An import of another stream reads each hundred of its contacts that an audience gave to."""
    people = [f"p{n}@shop.example" for n in range(count)]
    scene.send(*people)
    give(scene, "plain", "first@shop.example")  # the tags and the importer's limits are read
    rows = [row_of(one) for one in people]
    aliases = scene.settings["stream_aliases"] | {"plain": "marketing_contacts"}
    run = scene.runner.run(*stream_of("plain", *rows), state_of(1), stream_aliases=aliases)
    assert run.code == 0
    plain = scene.runner.run(
        *stream_of("plain", *({**row, "first_name": "P", "tags": []} for row in rows)),
        state_of(1),
        stream_aliases=aliases,
    )
    more = run.requests.count(("GET", "contacts")) - plain.requests.count(("GET", "contacts"))
    assert 0 < more <= count // 100 + 1
    assert [one["kept"] for one in leavers(scene.send(*people[1:]))] == [OTHER]


def test_a_contact_that_got_the_address_of_another_audience_stays_until_that_row_is_gone(
    scene: Scene,
) -> None:
    """A row of another audience keeps the tag of the contact that has its address, and takes it."""
    scene.send(A, B)
    scene.send(C, B, stream="buyers")
    move(scene, (id_of(scene, C), D), (id_of(scene, A), C))
    [planned] = leavers(scene.send(B, dry_run=True))
    assert planned["kept"] == OTHER
    assert [one["kept"] for one in leavers(scene.send(B))] == [OTHER]
    assert scene.send(C, B, stream="buyers").writes == []
    assert (scene.tags(C), scene.tags(D)) == ({"trial"}, {"trial"})
    assert len(leavers(scene.send(B, stream="buyers"))) == 2
    assert (scene.tags(C), scene.tags(D), scene.tags(B)) == (set(), set(), {"trial"})
