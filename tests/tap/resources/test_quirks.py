"""Each quirk of ActiveCampaign's values, in a record."""

from __future__ import annotations

import pytest

from tap_activecampaign_unified.resources import by_name, codecs, time_codecs
from tap_activecampaign_unified.resources.codecs import UTC_ZONE
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.record_writer import write

from .reading import read_row

WINTER, SUMMER = "2031-01-15T08:00:00-06:00", "2031-07-15T08:00:00-05:00"


def contact(**columns):
    """Return a contact's record."""
    return read_row("crm_contacts", {"id": "7", "email": "a@b.example", **columns})


def deal(**columns):
    """Return a deal's record."""
    return read_row("crm_opportunities", {"id": "18", "cdate": WINTER, **columns})


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("140655", 1406.55),
        (140655, 1406.55),
        ("0", 0),
        ("100", 1),
        ("1", 0.01),
        ("-250", -2.5),
        ("99999999999999", 999999999999.99),
        ("", None),
        (None, None),
    ],
    ids=repr,
)
def test_money_is_read_from_cents(raw, amount):
    """Cents, as text in reads or as a number in a write's answer, become decimal units."""
    assert deal(value=raw)["amount"] == amount


@pytest.mark.parametrize(("amount", "sent"), [(1406.55, 140655), (0.1, 10), (12, 1200), ("3", 300)])
def test_money_is_sent_in_cents(amount, sent):
    """An amount is sent in cents without errors of binary fractions."""
    assert write(by_name["crm_opportunities"], {"amount": amount}).native == {"value": sent}


@pytest.mark.parametrize("amount", [0.001, -1, "much", True, 1e300, "1e999999", "NaN", []])
def test_an_amount_that_is_none_is_a_problem(amount):
    """Negative amounts, fractions of a cent and words are problems, not rounded."""
    [(key, _)] = write(by_name["crm_opportunities"], {"amount": amount}).problems
    assert key == "amount"


def test_currencies_are_upper_case_here_and_lower_case_there():
    """Currencies are read as ISO 4217 in upper case and sent to deals in lower case."""
    assert deal(currency="usd")["currency"] == "USD"
    assert write(by_name["crm_opportunities"], {"currency": "USD"}).native == {"currency": "usd"}


@pytest.mark.parametrize("none", ["0", "00", 0, "", None], ids=repr)
def test_a_zero_id_points_nowhere(none):
    """An id of 0 is no reference, in every column."""
    record = deal(owner=none, contact=none, account=none, stage=none, group=none, organization=none)
    for name in ("owner", "account", "stage", "pipeline"):
        assert record[name] is None
    assert record["contact"] == []


def test_ids_are_texts_even_where_numbers_come():
    """Ids are text, also where ActiveCampaign sends numbers."""
    assert deal(id=18, owner=3)["id"] == "18"
    assert deal(owner=3)["owner"] == {"id": "3"}


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        ("0", False),
        ("1", True),
        (0, False),
        (1, True),
        (False, False),
        (True, True),
        ("true", True),
        ("", None),
        (None, None),
    ],
    ids=repr,
)
def test_the_text_0_is_false(raw, flag):
    """The text "0" is false; booleans are read from text, numbers and booleans."""
    assert contact(deleted=raw)["deleted"] is flag
    assert deal(isDisabled=raw)["is_disabled"] is flag


@pytest.mark.parametrize("value", ["0", "false", "no", 0, False, None], ids=repr)
def test_a_flag_that_says_no_is_written_as_no(value):
    """A text for false is written as false."""
    assert codecs.flag.encode(value) == 0


@pytest.mark.parametrize("zero", ["0000-00-00", "0000-00-00 00:00:00", "0001-01-01 00:00:00", ""])
def test_zero_dates_are_no_dates(zero):
    """A zero date is null."""
    record = contact(cdate=WINTER, udate=zero, last_open_date=zero, last_click_date=zero)
    assert record["last_activity_at"] is None
    assert record["updated_at"] == "2031-01-15T14:00:00+00:00"
    assert record["_errors"] == []


def test_columns_that_call_themselves_utc_are_not_believed():
    """Columns named utc hold local time and are not read."""
    record = contact(cdate=WINTER, udate=SUMMER)
    lied = {"created_utc_timestamp": "1999-01-01 00:00:00", "updated_utc_timestamp": "2099-01-01"}
    assert contact(cdate=WINTER, udate=SUMMER, **lied) == record


@pytest.mark.parametrize(
    ("stamp", "utc"),
    [(WINTER, "2031-01-20T15:30:00+00:00"), (SUMMER, "2031-01-20T14:30:00+00:00")],
)
def test_a_time_without_an_offset_borrows_the_rows_own(stamp, utc):
    """A time without an offset has the offset of the row's other times, also in summer time."""
    record = contact(cdate=stamp, udate=None, updated_timestamp="2031-01-20 09:30:00")
    assert record["updated_at"] == utc


def test_a_time_without_any_offset_near_it_is_taken_for_utc():
    """A time without any offset in its row is in UTC."""
    record = contact(cdate=None, udate=None, updated_timestamp="2031-01-20 09:30:00")
    assert record["updated_at"] == "2031-01-20T09:30:00+00:00"


def test_a_contact_always_has_a_last_change():
    """A contact's change is udate, updated_timestamp, cdate or the earliest instant, in order."""
    assert contact(udate=SUMMER, updated_timestamp="2031-08-01 00:00:00", cdate=WINTER)[
        "updated_at"
    ].startswith("2031-07-15")
    assert contact(udate="nonsense", cdate=WINTER)["updated_at"].startswith("2031-01-15")
    assert contact()["updated_at"] == "1970-01-01T00:00:00+00:00"


def test_a_stage_changed_in_the_future_is_emitted_as_sent():
    """A stage's date in the future is emitted as sent: ActiveCampaign prints UTC as local time."""
    record = read_row("crm_stages", {"id": "10", "udate": "2031-07-15T20:00:00-05:00"})
    assert record["updated_at"] == "2031-07-16T01:00:00+00:00"


@pytest.mark.parametrize("disabled", [True, 1])
def test_a_hidden_deal_of_four_keys_is_a_record(disabled):
    """A hidden deal with four keys is a record with nulls and without errors."""
    row = {"title": "Hidden one", "status": "0", "id": "17", "isDisabled": disabled}
    record = read_row("crm_opportunities", row)
    known = {"id": "17", "name": "Hidden one", "status": "open", "is_disabled": True}
    assert {key: record[key] for key in known} == known
    others = {key: value for key, value in record.items() if key not in known}
    assert all(value in (None, [], {}) for value in others.values())


@pytest.mark.parametrize("column", ["account", "customerAccount", "organization"])
def test_a_deals_account_has_three_names(column):
    """A deal's account is the first of three columns that has an id."""
    assert deal(**{column: "14"})["account"] == {"id": "14"}
    assert deal(account="0", customerAccount=None, organization="14")["account"] == {"id": "14"}
    assert deal(account="1", organization="14")["account"] == {"id": "1"}


@pytest.mark.parametrize(("raw", "word"), [("0", "open"), (1, "won"), ("2", "lost"), ("9", "9")])
def test_a_deals_status_is_a_word(raw, word):
    """A deal's status is a word; an undocumented number is emitted as it is."""
    assert deal(status=raw)["status"] == word


@pytest.mark.parametrize(("word", "sent"), [("open", 0), ("WON", 1), (" lost ", 2), ("1", 1)])
def test_a_deals_status_is_sent_as_a_number(word, sent):
    """A deal's status is sent as a number, from a word in any case or from the number."""
    assert write(by_name["crm_opportunities"], {"status": word}).native == {"status": sent}


@pytest.mark.parametrize("most", [(1 << 63) - 1, -(1 << 63)])
def test_a_whole_number_fits_into_eight_bytes(most):
    """An integer beyond eight bytes costs its field, because no loader's column holds it."""
    beyond = most + (1 if most > 0 else -1)
    assert contact(bounced_hard=str(most))["bounced_hard"] == most
    record = contact(bounced_hard=str(beyond))
    assert record["bounced_hard"] is None
    assert record["_errors"] == ["bounced_hard: not a whole number"]


@pytest.mark.parametrize(
    ("raw", "value"), [("250", 250), ("500-1000", None), ("many", None), ("1.5", None), ("", None)]
)
def test_a_number_of_employees_may_be_a_range(raw, value):
    """A range of employees stays in custom_fields and is no error."""
    field = {"id": "5", "fieldType": "text", "personalization": "ACCT_NUMBER_OF_EMPLOYEES"}
    record = read_row(
        "crm_accounts",
        {"id": "14"},
        accountCustomFieldData=[{"accountId": 14, "customFieldId": 5, "fieldValue": raw}],
        fields=[field],
    )
    assert record["number_of_employees"] == value
    assert record["custom_fields"] == {"acct_number_of_employees": raw or None}
    assert record["_errors"] == []


def test_a_value_that_cannot_be_read_costs_the_field_and_not_the_row():
    """`_errors` names an unreadable field and its reason, and not the value."""
    record = deal(value="a secret", winProbability=[], title="Pallets", currency={"x": 1})
    assert record["name"] == "Pallets"
    assert record["amount"] is None
    assert record["_errors"] == [
        "amount: not an amount",
        "currency: not text",
        "probability: not a number",
    ]


@pytest.mark.parametrize(
    ("statuses", "hard", "word"),
    [
        ("2301", "0", "active"),
        ("203", "0", "bounced"),
        ("20", "1", "bounced"),
        ("20", "2", "bounced"),
        ("2", None, "unsubscribed"),
        ("20", "0", "unconfirmed"),
        ("2", "0", "unsubscribed"),
        ("", "1", "bounced"),
        ("1", "1", "active"),
        ("", "0", None),
    ],
)
def test_a_contacts_status_is_rolled_up_from_its_lists(statuses, hard, word):
    """A contact is active if active on any list; else bounced, unconfirmed or unsubscribed."""
    rows = [
        {"contact": "7", "list": str(n), "status": status} for n, status in enumerate(statuses, 1)
    ]
    row = {"id": "7", "bounced_hard": hard}
    assert read_row("marketing_contacts", row, contactLists=rows)["status"] == word


@pytest.mark.parametrize(
    ("raw", "word"), [(1, "active"), ("1", "active"), (None, None), ("", None)], ids=repr
)
def test_a_membership_without_a_status_has_none(raw, word):
    """A membership without a status has a null status."""
    rows = [{"contact": "7", "list": "2", "status": raw}]
    [segment] = read_row("crm_contacts", {"id": "7"}, contactLists=rows)["segments"]
    assert segment["status"] == word


def test_tags_and_lists_are_in_order_of_their_ids():
    """Tags and lists are in numeric order of their ids, each once."""
    tags = [{"contact": "7", "tag": tag} for tag in ("10", "9", "10", "0", None)]
    found = read_row("crm_contacts", {"id": "7"}, contactTags=tags)["tags"]
    assert [tag["id"] for tag in found] == ["9", "10"]


def test_a_related_row_that_cannot_be_read_makes_no_pair():
    """An unreadable related row gives no pair; the other related rows are read."""
    rows = [{"contact": "7", "tag": {"odd": 1}}, {"contact": "7", "tag": "9"}]
    assert read_row("marketing_contact_tags", {"id": "7"}, contactTags=rows)["tag_id"] == "9"


def test_a_deleted_tag_is_no_tag():
    """A tag that ActiveCampaign marks as deleted is left out."""
    skip = by_name["marketing_tags"].skip
    assert skip({"deleted": "1"})
    assert skip({"deleted": "0"}) is None


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ([{"email": "a@b.example"}], "a@b.example"),
        ([{"email": "x@b.example"}, {"email": "a@b.example", "is_primary": True}], "a@b.example"),
        (["a@b.example"], "a@b.example"),
        ([], ""),
    ],
)
def test_the_primary_address_is_written(value, sent):
    """The primary address is written, else the first: a contact has only one address."""
    assert write(by_name["directory_users"], {"emails": value}).native == {"email": sent}


@pytest.mark.parametrize("value", ["a@b.example", {"email": "a@b.example"}, 5])
def test_addresses_that_are_no_list_are_a_problem(value):
    """Addresses that are no list are a problem."""
    assert write(by_name["crm_contacts"], {"email_addresses": value}).problems


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("2031-03-02", "2031-03-02"),
        ("2031-03-02 00:00:00", "2031-03-02"),
        ("2031-03-02T23:30:00-06:00", "2031-03-02"),
    ],
)
def test_a_date_is_the_day_that_was_entered(raw, day):
    """A date is the day that was entered; no time zone moves it."""
    assert time_codecs.date.decode(raw, UTC_ZONE) == day


@pytest.mark.parametrize("raw", ["tomorrow", "2031-13-01", "12/31/2031", 20310302, ["x"], True])
def test_an_invalid_time_is_refused(raw):
    """A value that is no time is refused with a reason and without the value."""
    for codec in (time_codecs.instant, time_codecs.date):
        with pytest.raises(InvalidValue, match=r"^not a time$"):
            codec.decode(raw, UTC_ZONE)


def test_nanoseconds_and_z_are_times_too():
    """Times with nanoseconds and Z, as newer endpoints print them, are read."""
    raw = "2031-03-02T08:15:04.123456789Z"
    assert time_codecs.instant.decode(raw, UTC_ZONE) == "2031-03-02T08:15:04.123456+00:00"


@pytest.mark.parametrize("raw", ["soon", "2031-13-45 00:00:00", 5, {}], ids=repr)
def test_a_value_that_is_no_time_is_no_instant(raw):
    """A comparison of times treats a value that is no time like a missing time."""
    assert time_codecs.instant_or_none(raw) is None
    with pytest.raises(InvalidValue):
        time_codecs.parse_instant(raw)
