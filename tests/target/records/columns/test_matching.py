"""Which field a column names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.resources.input_values.column_names import snake_case
from target_activecampaign.records.columns.matching import ColumnTable, NameIndex, RecordColumn

TABLE = ColumnTable(
    {
        column.name: column
        for column in (
            RecordColumn("email"),
            RecordColumn("first_name"),
            RecordColumn("account", {"id": "id", "name": "name", "account_name": "name"}),
            RecordColumn("contact", {"id": "id", "contact_id": "id"}, is_array=True),
            RecordColumn("list", {"name": "name", "list_name": "name"}, is_array=True),
            RecordColumn("lists", {"name": "name", "list_name": "name"}, is_array=True),
            RecordColumn("owner", {"email": "email", "owner_email": "email"}, has_field=False),
            RecordColumn("opportunity", {"id": "id", "deal_id": "id"}),
            RecordColumn("amount", native="value"),
            RecordColumn("scores", is_read_only=True),
            RecordColumn("custom_fields", {}),
        )
    },
    {"Mail Address": "email"},
)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("email", "email"),
        ("EMAIL", "email"),
        ("\ufeffemail", "email"),
        ("FIRST_NAME", "first_name"),
        ("firstName", "first_name"),
        ("FirstName", "first_name"),
        ("account", "account"),
        ("account__name", "account.name"),
        ("ACCOUNT__NAME", "account.name"),
        ("account__Name", "account.name"),
        ("account__accountName", "account.name"),
        ("custom_fields__LEAD_SCORE", "custom_fields.LEAD_SCORE"),
        ("customFields__margin__amount", "custom_fields.margin__amount"),
        ("_SDC_DELETED_AT", "_sdc_deleted_at"),
        ("_sdc_anything", "_sdc_anything"),
        ("Mail Address", "email"),
    ],
)
def test_a_column_names_a_field_in_any_case_or_by_alias(name: str, path: str) -> None:
    """A column names a field in any case, in camelCase, by alias, and after a BOM."""
    place = TABLE.place_of(name)
    assert (place.path, place.unknown) == (path, None)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("e_mail", "email"),
        ("fist_name", "first_name"),
        ("account__nme", "account__name"),
        ("zzz", "custom_fields__zzz"),
        ("Shoe Size", "custom_fields__Shoe Size"),
        ("Unnamed: 0", None),
        ("AccountName", "account__name"),
        ("name", "account__name"),
        ("contact_id", "contact__id"),
        ("list_name", "list__name"),
        ("owner_email", "custom_fields__owner_email"),
        ("deal__id", "opportunity__id"),
        ("value", "amount"),
        ("score", "custom_fields__score"),
        ("country", "custom_fields__country"),
        ("email__x", "email"),
    ],
)
def test_an_unknown_column_names_the_nearest_field(name: str, near: str | None) -> None:
    """An unknown column is reported with the nearest field that can be written."""
    unknown = TABLE.place_of(name).unknown
    assert unknown is not None
    assert (unknown.path, unknown.nearest) == (name, near)
    assert name in unknown.text


def test_an_exact_name_comes_before_another_case() -> None:
    """An exact name wins over a name in another case."""
    names = NameIndex({"Name": "one", "name": "two"})
    assert (names.find("Name"), names.find("name")) == ("one", "two")


@given(st.lists(st.from_regex(r"[a-z][a-z]{1,5}", fullmatch=True), min_size=1, max_size=4))
def test_camel_case_of_any_snake_case_name_is_that_name(words: list[str]) -> None:
    """A name in camelCase or PascalCase is the name in snake_case."""
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    assert snake_case(camel) == "_".join(words)
    assert snake_case(camel[0].upper() + camel[1:]) == "_".join(words)
