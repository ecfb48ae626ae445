"""The ledger never confirms a row of which a part was left out, denied or ignored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner

WHO = "part@shop.example"


@dataclass
class Case:
    """A row with a part that is not written; ``fix`` makes that part possible, if anything can."""

    stream: str
    row: dict[str, Any]
    word: str
    prepare: Callable[[TargetRunner], Any] = lambda _: None
    fix: Callable[[TargetRunner], Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def with_contact(runner: TargetRunner) -> Any:
    """Create the contact of these rows."""
    return runner.world.add_contact(WHO, firstName="There")


def with_account(runner: TargetRunner) -> Any:
    """Create the account of these rows."""
    return runner.world.add_account("Part Co", accountUrl="https://there.example")


def opted_out(runner: TargetRunner) -> None:
    """Create the contact, who unsubscribed from the list."""
    runner.world.subscribe(with_contact(runner).id, runner.world.add_list("News").id, 2)


def linked(runner: TargetRunner) -> None:
    """Link the contact to an account."""
    row = {"email": WHO, "account": "Part Co"}
    assert (
        runner.send("crm_contacts", row, ledger_path=str(runner.folder / "other.sqlite")).code == 0
    )


def without_description(runner: TargetRunner) -> None:
    """Delete the field that ActiveCampaign ships for the description of accounts."""
    fields = runner.world.tables["accountCustomFieldMeta"]
    [field] = [field for field in fields if field.fieldLabel == "Description"]
    runner.world.delete_custom_field("account", field.id)


CASES = {
    "an unknown column": Case("crm_contacts", {"email": WHO, "shoe_size": 44}, "shoe_size"),
    "an unknown key": Case(
        "crm_contacts", {"email": WHO, "account": {"name": "Part Co", "vat": "1"}}, "account.vat"
    ),
    "an unknown custom field": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "custom_fields": {"mood": "good"}},
        "custom_fields.mood",
        fix=lambda runner: runner.world.add_field("Mood", "text", "MOOD"),
    ),
    "a title without an account": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "title": "CEO"},
        "title",
        fix=linked,
    ),
    "a tag that may not be made": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "tags": ["Fresh"]},
        "tag",
        fix=lambda runner: runner.world.add_tag("Fresh"),
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
    "an unknown option": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "custom_fields": {"size": "XXL", "mood": "good"}},
        "custom_fields.size",
        lambda runner: runner.world.add_options(
            runner.world.add_field("Size", "dropdown", "SIZE").id, "S", "M"
        ),
    ),
    "one of two tags": Case(
        "crm_contacts",
        {"email": WHO, "tags": ["Fresh", "Known"]},
        "tag",
        lambda runner: runner.world.add_tag("Known"),
        fix=lambda runner: runner.world.add_tag("Fresh"),
        settings={"create_missing_tags": False},
    ),
    "one of two tags of a mirror": Case(
        "crm_contacts",
        {"email": WHO, "tags": ["dw:fresh", "dw:known"]},
        "tag",
        lambda runner: runner.world.add_tag("dw:known"),
        fix=lambda runner: runner.world.add_tag("dw:fresh"),
        settings={
            "create_missing_tags": False,
            "tags_mode": "mirror",
            "tag_namespace": "dw:",
        },
    ),
    "one of two lists": Case(
        "crm_contacts",
        {
            "email": WHO,
            "segments": [
                {"name": "News", "status": "active"},
                {"name": "Deals", "status": "bounced"},
            ],
        },
        "bounced",
        lambda runner: [runner.world.add_list(name) for name in ("News", "Deals")],
    ),
    "a status that names no list": Case(
        "crm_contacts", {"email": WHO, "first_name": "Ann", "status": "unsubscribed"}, "status"
    ),
    "a part denied and a part left out": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "last_name": "Lee", "custom_fields": {"mood": "good"}},
        "only_if_empty",
        with_contact,
        settings={"only_if_empty": ["first_name"]},
    ),
    "an automation that is off": Case(
        "crm_contacts",
        {"email": WHO, "first_name": "Ann", "automations": ["Asleep"]},
        "not active",
        lambda runner: runner.world.add_automation("Asleep", status=2),
        settings={"allow_automations": True},
    ),
    "an unknown custom field of an account": Case(
        "crm_accounts",
        {"name": "Part Co", "website": "https://a.example", "custom_fields": {"mood": "good"}},
        "custom_fields.mood",
        fix=lambda runner: runner.world.add_custom_field("account", "Mood", "text"),
    ),
    "money in an unknown field of an account": Case(
        "crm_accounts",
        {
            "name": "Part Co",
            "custom_fields__margin__amount": 3,
            "custom_fields__margin__currency": "EUR",
        },
        "custom_fields.margin",
        fix=lambda runner: runner.world.add_custom_field("account", "Margin", "currency"),
    ),
    "a standard attribute that the account lacks": Case(
        "crm_accounts",
        {"name": "Part Co", "website": "https://a.example", "description": "fine"},
        "ACCT_DESCRIPTION",
        without_description,
    ),
    "an unknown custom field of a deal": Case(
        "crm_opportunities",
        {
            "name": "Deal",
            "contact": [{"email": WHO}],
            "stage": {"id": "1"},
            "owner": {"id": "1"},
            "custom_fields": {"mood": "good"},
        },
        "custom_fields.mood",
        with_contact,
        fix=lambda runner: runner.world.add_custom_field("deal", "Mood", "text"),
    ),
    "the pipeline of a stage": Case(
        "crm_stages",
        {"id": "1", "name": "First", "pipeline": {"name": "Second"}},
        "pipeline",
        lambda runner: runner.world.add_pipeline("Second"),
    ),
    "an unknown column of a note": Case(
        "crm_notes", {"content": "x", "contact": [{"email": WHO}], "mood": 1}, "mood", with_contact
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_which_a_part_was_not_done_says_so_on_every_run(
    runner: TargetRunner, name: str
) -> None:
    """Every run gives the reason until the part is written; only then the row is confirmed."""
    case = CASES[name]
    case.prepare(runner)
    runs = [runner.send(case.stream, case.row, **case.settings) for _ in range(3)]
    assert all(case.word in run.reason() for run in runs)
    assert len({run.reason() for run in runs}) == 1
    assert [run.actions for run in runs if run.actions == ["unchanged"]] == []
    if case.fix is not None:
        case.fix(runner)
        assert runner.send(case.stream, case.row, **case.settings).reason() == ""
        assert runner.send(case.stream, case.row, **case.settings).actions == ["unchanged"]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, case in CASES.items()
        if ("column" in name or case.word == "only_if_empty") and "left out" not in name
    ],
)
def test_a_part_that_only_the_row_or_a_setting_can_change_costs_no_request(
    runner: TargetRunner, name: str
) -> None:
    """Later runs repeat the reason without a request, because the rest of the row is confirmed."""
    case = CASES[name]
    case.prepare(runner)
    runner.send(case.stream, case.row, **case.settings)
    assert runner.send(case.stream, case.row, **case.settings).requests == []


@pytest.mark.parametrize("name", CASES)
def test_nothing_that_was_confirmed_is_sent_again(runner: TargetRunner, name: str) -> None:
    """A run that only repeats a reason writes nothing."""
    case = CASES[name]
    case.prepare(runner)
    runner.send(case.stream, case.row, **case.settings)
    for _ in range(2):
        assert runner.send(case.stream, case.row, **case.settings).writes == []


@pytest.mark.usefixtures("long_combinations")
def test_an_opt_out_is_looked_at_again_and_nothing_else_is_sent(runner: TargetRunner) -> None:
    """A later run reads only whether the contact may be subscribed now."""
    opted_out(runner)
    row = {"email": WHO, "first_name": "Ann", "segments": ["News"]}
    assert runner.send("crm_contacts", row).actions == ["updated"]
    again = runner.send("crm_contacts", row)
    assert (again.actions, again.writes) == (["skipped"], [])
    person = runner.world.find_contact(WHO)
    news = next(
        mailing_list for mailing_list in runner.world.tables["lists"] if mailing_list.name == "News"
    )
    runner.world.subscribe(person.id, news.id, 0)
    assert runner.send("crm_contacts", row).actions == ["updated"]
    assert runner.world.membership(person.id, news.id).status == 1


def test_a_part_that_can_be_done_again_goes_without_the_rest(runner: TargetRunner) -> None:
    """A later run sends only the missing part, and does not replace a user's later change."""
    row = {"email": WHO, "first_name": "Ann", "custom_fields": {"mood": "good"}}
    runner.send("crm_contacts", row)
    person = runner.world.find_contact(WHO)
    person.firstName = "Anna"
    runner.world.add_field("Mood", "text", "MOOD")
    run = runner.send("crm_contacts", row)
    [value] = runner.world.tables["fieldValues"].by("contact", person.id)
    assert (run.actions, run.reason()) == (["updated"], "")
    assert (person.firstName, value.value) == ("Anna", "good")


def test_a_contact_that_is_gone_gets_the_whole_row_back(runner: TargetRunner) -> None:
    """The part creates a deleted contact again, and the next run writes the confirmed rest."""
    row = {"email": WHO, "first_name": "Ann", "custom_fields": {"mood": "good"}}
    runner.send("crm_contacts", row)
    runner.world.delete_contact(runner.world.find_contact(WHO).id)
    runner.world.add_field("Mood", "text", "MOOD")
    assert runner.send("crm_contacts", row).actions == ["created"]
    assert runner.send("crm_contacts", row).actions == ["updated"]
    assert runner.world.find_contact(WHO).firstName == "Ann"
    assert runner.send("crm_contacts", row).actions == ["unchanged"]


@pytest.mark.parametrize("count", [1, 12])
def test_rows_of_one_person_each_keep_their_own_reason(runner: TargetRunner, count: int) -> None:
    """Two rows of a person in one batch keep their reasons, also through the importer."""
    rows = []
    for number in range(count):
        email = f"two{number}@shop.example"
        rows.append({"email": email, "first_name": "Ann", "custom_fields": {"mood": "good"}})
        rows.append({"email": email, "custom_fields": {"shoe": "44"}, "tags": ["dw"]})
    first = runner.send("crm_contacts", *rows)
    again = runner.send("crm_contacts", *rows)
    for number in range(2 * count):
        word = ("mood", "shoe")[number % 2]
        assert word in first.reason(number + 1)
        assert again.reason(number + 1) == first.reason(number + 1)
    assert (set(again.actions), again.writes) == ({"skipped"}, [])


def test_a_tag_that_is_refused_is_asked_for_alone(runner: TargetRunner) -> None:
    """Contact and other tag are written once; later runs send the refused tag only."""
    for name in ("Bad", "Good"):
        runner.world.add_tag(name)
    row = {"email": WHO, "first_name": "Ann", "tags": ["Bad", "Good"]}
    no = {"errors": [{"title": "no such luck"}]}
    runner.world.faults.refuse("/contactTags", no)
    first = runner.send("crm_contacts", row)
    assert (first.actions, "no such luck" in first.reason()) == (["created"], True)
    [tag] = runner.world.tables["contactTags"].by("contact", runner.world.find_contact(WHO).id)
    assert runner.world.tables["tags"][tag.tag].tag == "Good"
    runner.world.faults.refuse("/contactTags", no)
    again = runner.send("crm_contacts", row)
    assert again.reason() == first.reason()
    assert [path for _, path in again.writes] == ["contact/sync", "contactTags"]
    assert runner.send("crm_contacts", row).reason() == ""
    assert runner.send("crm_contacts", row).actions == ["unchanged"]


def test_a_changed_setting_or_row_ends_the_reason(runner: TargetRunner) -> None:
    """A changed row or setting ends the stored reason."""
    with_account(runner)
    row = {"name": "Part Co", "website": "https://new.example"}
    fills = {"only_if_empty": ["website"]}
    assert runner.send("crm_accounts", row, **fills).actions == ["skipped"]
    assert runner.send("crm_accounts", {**row, "description": "x"}, **fills).reason()
    run = runner.send("crm_accounts", row)
    assert (run.actions, run.reason()) == (["updated"], "")
