"""The ledger never confirms a row of which a part was left out, denied or ignored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.lab import Lab

WHO = "part@shop.example"


@dataclass
class Case:
    """A row with a part that is not written; ``mend`` makes that part possible, if anything can."""

    stream: str
    row: dict[str, Any]
    word: str
    prepare: Callable[[Lab], Any] = lambda _: None
    mend: Callable[[Lab], Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def with_contact(lab: Lab) -> Any:
    """Create the contact of these rows."""
    return lab.world.add_contact(WHO, firstName="There")


def with_account(lab: Lab) -> Any:
    """Create the account of these rows."""
    return lab.world.add_account("Part Co", accountUrl="https://there.example")


def opted_out(lab: Lab) -> None:
    """Create the contact, who unsubscribed from the list."""
    lab.world.subscribe(with_contact(lab).id, lab.world.add_list("News").id, 2)


def linked(lab: Lab) -> None:
    """Link the contact to an account."""
    row = {"email": WHO, "account": "Part Co"}
    assert lab.send("crm_contacts", row, ledger_path=str(lab.folder / "other.sqlite")).code == 0


CASES = {
    "an unknown column": Case("crm_contacts", {"email": WHO, "shoe_size": 44}, "shoe_size"),
    "an unknown key": Case(
        "crm_contacts", {"email": WHO, "account": {"name": "Part Co", "vat": "1"}}, "account.vat"
    ),
    "an unknown custom field": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "custom_fields": {"mood": "good"}},
        "custom_fields.mood",
        mend=lambda lab: lab.world.add_field("Mood", "text", "MOOD"),
    ),
    "a title without an account": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "title": "CEO"},
        "title",
        mend=linked,
    ),
    "a tag that may not be made": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "tags": ["Fresh"]},
        "tag",
        mend=lambda lab: lab.world.add_tag("Fresh"),
        settings={"create_missing_tags": False},
    ),
    "a tag outside the namespace": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "tags": ["other"]},
        "tag_namespace",
        settings={"tags_mode": "mirror", "tag_namespace": "dw:"},
    ),
    "an automation": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "automations": ["Welcome"]},
        "allow_automations",
    ),
    "an opt-out": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "segments": ["News"]},
        "resubscribe",
        opted_out,
    ),
    "a filled field": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "last_name": "Lee"},
        "only_if_empty",
        with_contact,
        settings={"only_if_empty": ["first_name"]},
    ),
    "a filled field alone": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann"},
        "only_if_empty",
        with_contact,
        settings={"only_if_empty": ["first_name"]},
    ),
    "a filled field of an account": Case(
        "crm_accounts",
        {"name": "Part Co", "website": "https://new.example"},
        "only_if_empty",
        with_account,
        settings={"only_if_empty": ["website"]},
    ),
    "an unknown owner": Case(
        "crm_accounts", {"name": "Part Co", "owner": {"email": "no@body.example"}}, "owner"
    ),
    "an unknown column of an account": Case(
        "crm_accounts", {"name": "Part Co", "Shoe Size": 1}, "Shoe Size", with_account
    ),
    "an unknown column of a tag": Case("marketing_tags", {"name": "Fresh", "colour": 1}, "colour"),
    "an unknown column of a note": Case(
        "crm_notes", {"content": "x", "contact": [{"email": WHO}], "mood": 1}, "mood", with_contact
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_which_a_part_was_not_done_says_so_on_every_run(lab: Lab, name: str) -> None:
    """Every run gives the reason until the part is written; only then the row is confirmed."""
    case = CASES[name]
    case.prepare(lab)
    runs = [lab.send(case.stream, case.row, **case.settings) for _ in range(3)]
    assert all(case.word in run.reason() for run in runs)
    assert len({run.reason() for run in runs}) == 1
    assert [run.actions for run in runs if run.actions == ["unchanged"]] == []
    if case.mend is not None:
        case.mend(lab)
        assert lab.send(case.stream, case.row, **case.settings).reason() == ""
        assert lab.send(case.stream, case.row, **case.settings).actions == ["unchanged"]


@pytest.mark.parametrize(
    "name", [name for name in CASES if "column" in name or CASES[name].word == "only_if_empty"]
)
def test_a_part_that_only_the_row_or_a_setting_can_change_costs_no_request(
    lab: Lab, name: str
) -> None:
    """Later runs repeat the reason without a request, because the rest of the row is confirmed."""
    case = CASES[name]
    case.prepare(lab)
    lab.send(case.stream, case.row, **case.settings)
    assert lab.send(case.stream, case.row, **case.settings).requests == []


def test_an_opt_out_is_looked_at_again_and_nothing_else_is_sent(lab: Lab) -> None:
    """A later run reads only whether the contact may be subscribed now."""
    opted_out(lab)
    row = {"email": WHO, "first_name": "Ann", "segments": ["News"]}
    assert lab.send("crm_contacts", row).actions == ["updated"]
    again = lab.send("crm_contacts", row)
    assert (again.actions, again.writes) == (["skipped"], [])
    person = lab.world.find_contact(WHO)
    news = next(one for one in lab.world.tables["lists"] if one.name == "News")
    lab.world.subscribe(person.id, news.id, 0)
    assert lab.send("crm_contacts", row).actions == ["updated"]
    assert lab.world.membership(person.id, news.id).status == 1


def test_a_changed_setting_or_row_ends_the_reason(lab: Lab) -> None:
    """A changed row or setting ends the stored reason."""
    with_account(lab)
    row = {"name": "Part Co", "website": "https://new.example"}
    fills = {"only_if_empty": ["website"]}
    assert lab.send("crm_accounts", row, **fills).actions == ["skipped"]
    assert lab.send("crm_accounts", {**row, "description": "x"}, **fills).reason()
    run = lab.send("crm_accounts", row)
    assert (run.actions, run.reason()) == (["updated"], "")
