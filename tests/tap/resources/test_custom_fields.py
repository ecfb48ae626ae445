"""Custom fields: keys, types, values, and the names that a row to write may use."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.resources.codecs import UTC_ZONE
from tap_activecampaign_unified.resources.custom_field_rows import value_of
from tap_activecampaign_unified.resources.custom_fields import (
    STANDARD_LABELS,
    CustomFields,
    FieldDefinition,
    definition_of,
    encode_value,
)
from tap_activecampaign_unified.resources.input_values import InvalidValue

OPTIONS = {"40": {"id": "40", "field": "2", "value": "sea", "label": "Sea"}}


def definition_row(
    number: int, title: str = "", tag: str = "", kind: str = "text", entity: str = "contact"
):
    """Return a definition."""
    return FieldDefinition(entity, str(number), title, kind, tag)


def keys(*definitions: FieldDefinition, mode: str = "perstag") -> list[str]:
    """Return the keys in order of id."""
    return list(CustomFields(list(definitions), mode).keys.values())


@pytest.mark.parametrize(
    ("definition", "key"),
    [
        (definition_row(9, "Lead Score", "LEAD_SCORE"), "lead_score"),
        (definition_row(9, "Lead Score"), "lead_score"),
        (definition_row(9, "  What? -- Really!  "), "what_really"),
        (definition_row(9, "Größe"), "groe"),
        (definition_row(9, "Été"), "ete"),
        (definition_row(9, "日本"), "field_9"),
        (definition_row(9, "日本", "日本"), "field_9"),
        (definition_row(9, "!!!"), "field_9"),
        (definition_row(9), "field_9"),
        (definition_row(9, "e-mail", "EMAIL"), "email"),
        (definition_row(9, "2nd phone"), "2nd_phone"),
    ],
)
def test_a_key_is_the_tag_else_the_label_in_plain_letters(definition, key):
    """A key is the tag or else the label in a-z, digits and underscores, or else the id."""
    assert keys(definition) == [key]


def test_a_tag_loses_its_percent_signs():
    """A tag of accounts or deals loses its percent signs."""
    row = {"id": "5", "fieldLabel": "Fee", "fieldType": "currency", "personalization": "%DEAL_FEE%"}
    assert keys(definition_of("opportunity", row, {})) == ["deal_fee"]


def test_on_a_collision_the_lower_id_keeps_the_plain_key():
    """On a collision the lower id, as a number, keeps the plain key, in any order of fields."""
    assert keys(
        definition_row(10, "Tier"), definition_row(9, "tier"), definition_row(2, "TIER")
    ) == ["tier", "tier_9", "tier_10"]


def test_a_key_made_for_a_collision_is_unique():
    """A key made for a collision differs from all other keys."""
    assert keys(
        definition_row(5, tag="X"), definition_row(7, tag="X_9"), definition_row(9, tag="X")
    ) == ["x", "x_9", "x_9_9"]


def test_titles_and_ids_can_be_the_keys():
    """With the setting, keys are titles as they are, with the same rule for collisions, or ids."""
    fields = (
        definition_row(1, "Größe", "SIZE"),
        definition_row(2, "Größe", "SIZE2"),
        definition_row(3, "", "Z"),
    )
    assert keys(*fields, mode="title") == ["Größe", "Größe_2", "field_3"]
    assert keys(*fields, mode="id") == ["field_1", "field_2", "field_3"]


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=8))
@pytest.mark.parametrize("mode", ["perstag", "title", "id"])
def test_no_two_fields_ever_share_a_key(mode, names):
    """No two fields share a key, whatever their names."""
    found = keys(
        *(definition_row(n, title, tag) for n, (title, tag) in enumerate(names)), mode=mode
    )
    assert len(set(found)) == len(names)
    assert all(found)


@pytest.mark.parametrize("mode", ["perstag", "title", "id"])
@pytest.mark.parametrize(
    "name", ["lead_score", "LEAD_SCORE", "Lead Score", "LEAD SCORE", "field_9", "FIELD_9", " 9 "]
)
def test_a_record_may_call_a_field_by_any_of_its_names(mode, name):
    """A row may name a field by tag, title, id or key, in any case and under any key setting."""
    fields = CustomFields(
        [definition_row(8, "Other", "OTHER"), definition_row(9, "Lead Score", "LEAD_SCORE")], mode
    )
    found = fields.find(name)
    assert found is not None
    assert found.id == "9"


@pytest.mark.parametrize("mode", ["perstag", "title", "id"])
def test_the_default_key_is_understood_in_every_mode(mode):
    """A row may use the default key under every key setting, for fields without a tag too."""
    fields = CustomFields([definition_row(3, "Tier Name"), definition_row(4, "tier name")], mode)
    found = [fields.find(name) for name in ("tier_name", "tier_name_4")]
    assert [definition and definition.id for definition in found] == ["3", "4"]


def test_our_own_key_comes_before_all_other_names():
    """A field whose title is another field's key does not get that field's values."""
    fields = CustomFields([definition_row(1, "tier", "GRADE"), definition_row(2, "Level", "TIER")])
    found = fields.find("tier")
    assert found is not None
    assert found.id == "2"


def test_an_unknown_name_finds_no_field():
    """An unknown name finds no field, not even the nearest."""
    assert CustomFields([definition_row(1, "Tier", "TIER")]).find("tie") is None
    assert CustomFields([]).find("") is None


TYPES = {
    "text": ("string", " two\n", " two\n"),
    "textarea": ("string", "x", "x"),
    "hidden": ("string", "x", "x"),
    "dropdown": ("string", "sea", "sea"),
    "radio": ("string", "sea", "sea"),
    "null": ("string", "x", "x"),
    "unheard_of": ("string", "x", "x"),
    "number": ("number", "42.50", 42.5),
    "date": ("string", "2031-03-02", "2031-03-02"),
    "datetime": ("string", "2031-03-02T08:15:04-06:00", "2031-03-02T14:15:04+00:00"),
    "checkbox": ("array", "||a||b||", ["a", "b"]),
    "listbox": ("array", "||a||", ["a"]),
    "multiselect": ("array", ["a", "b"], ["a", "b"]),
    "currency": ("object", "12550", {"amount": 125.5, "currency": None}),
}


@pytest.mark.parametrize("entity", ["contact", "account", "opportunity"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_has_its_schema_and_its_values(entity, kind):
    """Each field type has its type in the schema, and its values are read as that type."""
    fields = CustomFields([definition_row(9, "Nine", "NINE", kind, entity)])
    schema = fields.schema()
    native_type, raw, value = TYPES[kind]
    declared = schema["properties"]["nine"]
    assert declared["type"] == [native_type, "null"]
    assert declared["title"] == "Nine"
    for sent, expected in ((raw, value), ("", [] if native_type == "array" else None)):
        errors: list[str] = []
        record, _ = fields.read([{"field": "9", "value": sent}], UTC_ZONE, errors)
        assert record == {"nine": expected}
        assert errors == []
        jsonschema.validate(record, schema)


@pytest.mark.parametrize("entity", ["contact", "account", "opportunity"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_written_as_it_was_read(entity, kind):
    """A value that is written and read again is the same value, for each field type."""
    definition = definition_row(9, "Nine", "NINE", kind, entity)
    _, raw, value = TYPES[kind]
    sent, currency = encode_value(definition, value)
    assert definition.codec.decode(sent, UTC_ZONE) == definition.codec.decode(raw, UTC_ZONE)
    assert currency is None


@pytest.mark.parametrize("kind", TYPES)
def test_null_is_written_as_what_clears_the_field(kind):
    """Null is written as the empty text, or as the empty list for fields of lists."""
    assert encode_value(definition_row(9, kind=kind), None) == ("", None)
    assert encode_value(definition_row(9, kind=kind, entity="account"), None)[0] in ("", [])


def test_money_is_written_in_minor_units_with_its_currency():
    """Money is written in minor units, from an object with a currency or from a bare amount."""
    fee = definition_row(5, "Fee", kind="currency", entity="opportunity")
    assert encode_value(fee, {"amount": 125.5, "currency": "EUR"}) == (12550, "eur")
    assert encode_value(fee, 125.5) == (12550, None)
    assert encode_value(fee, {"amount": 1, "currency": None}) == (100, None)


@pytest.mark.parametrize("value", [{}, {"amount": "much"}, 0.001, -5, True, [1]])
def test_money_that_is_none_is_refused(value):
    """A value that is no amount of money is an error."""
    with pytest.raises(InvalidValue):
        encode_value(definition_row(5, kind="currency"), value)


@pytest.mark.parametrize("kind", ["checkbox", "listbox", "multiselect"])
@pytest.mark.parametrize("value", ["sea", ["sea"], ("sea", None, "")])
def test_a_single_choice_need_not_be_a_list(kind, value):
    """A single choice may be plain text; it is sent with pipes or as a list, by entity."""
    assert encode_value(definition_row(5, kind=kind), value) == ("||sea||", None)
    assert encode_value(definition_row(5, kind=kind, entity="account"), value) == (["sea"], None)


@pytest.mark.parametrize(
    "row",
    [
        {"field": "9", "value": "x"},
        {"customFieldId": 9, "fieldValue": "x"},
        {"accountCustomFieldMetumId": 9, "fieldValue": "x"},
        {"dealCustomFieldMetumId": 9, "fieldValue": "x"},
        {"custom_field_id": "9", "custom_field_text_value": "x", "custom_field_date_value": None},
        {"custom_field_id": "9", "custom_field_text_value": "", "custom_field_text_blob": "x"},
    ],
)
def test_a_value_row_may_be_spelled_in_any_way(row):
    """Each known spelling of a value row gives the same value.

    Those are the rows of contacts, accounts and deals, and both spellings of sideloads.
    """
    record, _ = CustomFields([definition_row(9, "Nine")]).read([row], UTC_ZONE, [])
    assert record == {"nine": "x"}


def test_sideloaded_money_has_its_currency_beside_it():
    """Sideloaded money has a currency; the currency of a contact's field is null."""
    fields = CustomFields([definition_row(5, "Fee", kind="currency", entity="opportunity")])
    row = {
        "custom_field_id": 5,
        "custom_field_currency_value": "12550",
        "custom_field_currency": "eur",
    }
    assert fields.read([row], UTC_ZONE, [])[0] == {"fee": {"amount": 125.5, "currency": "EUR"}}
    row = {"customFieldId": 5, "fieldValue": "12550", "fieldCurrency": "USD"}
    assert fields.read([row], UTC_ZONE, [])[0] == {"fee": {"amount": 125.5, "currency": "USD"}}


def test_a_value_that_is_no_row_of_ours_is_none():
    """A value row of another shape is None."""
    assert value_of({"id": "1", "other": "x"}) is None
    assert value_of({"custom_field_text_value": ["a"]}) == ["a"]


def test_a_value_of_an_unknown_field_is_named_and_left_out():
    """A value of an unknown field is left out and named by the field's id."""
    errors: list[str] = []
    record, _ = CustomFields([definition_row(1, "A")]).read(
        [{"field": "77", "value": "secret"}, {"field": "1", "value": "b"}], UTC_ZONE, errors
    )
    assert record == {"a": "b"}
    assert errors == ["custom_fields.field_77: the account defines no such field"]


def test_a_value_that_cannot_be_read_is_named_by_key_and_never_shown():
    """An unreadable value is null or the empty list, and `_errors` names its key alone."""
    errors: list[str] = []
    fields = CustomFields(
        [definition_row(1, "Score", kind="number"), definition_row(2, "Pets", kind="checkbox")]
    )
    rows = [{"field": "1", "value": "secret"}, {"field": "2", "value": {"secret": 1}}]
    assert fields.read(rows, UTC_ZONE, errors)[0] == {"score": None, "pets": []}
    assert errors == [
        "custom_fields.score: not a number",
        "custom_fields.pets: not a list of choices",
    ]


def test_two_records_do_not_share_their_empty_lists():
    """Two records have separate empty lists."""
    fields = CustomFields([definition_row(2, "Pets", kind="checkbox")])
    first, _ = fields.read([], UTC_ZONE, [])
    first["pets"].append("dog")
    assert fields.read([], UTC_ZONE, [])[0] == {"pets": []}


@pytest.mark.parametrize("tag", STANDARD_LABELS)
def test_shipped_attributes_are_found_by_tag_else_by_label(tag):
    """A shipped attribute is found by tag; a label counts only without a tag and for its entity."""
    entity = "account" if tag.startswith("ACCT") else "opportunity"
    label = STANDARD_LABELS[tag]
    by_tag, by_label = (
        definition_row(7, "Renamed", tag.lower(), entity=entity),
        definition_row(3, label, entity=entity),
    )
    for definitions, found in (
        ([by_tag], by_tag),
        ([by_label], by_label),
        ([by_label, by_tag], by_tag),
        ([definition_row(3, label, "OWN_TAG", entity=entity)], None),
        ([definition_row(3, label, entity="contact")], None),
        ([], None),
    ):
        assert CustomFields(definitions).by_tag(tag) == found


def test_options_are_in_order_of_their_ids():
    """Options are in order of their ids, from the field's list or else from their own reference."""
    options = {
        key: {"id": key, "field": "2", "value": f"v{key}", "label": f"L{key}"}
        for key in ("10", "9", "41")
    }
    for listed in (["10", "9", "41"], None, []):
        row = {"id": "2", "title": "Pets", "type": "checkbox", "options": listed}
        assert [o.id for o in definition_of("contact", row, options).options] == ["9", "10", "41"]
    other = {"id": "3", "title": "None", "type": "text", "options": []}
    assert definition_of("contact", other, options).options == ()


def test_options_of_accounts_and_deals_are_their_own_labels():
    """Options of accounts and deals have no ids and keep the account's order."""
    row = {"id": "3", "fieldLabel": "T", "fieldType": "dropdown", "fieldOptions": ["b", "a"]}
    found = definition_of("account", row, {}).options
    assert [(o.id, o.value, o.label) for o in found] == [(None, "b", "b"), (None, "a", "a")]


def test_a_new_title_changes_only_keys_that_are_titles():
    """A new title changes no key that comes from a tag or an id; else both keys are logged."""
    before = CustomFields([definition_row(1, "Tier", "TIER"), definition_row(2, "Size")])
    after = CustomFields([definition_row(1, "Grade", "TIER"), definition_row(2, "Width")])
    assert after.renamed(before.keys) == [("size", "width")]
    assert before.keys_by_title() == {"2": "size"}
