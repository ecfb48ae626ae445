"""Rows as warehouses, spreadsheets and data frames write them."""

from __future__ import annotations

import datetime as dt
import json
import logging
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.input.test_columns_of_warehouses import WHO
from tests.target.runner import schema_of, stream_of

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner


def values_of(runner: TargetRunner, kind: str, owner: int) -> dict[str, Any]:
    """Return the custom values of a deal or an account by label."""
    meta = runner.world.tables[f"{kind}CustomFieldMeta"]
    rows = runner.world.tables[f"{kind}CustomFieldData"].by("owner", owner)
    return {meta[row.customFieldId].fieldLabel: row.fieldValue for row in rows}


@pytest.mark.parametrize(
    "nothing",
    [
        {"tags": [None, "Nowhere"]},
        {"tags": '[null, "Nowhere"]'},
        {"tags": "{NULL,Nowhere}"},
        {"tags": ["Nowhere", "null"]},
        {"tags": [{"name": None}, {"name": "Nowhere"}, None]},
    ],
    ids=str,
)
def test_null_in_an_array_is_nothing(runner: TargetRunner, nothing: dict[str, Any]) -> None:
    """Null in an array, as `array_agg` of a LEFT JOIN gives it, is left out."""
    run = runner.send("crm_contacts", {"email": WHO, **nothing})
    assert run.actions == ["created"]
    assert {
        tag.tag for tag in runner.world.tables["tags"] if tag.tag in {"Nowhere", "null", "None"}
    } == {"Nowhere"}


@pytest.mark.parametrize(
    "nothing",
    [
        {"account": "null"},
        {"account": {"name": "null"}},
        {"account__name": "null"},
        {"company": "null"},
        {"first_name": "null"},
        {"first_name": float("nan")},
        {"segments": "null"},
        {"custom_fields": "null"},
        {"custom_fields": {"mood": "null"}},
        {"title": None},
    ],
    ids=str,
)
def test_null_and_its_json_text_write_nothing(
    runner: TargetRunner, nothing: dict[str, Any]
) -> None:
    """Null, its JSON text and NaN never become the name of a company or a contact."""
    runner.world.add_field("Mood", "text", "MOOD")
    before = len(runner.world.tables["accounts"])
    run = runner.send("crm_contacts", {"email": WHO, **nothing})
    assert (run.actions, run.reason()) == (["created"], "")
    assert len(runner.world.tables["accounts"]) == before
    assert not runner.world.find_contact(WHO).firstName


@pytest.mark.parametrize("word", ["t", "Y", "on", 1.0, "1.0", "TRUE", True, "yes"], ids=repr)
@pytest.mark.parametrize("flag", ["deleted", "anonymized", "IS_DELETED"])
def test_a_flagged_person_is_never_created_again(
    runner: TargetRunner, flag: str, word: Any
) -> None:
    """A flag for a deleted person creates no contact, in any spelling of true."""
    assert runner.send("crm_contacts", {"email": WHO, flag: word}).actions == ["skipped"]
    assert runner.world.find_contact(WHO) is None


@pytest.mark.parametrize("flag", ["deleted", "anonymized"])
def test_an_unknown_word_for_a_flag_rejects_the_row(runner: TargetRunner, flag: str) -> None:
    """An unknown word in a flag rejects the row, because it may mark a deleted person."""
    run = runner.send("crm_contacts", {"email": WHO, flag: "maybe"})
    assert run.actions == ["rejected"]
    assert flag in run.reason()
    assert "true/false" in run.reason()


@pytest.mark.parametrize("form", [float, lambda row_id: f"{row_id}.0", str, int])
def test_an_id_in_any_numeric_form_is_that_row(runner: TargetRunner, form: Any) -> None:
    """An id as a float, as data frames make it, finds the row."""
    person = runner.world.add_contact(WHO)
    stage = next(iter(runner.world.tables["dealStages"]))
    account = runner.world.add_account("Float Co")
    tag = runner.world.add_tag("Float")
    row = {"id": form(person.id), "first_name": "Ann", "account__id": form(account.id)}
    assert runner.send("crm_contacts", row).actions == ["updated"]
    assert person.firstName == "Ann"
    pair = {"contact_id": form(person.id), "tag_id": form(tag.id)}
    assert runner.send("marketing_contact_tags", pair).actions == ["updated"]
    deal = {
        "name": "Float deal",
        "contact": [{"id": form(person.id)}],
        "stage__id": form(stage.id),
        "owner__id": form(1),
        "amount": 0.1 + 0.2,
    }
    run = runner.send("crm_opportunities", deal)
    assert (run.actions, run.reason()) == (["created"], "")
    (made,) = [deal for deal in runner.world.tables["deals"] if deal.title == "Float deal"]
    assert (made.contact, made.stage, made.value, made.owner) == (person.id, stage.id, 30, 1)


@pytest.mark.parametrize("amount", [0.305, "12.345", -1, "12 EUR", "1,50"], ids=repr)
def test_a_real_third_decimal_is_rejected(runner: TargetRunner, amount: Any) -> None:
    """An amount with a real third decimal rejects the row, and is not rounded."""
    deal = next(iter(runner.world.tables["deals"]))
    run = runner.send("crm_opportunities", {"id": str(deal.id), "amount": amount})
    assert (run.actions, run.writes) == (["rejected"], [])
    assert "amount" in run.reason()


@pytest.mark.parametrize(
    ("text", "day", "moment"),
    [
        ("2026-01-02 03:04:05 UTC", "2026-01-02", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02 03:04:05.678 +0000", "2026-01-02", "2026-01-02T03:04:05.678000+00:00"),
        ("2026/01/02", "2026-01-02", "2026-01-02T00:00:00+00:00"),
        ("20260102", "2026-01-02", "2026-01-02T00:00:00+00:00"),
        ("2026-01-02", "2026-01-02", "2026-01-02T00:00:00+00:00"),
        ("2026-01-02T23:00:00-05:00", "2026-01-02", "2026-01-02T23:00:00-05:00"),
    ],
)
def test_times_and_dates_of_databases(
    runner: TargetRunner, text: str, day: str, moment: str
) -> None:
    """Times and dates of databases fill fields of dates and of times."""
    world = runner.world
    world.add_custom_field("deal", "Due", "date")
    world.add_custom_field("deal", "Seen", "datetime")
    deal = next(iter(world.tables["deals"]))
    row = {"id": str(deal.id), "close_date": text, "custom_fields": {"due": text, "seen": text}}
    assert runner.send("crm_opportunities", row).actions == ["updated"]
    found = values_of(runner, "deal", deal.id)
    assert found["Due"] == day
    seen, wanted = map(dt.datetime.fromisoformat, (found["Seen"], moment))
    assert seen == wanted.replace(microsecond=0)  # ActiveCampaign keeps whole seconds


@pytest.mark.parametrize("text", ["1712011230123", "1712011230", "02.01.2026", "Jan 2"], ids=repr)
def test_text_that_is_no_time_is_rejected_with_the_accepted_forms(
    runner: TargetRunner, text: str
) -> None:
    """Text that is no time rejects the row with the accepted forms.

    An epoch is not the year 1712.
    """
    runner.world.add_custom_field("deal", "Seen", "datetime")
    deal = next(iter(runner.world.tables["deals"]))
    run = runner.send("crm_opportunities", {"id": str(deal.id), "custom_fields": {"seen": text}})
    assert (run.actions, run.writes) == (["rejected"], [])
    assert "custom_fields.seen" in run.reason()
    assert "20260131" in run.reason()


def test_decomposed_text_is_the_same_text(runner: TargetRunner) -> None:
    """A tag, list or option in NFD is that of the account; the target writes NFC."""
    world = runner.world
    field = world.add_field("Körnung", "dropdown", "GRAIN")
    world.add_options(field.id, "Übergroß")
    world.add_tag("Café")
    world.add_list("Été")
    nfd = {
        key: unicodedata.normalize("NFD", text)
        for key, text in {"name": "Zoë", "tag": "Café", "list": "Été", "size": "Übergroß"}.items()
    }
    row = {
        "email": WHO,
        "first_name": nfd["name"],
        "tags": [nfd["tag"]],
        "segments": [nfd["list"]],
        "custom_fields": {unicodedata.normalize("NFD", "Körnung"): nfd["size"]},
    }
    before = {name: len(world.tables[name]) for name in ("tags", "lists", "fields")}
    run = runner.send("crm_contacts", row)
    assert (run.actions, run.reason()) == (["created"], "")
    assert before == {name: len(world.tables[name]) for name in before}
    person = world.find_contact(WHO)
    assert person.firstName == "Zoë"
    assert world.field_value(person.id, field.id).value == "Übergroß"


@pytest.mark.parametrize("key", ["%LAW_ZONE%", "law_zone", "Law_Zone", "%law_zone%", "LAW_ZONE"])
def test_a_personalization_tag_is_a_fields_key(runner: TargetRunner, key: str) -> None:
    """A personalization tag with percent signs, in any case, is the key of its field."""
    field = runner.world.add_field("Zone of law", "text", "LAW_ZONE")
    run = runner.send("crm_contacts", {"email": WHO, "custom_fields": {key: "EMEA"}})
    assert (run.actions, run.reason()) == (["created"], "")
    person = runner.world.find_contact(WHO)
    assert runner.world.field_value(person.id, field.id).value == "EMEA"


@pytest.mark.parametrize(
    ("value", "settings"),
    [
        (["Hiking", "Chess"], {}),
        ('["Hiking", "Chess"]', {}),
        ("{Hiking,Chess}", {}),
        ("||Hiking||Chess||", {}),
        ("Hiking; Chess", {"list_delimiter": ";"}),
        (["Hiking", None, "Chess"], {}),
    ],
    ids=str,
)
def test_several_choices_in_every_form(
    runner: TargetRunner, value: Any, settings: dict[str, Any]
) -> None:
    """Several choices in each form of arrays are read; no option is made of an array's text."""
    field = runner.world.add_field("Hobbies", "listbox", "HOBBIES")
    runner.world.add_options(field.id, "Hiking", "Chess")
    options = len(runner.world.tables["fieldOptions"])
    row = {"email": WHO, "custom_fields__hobbies": value}
    run = runner.send("crm_contacts", row, create_missing_fields=True, **settings)
    assert (run.actions, run.reason()) == (["created"], "")
    person = runner.world.find_contact(WHO)
    assert runner.world.field_value(person.id, field.id).value == "||Hiking||Chess||"
    assert len(runner.world.tables["fieldOptions"]) == options


def test_a_byte_order_mark_before_the_input_is_skipped(runner: TargetRunner) -> None:
    """A byte order mark before the first line is skipped."""
    schema, record = stream_of("crm_contacts", {"email": WHO})
    assert schema == schema_of("crm_contacts", [])
    run = runner.run("\ufeff" + json.dumps(schema) + "\n", record)
    assert run.actions == ["created"]


def test_a_whole_float_in_a_text_column_has_no_fraction(runner: TargetRunner) -> None:
    """A whole float in a text column, such as a phone number, has no `.0`."""
    runner.send("crm_contacts", {"email": WHO, "phone": 15551234567.0})
    assert runner.world.find_contact(WHO).phone == "15551234567"


def test_the_log_shows_the_accepted_forms_whatever_a_row_holds(
    runner: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """A value of the row that is a word of the message does not hide it; other values stay out."""
    runner.world.add_list("News")
    row = {
        "email": "forms@shop.example",
        "last_name": "unsubscribe",
        "segments": [{"name": "News", "status": "bounced"}],
    }
    with caplog.at_level(logging.INFO):
        runner.send("crm_contacts", row, row | {"email": "b@shop.example", "tags": "[News, x]"})
    assert "unconfirmed and bounced cannot be written" in caplog.text
    assert '["a", "b"]' in caplog.text
    assert "shop.example" not in caplog.text
