"""Names of columns that warehouses change, and columns that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError
from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

WHO = "row@shop.example"


@pytest.mark.parametrize(
    "row",
    [
        {"EMAIL": WHO, "FIRST_NAME": "Ann", "PHONE": "+1 555"},
        {"email": WHO, "firstName": "Ann", "phone": "+1 555"},
        {"\ufeffemail": WHO, "First_Name": "Ann", "Phone": "+1 555"},
        {"email": WHO, "first_name": "Ann", "phone_numbers": [{"phone": "+1 555"}]},
        {"email": WHO, "first_name": "Ann", "PHONE_NUMBERS": '[{"NUMBER": "+1 555"}]'},
        {"emailAddresses": [{"Email": WHO}], "firstName": "Ann", "phone": "+1 555"},
    ],
    ids=str,
)
def test_columns_match_in_any_case(runner: TargetRunner, row: dict[str, Any]) -> None:
    """Columns of Snowflake, Oracle, BigQuery, a spreadsheet with a BOM, and camelCase are known."""
    run = runner.send("crm_contacts", row)
    assert (run.actions, run.reason()) == (["created"], "")
    person = runner.world.find_contact(WHO)
    assert (person.firstName, person.phone) == ("Ann", "+1 555")


def test_a_key_in_upper_case_is_shown_as_the_source_spells_it(runner: TargetRunner) -> None:
    """A result has the row's key as the source spells it; the ledger knows the row anyway."""
    row = {"EMAIL": WHO, "FIRST_NAME": "Ann"}
    messages = [*stream_of("crm_contacts", row, keys=["EMAIL"]), state_of(1)]
    run = runner.run(*messages)
    assert (run.actions, run.results[0]["key"]) == (["created"], {"EMAIL": WHO})
    assert runner.run(*messages).actions == ["unchanged"]
    lower = stream_of("crm_contacts", {"email": WHO, "first_name": "Ann"}, keys=["email"])
    assert runner.run(*lower).actions == ["unchanged"]


def test_a_deleted_mark_in_upper_case_never_writes_the_row(runner: TargetRunner) -> None:
    """`_SDC_DELETED_AT` of a Snowflake loader marks a deleted row."""
    row = {"EMAIL": WHO, "_SDC_DELETED_AT": "2026-01-02 03:04:05.000 +0000"}
    assert runner.send("crm_contacts", row).actions == ["skipped"]
    assert runner.world.find_contact(WHO) is None


def test_column_aliases_come_first(runner: TargetRunner) -> None:
    """Column aliases apply to our stream or the source's name of it, and to flat nested names."""
    aliases = {"dim_customer": {"MAIL": "email", "name": "company", "Ort": "custom_fields__city"}}
    runner.world.add_field("City", "text", "CITY")
    row = {"MAIL": WHO, "name": "Alias Co", "Ort": "Ulm"}
    run = runner.run(
        *stream_of("dim_customer", row),
        stream_aliases={"dim_customer": "crm_contacts"},
        column_aliases=aliases,
    )
    assert (run.actions, run.reason()) == (["created"], "")
    assert [
        company.name for company in runner.world.tables["accounts"] if company.name == "Alias Co"
    ]


@pytest.mark.parametrize(
    ("aliases", "word"),
    [
        ({"crm_contacts": {"MAIL": "emial"}}, "did you mean email"),
        ({"crm_contcts": {"MAIL": "email"}}, "unknown"),
        ({"crm_contacts": "email"}, "must name a field"),
    ],
)
def test_an_alias_of_what_is_unknown_ends_before_the_first_row(
    runner: TargetRunner, aliases: Any, word: str
) -> None:
    """An alias to an unknown column is a settings error before the first row."""
    with pytest.raises(Exception, match=word):
        runner.target(column_aliases=aliases)


@pytest.mark.parametrize(
    ("stream", "row", "path", "near"),
    [
        ("crm_contacts", {"email": WHO, "fist_name": "x"}, "fist_name", "first_name"),
        ("crm_contacts", {"email": WHO, "account__nam": "x"}, "account__nam", "account__name"),
        ("crm_contacts", {"email": WHO, "tags": [{"name": "a", "colr": 1}]}, "tags[].colr", ""),
        ("crm_accounts", {"name": "Co", "web_site": "x"}, "web_site", "website"),
        ("crm_contacts", {"email": WHO, "owner": {"id": "1"}}, "owner", "no such field"),
        ("crm_contacts", {"email": WHO, "owner__id": 1}, "owner__id", "no such field"),
        ("crm_contacts", {"email": WHO, "Shoe Size": 4}, "Shoe Size", "custom_fields__Shoe Size?"),
        ("crm_contacts", {"email": WHO, "addresses": [{"city": "Ulm"}]}, "addresses", "no such"),
    ],
    ids=str,
)
def test_an_unknown_column_is_a_warning_and_a_remark(
    runner: TargetRunner,
    caplog: pytest.LogCaptureFixture,
    stream: str,
    row: dict[str, Any],
    path: str,
    near: str,
) -> None:
    """An unknown column is one warning per stream. Each result names it and the nearest field."""
    run = runner.send(
        stream, row, row | {("email" if "email" in row else "name"): "b@shop.example"}
    )
    assert all(path in run.reason(n) and near in run.reason(n) for n in (1, 2))
    warned = [record for record in caplog.records if "column_aliases" in record.getMessage()]
    assert len(warned) == 1
    assert warned[0].levelname == "WARNING"
    rejected = runner.send(stream, row, unknown_columns="reject", force=True)
    assert rejected.actions == ["rejected"]
    assert path in rejected.reason()
    ignored = runner.send(stream, row, unknown_columns="ignore", force=True)
    assert path not in ignored.reason()


@pytest.mark.parametrize(
    "row",
    [
        {"email": WHO, "EMAIL": "b@shop.example"},
        {"email": WHO, "phone": "1", "phone_numbers": [{"number": "2"}]},
        {"email": WHO, "custom_fields": {"mood": "a", "MOOD": "b"}},
        {"email": WHO, "custom_fields__mood": "a", "custom_fields": {"mood": "b"}},
        {"email": WHO, "custom_fields__mood": "a", "custom_fields__%MOOD%": "b"},
    ],
    ids=str,
)
def test_two_columns_for_one_field_reject_the_row(
    runner: TargetRunner, row: dict[str, Any]
) -> None:
    """Two columns for one field reject the row: the target does not choose between them."""
    runner.world.add_field("Mood", "text", "MOOD")
    run = runner.send("crm_contacts", row)
    assert (run.actions, run.writes) == (["rejected"], [])
    assert "both name this field; keep one of them" in run.reason()


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("whole", "ends"), [(5, "rejected"), (None, "updated")])
def test_money_in_one_column_and_in_two_is_a_conflict(
    runner: TargetRunner, order: int, whole: int | None, ends: str
) -> None:
    """An amount beside a whole value rejects the row in any order; a null is no value."""
    runner.world.add_custom_field("deal", "Margin", "currency")
    deal = runner.world.add_deal("One")
    columns = [
        ("custom_fields__margin__amount", 1),
        ("custom_fields__margin__currency", "EUR"),
        ("custom_fields__margin", whole),
    ]
    run = runner.send("crm_opportunities", {"id": str(deal.id), **dict(columns[::order])})
    assert run.actions == [ends], run.reason()
    if whole is not None:
        assert "both name this field; keep one of them" in run.reason()


@pytest.mark.parametrize(
    ("stream", "hint"), [("contacts", "crm_contacts"), ("crm_oportunities", "crm_opportunities")]
)
def test_an_alias_to_an_unknown_stream_ends_before_the_first_row(
    runner: TargetRunner, stream: str, hint: str
) -> None:
    """An alias to an unknown stream is a settings error that names a similar stream."""
    text = rf"stream_aliases.leads: {stream} is no stream of the target; did you mean {hint}\?"
    with pytest.raises(SettingsError, match=text):
        runner.target(stream_aliases={"leads": stream})


def test_an_unknown_stream_names_a_similar_one(runner: TargetRunner) -> None:
    """Rows of an unknown stream are rejected, and the reason names a similar stream."""
    run = runner.send("contacts", {"email": "ada@shop.example"})
    assert run.actions == ["rejected"]
    assert run.reason().startswith("unknown stream; did you mean crm_contacts?")
