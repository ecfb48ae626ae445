"""Records in nested form."""

from __future__ import annotations

from typing import Any

import pytest

from tap_activecampaign_unified.resources import by_name
from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.columns.nested import nest
from target_activecampaign.records.columns.plain_contact_columns import PLAIN, with_plain_columns
from target_activecampaign.records.columns.stream_columns import columns_of

CONTACTS = columns_of(
    by_name["crm_contacts"], {*PLAIN, "email", "name", "remove_tags", "title", "account"}
)


def read(record: dict[str, Any], delimiter: str | None = None) -> dict[str, Any]:
    """Return a contact's record in nested form."""
    return with_plain_columns(nest(CONTACTS, record, delimiter).record, "phone_numbers")


@pytest.mark.parametrize(
    ("spelled", "wanted"),
    [
        ({"EMAIL": "a@b.co"}, {"email": "a@b.co"}),
        ({"account__Name": "Acme"}, {"account": {"name": "Acme"}}),
        ({"account": '{"NAME": "Acme"}'}, {"account": {"name": "Acme"}}),
        ({"account": "null"}, {"account": None}),
        ({"company": "Acme"}, {"account": {"name": "Acme"}}),
        ({"company": None}, {"account": None}),
        ({"tags": [None, "VIP"]}, {"tags": ["VIP"]}),
        ({"tags": '[null, "VIP"]'}, {"tags": ["VIP"]}),
        ({"tags": "{NULL,VIP}"}, {"tags": ["VIP"]}),
        ({"tags": "||a||b||"}, {"tags": ["a", "b"]}),
        ({"tag": "VIP"}, {"tags": ["VIP"]}),
        ({"tags": [{"tag": "VIP"}, {"tag_id": 5}]}, {"tags": [{"name": "VIP"}, {"id": 5}]}),
        ({"lists": "News"}, {"segments": ["News"]}),
        ({"list": 3}, {"segments": [3]}),
        (
            {"segments": [{"segment_id": 3, "Status": "active"}]},
            {"segments": [{"id": 3, "status": "active"}]},
        ),
        ({"phone": "1"}, {"phone_numbers": [{"number": "1"}]}),
        ({"phone_numbers": [{"phone": "1"}]}, {"phone_numbers": [{"number": "1"}]}),
        ({"emailAddresses": [{"EMAIL": "x"}]}, {"email_addresses": [{"email": "x"}]}),
        (
            {"custom_fields__a": None, "CUSTOM_FIELDS__b": "null"},
            {"custom_fields": {"a": None, "b": None}},
        ),
        ({"account__id": None, "account__name": None}, {"account": None}),
    ],
    ids=str,
)
def test_every_spelling_gives_the_same_field(
    spelled: dict[str, Any], wanted: dict[str, Any]
) -> None:
    """Flat or nested, upper case or camelCase, text or JSON give the same field."""
    assert read(spelled) == wanted


def test_a_delimiter_splits_the_text_of_array_columns_alone() -> None:
    """A delimiter splits array columns, and no other text."""
    found = read({"tags": "a; b", "list": "x;y", "first_name": "c; d"}, ";")
    assert found == {"tags": ["a", "b"], "segments": ["x", "y"], "first_name": "c; d"}


@pytest.mark.parametrize(
    "record",
    [
        {"email": "a@b.co", "EMAIL": "c@d.co"},
        {"account__name": "a", "ACCOUNT__NAME": "b"},
        {"account": {"name": "a"}, "account__name": "b"},
        {"account": "Acme", "account__name": "b"},
        {"company": "a", "account": {"name": "b"}},
        {"phone": "1", "phone_numbers": [{"number": "2"}]},
        {"list": "a", "lists": "b"},
        {"tags": [{"name": "a", "NAME": "b"}]},
        {"tags": "[a, b]"},
        {"account": "{x"},
    ],
    ids=str,
)
def test_two_columns_for_one_field_and_broken_text_are_rejected(record: dict[str, Any]) -> None:
    """Two columns for one field, and broken JSON text, reject the row."""
    with pytest.raises(RowRejected):
        read(record)


@pytest.mark.parametrize(
    ("record", "path", "near"),
    [
        ({"shoe_size": 1}, "shoe_size", "custom_fields__shoe_size"),
        ({"emial": 1}, "emial", "email"),
        ({"account__nam": "x"}, "account__nam", "account__name"),
        ({"account": {"nam": "x"}}, "account.nam", "name"),
        ({"tags": [{"nme": "x"}]}, "tags[].nme", "name"),
        ({"owner": {"id": "1"}}, "owner", None),
        ({"_fivetran_synced": 1}, "_fivetran_synced", None),
    ],
    ids=str,
)
def test_an_unknown_column_is_named_at_any_depth(
    record: dict[str, Any], path: str, near: str | None
) -> None:
    """An unknown column at any depth is named and stays in the record for its identity."""
    found = nest(CONTACTS, record)
    assert [(key.path, key.nearest) for key in found.unknown] == [(path, near)]


@pytest.mark.parametrize("name", ["_sdc_batched_at", "_SDC_DELETED_AT", "_errors", "updated_at"])
def test_columns_of_the_protocol_and_of_the_tap_are_never_unknown(name: str) -> None:
    """A row of the tap has no unknown column, through any loader."""
    assert nest(CONTACTS, {name: "x"}).unknown == []
