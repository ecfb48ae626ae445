"""Values as written: blanks, nulls, money, dates, attributes, and only_if_empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import stream_of

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner


VALUES = "customerAccountCustomFieldData"


def values_of(runner: TargetRunner, kind: str, owner: int) -> dict[str, Any]:
    """Return an account's or deal's custom values by label."""
    meta = runner.world.tables[f"{kind}CustomFieldMeta"]
    rows = [d for d in runner.world.tables[f"{kind}CustomFieldData"] if d.owner == owner]
    return {meta[d.customFieldId].fieldLabel: (d.fieldValue, d.fieldCurrency) for d in rows}


def test_accounts_and_deals_fill_only_what_is_empty(runner: TargetRunner) -> None:
    """only_if_empty keeps a website and a description; without the setting they are replaced."""
    account = runner.world.add_account("Kept Co", accountUrl="https://kept.example")
    deal = next(d for d in runner.world.tables["deals"] if not d.description)
    row = {"id": str(account.id), "website": "https://new.example", "description": "Told"}
    run = runner.send("crm_accounts", row, only_if_empty=["website"])
    assert run.actions == ["updated"]
    assert "only_if_empty" in run.reason()
    assert account.accountUrl == "https://kept.example"
    title = deal.title
    row = {"id": str(deal.id), "name": "Renamed", "description": "Filled"}
    runner.send("crm_opportunities", row, only_if_empty=["name", "description"])
    assert (deal.title, deal.description) == (title, "Filled")
    runner.send("crm_opportunities", {"id": str(deal.id), "name": "Renamed"})
    assert deal.title == "Renamed"


@pytest.mark.parametrize("nested", ["live", "documented", "without a name", "missing"])
def test_attributes_that_live_in_custom_fields_are_filled_only_where_nothing_is(
    runner: TargetRunner, nested: str
) -> None:
    """only_if_empty keeps an industry, and an address of which only the city is known.

    This holds under either name of the values, and if the path below one account has none.
    """
    w = runner.world
    path = "/api/3/accounts/"
    if nested == "without a name":
        w.faults.rewrite(path, lambda document: document.pop(VALUES, None))
    elif nested == "missing":
        for company_id in range(1, 40):
            w.faults.not_found(f"{path}{company_id}/accountCustomFieldData")
    else:
        w.switches.account_data = nested
    tags = {field.personalization: field.id for field in w.tables["accountCustomFieldMeta"]}
    account = w.add_account("Attributed Co")
    w.set_datum("account", account.id, tags["ACCT_INDUSTRY_VERTICAL"], "Bakery")
    w.set_datum("account", account.id, tags["ACCT_CITY"], "Porto")
    row = {
        "id": str(account.id),
        "industry": "Books",
        "annual_revenue": 5000,
        "addresses": [{"street_1": "Rue 1", "city": "Lyon"}],
    }
    names = ["industry", "annual_revenue", "addresses"]
    run = runner.send("crm_accounts", row, only_if_empty=names)
    assert run.actions == ["updated"]
    assert "only_if_empty" in run.reason()
    values = {
        label: value for label, (value, _) in values_of(runner, "account", account.id).items()
    }
    assert values["Industry/Vertical"] == "Bakery"
    assert values["City"] == "Porto"
    assert "Address 1" not in values
    assert "Annual Revenue" in values
    runner.send("crm_accounts", row)
    assert values_of(runner, "account", account.id)["Industry/Vertical"][0] == "Books"


def test_values_that_cannot_be_read_are_not_overwritten(runner: TargetRunner) -> None:
    """If the current values cannot be read, the row fails."""
    w = runner.world
    tags = {field.personalization: field.id for field in w.tables["accountCustomFieldMeta"]}
    account = w.add_account("Hidden Values Co")
    w.set_datum("account", account.id, tags["ACCT_INDUSTRY_VERTICAL"], "Bakery")

    def hide(document: dict[str, Any]) -> None:
        for name in (VALUES, "accountCustomFieldData", "meta"):
            document.pop(name, None)

    w.faults.rewrite("/api/3/accounts/", hide)
    w.faults.rewrite("/accountCustomFieldData", hide)
    row = {"id": str(account.id), "industry": "Books"}
    run = runner.send("crm_accounts", row, only_if_empty=["industry"])
    assert run.actions == ["failed"]
    assert run.code == 1
    assert run.writes == []
    assert values_of(runner, "account", account.id)["Industry/Vertical"][0] == "Bakery"


def test_null_leaves_alone_and_clears_only_if_asked(runner: TargetRunner) -> None:
    """Absent, null and blank change nothing; with null_policy clear, null clears."""
    field = runner.world.add_field("Mood", "text", "MOOD")
    person = runner.world.add_contact("n@shop.example", firstName="Nell", phone="5")
    runner.world.set_field(person.id, field.id, "good")
    account = runner.world.add_account("Null Co", accountUrl="https://null.example")
    messages = [
        *stream_of(
            "crm_contacts",
            {"email": person.email, "first_name": None, "custom_fields": {"mood": None}},
        ),
        *stream_of("crm_accounts", {"name": "Null Co", "website": None}),
    ]
    runner.run(*messages)
    assert (person.firstName, runner.world.field_value(person.id, field.id).value) == (
        "Nell",
        "good",
    )
    assert account.accountUrl == "https://null.example"
    runner.run(*messages, null_policy="clear")
    assert (person.firstName, person.phone) == ("", "5")
    assert runner.world.field_value(person.id, field.id).value == ""
    assert not account.accountUrl


def test_typed_values_take_the_form_of_their_field(runner: TargetRunner) -> None:
    """Money is sent in cents with its currency, choices as arrays, numbers as text."""
    world = runner.world
    world.add_custom_field("deal", "Budget here", "currency")
    world.add_custom_field("deal", "Parts here", "multiselect", fieldOptions=["A", "B"])
    world.add_custom_field("deal", "Due here", "date")
    deal = next(iter(world.tables["deals"]))
    row = {
        "id": str(deal.id),
        "custom_fields": {
            "budget_here": {"amount": 12.5, "currency": "EUR"},
            "Parts here": ["a", "B"],
            "due_here": "2031-05-06T00:00:00+00:00",
        },
    }
    run = runner.send("crm_opportunities", row)
    assert run.actions == ["updated"], run.results
    found = values_of(runner, "deal", deal.id)
    assert found["Budget here"][0] in {"1250", 1250}
    assert str(found["Budget here"][1]).lower() == "eur"
    assert found["Parts here"][0] == ["A", "B"]
    assert found["Due here"][0] == "2031-05-06"


@pytest.mark.parametrize(
    ("stream", "table", "column"),
    [
        ("crm_accounts", "accounts", "name"),
        ("marketing_segments", "lists", "name"),
        ("marketing_tags", "tags", "tag"),
        ("crm_pipelines", "dealGroups", "title"),
    ],
)
def test_a_new_name_has_no_blanks_around_it(
    runner: TargetRunner, stream: str, table: str, column: str
) -> None:
    """Databases pad text of a fixed length with blanks."""
    assert runner.send(stream, {"name": "Padded   "}).actions == ["created"]
    names = [str(getattr(row, column)) for row in runner.world.tables[table]]
    assert [name for name in names if name.startswith("Padded")] == ["Padded"]


@pytest.mark.parametrize(
    ("value", "sent"), [("{}", None), ("{A}", ["A"]), (["A", "a", "B"], ["A", "B"])], ids=repr
)
def test_choices_are_what_the_database_has(runner: TargetRunner, value: Any, sent: Any) -> None:
    """PostgreSQL's empty array `{}` is no choice, and an option that comes twice is sent once."""
    runner.world.add_custom_field("deal", "Parts here", "multiselect", fieldOptions=["A", "B"])
    deal = next(iter(runner.world.tables["deals"]))
    run = runner.send(
        "crm_opportunities",
        {"id": str(deal.id), "name": "Renamed", "custom_fields__parts_here": value},
    )
    assert (run.actions, run.reason()) == (["updated"], "")
    assert values_of(runner, "deal", deal.id).get("Parts here", (None,))[0] == sent


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ({"email": 5}, "email"),
        ({"email": "a@b"}, "email"),
        ({"email": "two@shop.example, three@shop.example"}, "email"),
        ({"email": "\ufeffada@shop.example"}, "email: it has an invisible character"),
        ({"email": "ada@sh\u200bop.example"}, "email: it has an invisible character"),
        ({"email": "ok@shop.example", "tags": "vip"}, "tags"),
        ({"email": "ok@shop.example", "tags": "[broken"}, "tags"),
        ({"email": "ok@shop.example", "segments": {"id": 1}}, "segments"),
        ({"email": "ok@shop.example", "segments": ["No such list"]}, "list"),
        ({"email": "ok@shop.example", "first_name": {"x": 1}}, "first_name"),
        ({"email": "ok@shop.example", "custom_fields": "x"}, "custom_fields"),
        ({"email": "ok@shop.example", "account": ["x"]}, "account"),
        ({"id": "77777"}, "id"),
        ({"id": "not-a-number"}, "id"),
        ({"id": "1_2", "first_name": "Nobody"}, "id"),
        ({"email": "ok@shop.example", "tags": "['a' 'b']"}, "tags"),
        ({"email": "ok@shop.example", "account": {"id": "1_2"}}, "account"),
        ({"first_name": "Nobody"}, "email"),
    ],
)
def test_wrong_types_are_rejected_without_a_call(
    runner: TargetRunner, record: dict[str, Any], word: str
) -> None:
    """A value of a wrong type rejects its row alone, with the field and without a request."""
    run = runner.send("crm_contacts", record, {"email": "fine@shop.example"})
    assert run.actions == ["rejected", "created"]
    assert word in run.reason(1)
    assert len(run.writes) == 1


def test_unknown_columns_are_named_and_the_row_is_written(runner: TargetRunner) -> None:
    """An unknown column is named and the row is written; a key of the source is not named."""
    run = runner.run(
        *stream_of(
            "crm_contacts",
            {"customer_no": 7, "email": "c@shop.example", "shoe_size": 44},
            keys=["customer_no"],
        )
    )
    assert run.actions == ["created"]
    assert run.results[0]["key"] == {"customer_no": 7}
    assert "shoe_size" in run.reason()
    assert "customer_no" not in run.reason()


def test_failed_rows_are_sent_even_if_nothing_comes(runner: TargetRunner) -> None:
    """With an empty input the target still sends the rows of the retry file."""
    retry = str(runner.folder / "retry.jsonl")
    runner.world.faults.server_error("/contact/sync", times=None)
    runner.send("crm_contacts", {"email": "r@shop.example"}, retry_path=retry, max_retry_seconds=1)
    runner.world.faults.clear()
    run = runner.run(retry_path=retry)
    assert [r["action"] for r in run.results] == ["created"]
    assert runner.world.find_contact("r@shop.example") is not None


def test_an_older_failed_row_never_overwrites_a_newer_row(runner: TargetRunner) -> None:
    """A failed row never replaces values of a newer row; only its other values are sent later."""
    retry = str(runner.folder / "retry.jsonl")
    runner.world.faults.server_error("/contact/sync", times=None)
    old = {"email": "r@shop.example", "first_name": "Old", "phone_numbers": [{"number": "1"}]}
    messages = stream_of("crm_contacts", old, keys=["email"])
    runner.run(*messages, retry_path=retry, max_retry_seconds=1)
    runner.world.faults.clear()
    new = {"email": "r@shop.example", "first_name": "New"}
    runner.run(*stream_of("crm_contacts", new, keys=["email"]), retry_path=retry)
    person = runner.world.find_contact("r@shop.example")
    assert (person.firstName, person.phone) == ("New", "1")
    assert runner.run(retry_path=retry).results == []
    assert person.firstName == "New"


@pytest.mark.parametrize("currency", ["€", "EURO", "US Dollar", "12"])
@pytest.mark.parametrize("stream", ["crm_opportunities", "crm_pipelines", "commerce_orders"])
def test_a_currency_that_is_no_code_rejects_the_row(
    runner: TargetRunner, stream: str, currency: str
) -> None:
    """A symbol or a name of a currency is never sent."""
    who = runner.world.add_contact("lea@shop.example")
    row = {"currency": currency, "name": "Mug", "contact": {"id": str(who.id)}, "amount": 1}
    if stream == "commerce_orders":
        row = {"store_id": "1", "store_order_id": "a", "currency": currency}
    run = runner.send(stream, row)
    assert (run.actions, run.writes) == (["rejected"], [])
    assert "currency: not a currency code" in run.reason()


def test_a_row_of_only_an_unknown_field_writes_nothing(runner: TargetRunner) -> None:
    """Such a row of a contact is rejected; one of an existing account or deal is skipped."""
    known = runner.world.add_contact("known@shop.example")
    account = runner.world.add_account("Known Co")
    deal = next(iter(runner.world.tables["deals"]))
    odd = {"custom_fields__no_such_field": "1"}
    contacts = [{"email": known.email} | odd, {"email": "new@shop.example"} | odd]
    run = runner.send("crm_contacts", *contacts)
    assert (run.actions, run.writes) == (["rejected", "rejected"], [])
    assert "no such field" in run.reason()
    assert runner.send("crm_accounts", {"id": str(account.id)} | odd).actions == ["skipped"]
    assert runner.send("crm_opportunities", {"id": str(deal.id)} | odd).actions == ["skipped"]
