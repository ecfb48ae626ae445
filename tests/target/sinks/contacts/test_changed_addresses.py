"""Rows by id that change addresses (`allow_email_change`), and rows that name these addresses."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.sinks.contacts.address_changes import ADDRESS_TAKEN
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import state_of, stream_of
from tests.target.undo.account import UndoRunner, differences, truth_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World
    from tests.target.runner import Run

STREAMS = ("crm_contacts", "marketing_contacts")
A, B, C, D = (f"{name}@shop.example" for name in ("ada", "ben", "cy", "dora"))
RULE = {"on_leave": ["remove_tags", "unsubscribe", "clear_fields"], "max_leave_share": 1}
KINDS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "undo": ("undo",),
    "audience": ("audience",),
    "audience and undo": ("audience", "undo"),
}


#: Kind, stream and seed of the order of threads; the other combinations are of the long search.
SHORT = {
    ("plain", "crm_contacts", 3),
    ("undo", "marketing_contacts", None),
    ("audience", "crm_contacts", None),
    ("audience and undo", "marketing_contacts", 3),
}
CASES = [
    pytest.param(*case, marks=() if case in SHORT else pytest.mark.long)
    for case in itertools.product(KINDS, STREAMS, (None, 3))
]


class Account:
    """An account with the contacts Ada (1), Ben (2), and some others."""

    def __init__(
        self,
        folder: Path,
        kind: str = "plain",
        *,
        stream: str = "crm_contacts",
        others: int = 0,
        seed: int | None = None,
    ) -> None:
        """Create the contacts."""
        clock = ManualClock()
        self.world: World = world_of(clock, is_empty=True)
        self.runner = UndoRunner(self.world, clock, folder, seed)
        self.stream = stream
        self.settings: dict[str, Any] = {"allow_email_change": True}
        if "audience" in KINDS[kind]:
            self.settings["audiences"] = {stream: RULE}
        if "undo" in KINDS[kind]:
            self.settings |= self.runner.settings
        for email in (A, B):
            self.world.add_contact(email, firstName=email[:3])
        self.others = [{"email": f"p{n}@shop.example", "first_name": "P"} for n in range(others)]

    def send(self, *rows: dict[str, Any], **settings: Any) -> Run:
        """Write rows, and those of the others after them."""
        found = [*rows, *self.others]
        run = self.runner.run(
            *stream_of(self.stream, *found), state_of(1), **{**self.settings, **settings}
        )
        self.world.settle(at_once=True)
        self.runner.clock.sleep(100)
        assert len([result for result in run.results if result["row"]]) == len(found)
        return run

    def emails(self) -> dict[int, str]:
        """Return the addresses of the contacts with the lowest ids."""
        found = {row.id: row.email for row in self.world.tables["contacts"]}
        return {native_id: found[native_id] for native_id in sorted(found)[:2]}

    def named(self, email: str) -> tuple[int, str, set[str]] | None:
        """Return the id, the first name and the tags of the contact of an address."""
        contact = self.world.find_contact(email)
        if contact is None:
            return None
        tags = self.world.tables["tags"]
        rows = self.world.tables["contactTags"].by("contact", contact.id)
        return contact.id, contact.firstName, {tags[row.tag].tag for row in rows}


def both(first: tuple[str, str], second: tuple[str, str], **besides: Any) -> list[dict[str, Any]]:
    """Return a row for each id and address."""
    return [{"id": native_id, "email": email, **besides} for native_id, email in (first, second)]


@pytest.mark.parametrize("others", [0, 12], ids=["alone", "with an import"])
@pytest.mark.parametrize(("kind", "stream", "seed"), CASES)
def test_two_contacts_that_swap_addresses_are_rejected_and_stay(
    tmp_path: Path, kind: str, stream: str, others: int, seed: int | None
) -> None:
    """ActiveCampaign takes neither address: both rows are rejected, and say what to do instead."""
    account = Account(tmp_path, kind, stream=stream, others=others, seed=seed)
    rows = both(("1", B), ("2", A), first_name="New", tags=["new"])
    before = truth_of(account.world)
    for _ in range(2):
        run = account.send(*rows)
        assert run.actions[:2] == ["rejected", "rejected"]
        assert {run.reason(1), run.reason(2)} == {ADDRESS_TAKEN}
        assert set(run.actions[2:]) <= {"created", "updated", "unchanged"}
        assert run.code == 0
        after = truth_of(account.world)
        assert {k: v for k, v in after["contacts"].items() if k < 3} == before["contacts"]
        assert not [tag for tag in after["tags"] if tag[0] < 3]
    if "audience" in kind:
        # Nothing is noted as given: a tag that a user adds is the user's.
        tag = account.world.add_tag("new")
        account.world.tag(1, tag.id)
        account.send({"email": C})
        assert account.named(A) == (1, "ada", {"new"})


@pytest.mark.parametrize(("kind", "stream", "seed"), CASES)
def test_a_swap_over_a_third_address_needs_two_runs(
    tmp_path: Path, kind: str, stream: str, seed: int | None
) -> None:
    """With a third address in between, the contacts swap; then all rows are unchanged."""
    account = Account(tmp_path, kind, stream=stream, seed=seed)
    account.send({"id": "1", "email": C}, {"id": "2", "email": A})
    assert account.emails() == {1: C, 2: A}
    rows = both(("1", B), ("2", A))
    assert account.send(*rows).actions == ["updated", "unchanged"]
    assert account.emails() == {1: B, 2: A}
    assert account.send(*rows).actions == ["unchanged", "unchanged"]


@pytest.mark.parametrize("is_free_first", [True, False])
@pytest.mark.parametrize(("kind", "stream", "seed"), CASES)
def test_an_address_that_another_row_frees_is_taken_in_any_order(
    tmp_path: Path, kind: str, stream: str, is_free_first: bool, seed: int | None
) -> None:
    """Ben gets the address that Ada gives up in the same input, whichever row comes first."""
    account = Account(tmp_path, kind, stream=stream, seed=seed)
    before = truth_of(account.world)
    rows = both(("1", C), ("2", A), tags=["new"])
    rows = rows if is_free_first else rows[::-1]
    run = account.send(*rows)
    assert (run.code, run.actions) == (0, ["updated", "updated"])
    assert account.emails() == {1: C, 2: A}
    assert account.send(*rows).actions == ["unchanged", "unchanged"]
    if "undo" in kind:
        assert account.runner.undo(run=run.results[0]["run"]).code == 0
        assert differences(before, truth_of(account.world)) == {}


@pytest.mark.parametrize("batch_rows", [1, 10])
@pytest.mark.parametrize(("kind", "stream", "seed"), CASES)
def test_a_chain_of_moves_ends_in_one_run(
    tmp_path: Path, kind: str, stream: str, batch_rows: int, seed: int | None
) -> None:
    """Ten contacts move up one address each, in the worst order, over several batches."""
    account = Account(tmp_path, kind, stream=stream, seed=seed)
    account.runner.batch_rows = batch_rows
    ids = [account.world.add_contact(f"m{n}@shop.example").id for n in range(10)]
    before = truth_of(account.world)
    rows = [
        {"id": str(contact_id), "email": f"m{n + 1}@shop.example"}
        for n, contact_id in enumerate(ids)
    ]
    run = account.send(*rows)
    assert (run.code, set(run.actions)) == (0, {"updated"})
    assert [account.world.tables["contacts"][contact_id].email for contact_id in ids] == [
        row["email"] for row in rows
    ]
    assert set(account.send(*rows).actions) == {"unchanged"}
    if "undo" in kind:
        assert account.runner.undo(run=run.results[0]["run"]).code == 0
        assert differences(before, truth_of(account.world)) == {}


@pytest.mark.parametrize("others", [0, 12], ids=["alone", "with an import"])
@pytest.mark.parametrize(("kind", "stream", "seed"), CASES)
def test_rows_by_address_after_a_change_mean_who_has_the_address_then(
    tmp_path: Path, kind: str, stream: str, others: int, seed: int | None
) -> None:
    """After Ada's address changed, a row by the new address is Ada's, by the former it is not."""
    account = Account(tmp_path, kind, stream=stream, others=others, seed=seed)
    before = truth_of(account.world)
    run = account.send(
        {"email": A, "first_name": "Before"},
        {"id": "1", "email": C},
        {"email": C, "tags": ["hers"]},
        {"email": A, "first_name": "Someone", "tags": ["theirs"]},
    )
    assert run.code == 0
    # The importer does not say which contacts it created.
    assert run.actions[:3] == ["updated"] * 3
    assert run.actions[3] in {"created", "updated"}
    assert account.named(C) == (1, "Before", {"hers"})
    someone = account.named(A)
    assert someone is not None
    assert someone[0] > 2
    assert someone[1:] == ("Someone", {"theirs"})
    if "undo" in kind and not others:
        undone = account.runner.undo(run=run.results[0]["run"], creates=True, max_deletes=9)
        assert undone.code == 0
        left = differences(before, truth_of(account.world))
        assert left == {}
        return
    pairs = stream_of(
        "marketing_contact_tags",
        {"email": C, "tag_name": "pair of Ada"},
        {"email": A, "tag_name": "pair of someone"},
    )
    settings = {name: v for name, v in account.settings.items() if name != "audiences"}
    assert account.runner.run(*pairs, state_of(1), **settings).actions == ["updated"] * 2
    assert account.named(C) == (1, "Before", {"hers", "pair of Ada"})


@pytest.mark.parametrize(("kind", "stream", "seed"), CASES)
def test_pairs_after_a_change_in_the_same_input_find_the_new_address(
    tmp_path: Path, kind: str, stream: str, seed: int | None
) -> None:
    """A tag by the new address is the contact's; the former address finds no contact."""
    account = Account(tmp_path, kind, stream=stream, seed=seed)
    first = stream_of("marketing_contact_tags", {"email": A, "tag_name": "before"})
    contacts = stream_of(stream, {"id": "1", "email": C})
    pairs = [{"email": email, "tag_name": "after"} for email in (C, A)]
    account.runner.batch_rows = 1
    messages = [*first, *contacts, *stream_of("marketing_contact_tags", *pairs), state_of(1)]
    run = account.runner.run(*messages, **account.settings)
    assert run.actions == ["updated", "updated", "updated", "rejected"]
    assert account.named(C) == (1, "ada", {"before", "after"})


def test_an_audience_knows_its_member_by_the_new_address(tmp_path: Path) -> None:
    """A member whose row changed the address leaves, though another row has the former address."""
    account = Account(tmp_path, "audience")
    account.send({"id": "1", "email": A, "tags": ["new"]}, {"id": "2", "email": B})
    account.send({"id": "1", "email": C, "tags": ["new"]}, {"id": "2", "email": B})
    assert account.named(C) == (1, "ada", {"new"})
    account.send({"email": A, "tags": ["new"]}, {"id": "2", "email": B})
    assert account.named(C) == (1, "ada", set())
    someone = account.named(A)
    assert someone is not None
    assert someone[2] == {"new"}


def test_an_address_that_stays_taken_costs_two_more_requests(tmp_path: Path) -> None:
    """A row whose address is never freed is tried at the end of the input again, not in between."""
    account = Account(tmp_path)
    account.runner.batch_rows = 1
    more = [{"id": "2", "email": B, "first_name": f"N{n}"} for n in range(8)]
    run = account.send({"id": "1", "email": B}, *more)
    assert run.actions == ["rejected"] + ["updated"] * 8
    assert run.writes.count(("PUT", "contacts/1")) <= 3
