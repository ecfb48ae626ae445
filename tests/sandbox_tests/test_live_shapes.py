"""Shapes of answers that were recorded, or that several clients rely on (reference §13)."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.caller import Caller, caller_of

LIVE, DOCUMENTED = "customerAccountCustomFieldData", "accountCustomFieldData"
WIDE, SLIM = {"customer_account_id", "custom_field_id"}, {"accountId", "customFieldId"}


@pytest.fixture
def caller() -> Caller:
    return caller_of(contacts=12, deals=8, accounts=8)


@pytest.mark.parametrize(
    ("account_data", "below", "listed"),
    [
        ("live", LIVE, DOCUMENTED),
        ("live everywhere", LIVE, LIVE),
        ("documented", DOCUMENTED, DOCUMENTED),
    ],
)
def test_values_of_accounts_go_by_one_of_two_names(caller, account_data, below, listed):
    """Values of accounts have the live name in sideloads, the documented name in the collection."""
    caller.world.switches.account_data = account_data
    whole = caller.get("/accountCustomFieldData", limit=100)
    assert set(whole) == {listed, "meta"}
    first = whole[listed][0]
    assert (WIDE if listed == LIVE else SLIM) <= first.keys()
    owner = first.get("accountId") or first["customer_account_id"]
    nested = caller.get(f"/accounts/{owner}/accountCustomFieldData", limit=100)
    assert set(nested) == {below}
    page = caller.get("/accounts", limit=100, include="accountCustomFieldData")
    keys = WIDE if below == LIVE else SLIM
    assert all(keys <= row.keys() for row in (*nested[below], *page[below]))
    assert {row["id"] for row in nested[below]} <= {row["id"] for row in page[below]}
    listed_ids = {str(row["id"]): row[DOCUMENTED] for row in page["accounts"]}
    assert listed_ids[str(owner)] == [row["id"] for row in nested[below]]


def test_wide_rows_have_one_column_for_each_kind_of_value(caller):
    """Wide rows have one column per type, dates without offset, choices with pipes."""
    world = caller.world
    kinds = {"date": "2031-03-15", "datetime": "2031-07-01T09:30:00-05:00", "number": "4.5"}
    kinds |= {"currency": "1250", "multiselect": ["a", "b"], "text": "x"}
    account = world.add_account("Fjord").id
    for kind, value in kinds.items():
        field = world.add_custom_field("account", f"new {kind}", kind)
        world.set_datum("account", account, field.id, value, "nok" if kind == "currency" else None)
    rows = caller.get(f"/accounts/{account}/accountCustomFieldData", limit=100)[LIVE]
    found = [
        {k.removeprefix("custom_field_"): v for k, v in row.items() if "custom_field_" in k and v}
        for row in rows
    ]
    for row in found:
        del row["id"]
    assert found == [
        {"date_value": "2031-03-15 00:00:00"},
        {"date_value": "2031-07-01 09:30:00"},
        {"number_value": "4.5"},
        {"currency_value": "1250", "currency_type": "nok"},
        {"text_blob": "||a||b||"},
        {"text_value": "x"},
    ]


def test_a_change_of_stage_goes_by_one_of_two_words(caller):
    """A change of stage is d_stageid with the new stage live, and stage in the documentation."""
    world = caller.world
    deal = world.tables["deals"][1]
    old, new = deal.stage, next(s.id for s in world.tables["dealStages"] if s.id != deal.stage)
    world.edit_deal(1, stage=new)
    names = ("dataType", "dataAction", "dataOldval", "d_stageid")
    row = caller.rows("/dealActivities", limit=100)[-1]
    assert [row[name] for name in names] == ["d_stageid", str(new), str(old), "0"]
    world.switches.deal_activities = "documented"
    row = caller.rows("/dealActivities", limit=100)[-1]
    assert (row["dataType"], row["dataId"], row["d_stageid"]) == ("stage", str(new), str(new))


def test_stamps_of_deal_fields_are_in_utc_or_without_an_offset(caller):
    """Times of deal fields end in +00:00 live, and have no offset in the documentation."""
    for path in ("/dealCustomFieldMeta", "/dealCustomFieldData"):
        assert caller.rows(path)[0]["createdTimestamp"].endswith("+00:00")
    caller.world.switches.deal_field_stamps = "naive"
    for path in ("/dealCustomFieldMeta", "/dealCustomFieldData"):
        assert len(caller.rows(path)[0]["createdTimestamp"]) == 19


def test_a_list_is_changed_by_patch_and_not_by_put(caller):
    """PUT of a list answers 200 without a body and changes nothing, except by a switch."""
    body = {"list": {"name": "Renamed"}}
    answer = caller.call("PUT", "/lists/1", body)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["X-Ac-Error"] == "Code 9001"
    assert caller.get("/lists/1")["list"]["name"] != "Renamed"
    caller.world.switches.list_put = "works"
    assert caller.ask("PUT", "/lists/1", body)[1]["list"]["name"] == "Renamed"


def test_a_tag_without_an_id_is_refused_by_its_parameter(caller):
    """A missing tag id is 400 with `source.parameter`; other missing attributes have a pointer."""
    status, document = caller.ask("POST", "/contactTags", {"contactTag": {"contact": 1}})
    assert status == 400
    assert document["errors"][0]["source"] == {"parameter": "contactTag.tag"}


@pytest.mark.parametrize(("status", "key"), [(403, "message"), (422, "errors")])
def test_an_impossible_enrolment_is_refused_in_one_of_two_ways(caller, status, key):
    """An impossible enrolment is 403 with a message, or 422 with an error."""
    caller.world.switches.refused_enrolment_status = status
    body = {"contactAutomation": {"contact": 1, "automation": 999}}
    found, document = caller.ask("POST", "/contactAutomations", body)
    assert found == status
    assert "Could not create SubscriberSeries" in str(document[key])


def test_new_memberships_are_created_and_old_ones_answered(caller):
    """A new membership is 201 with the contact, an existing membership 200 without it."""
    contact = caller.world.add_contact("new@x.example").id
    body = {"contactList": {"list": 1, "contact": contact, "status": 1}}
    status, document = caller.ask("POST", "/contactLists", body)
    assert (status, set(document)) == (201, {"contacts", "contactList"})
    status, document = caller.ask("POST", "/contactLists", body)
    assert (status, set(document)) == (200, {"contactList"})


def test_small_shapes(caller):
    """Groups of lists, notes by POST, links of accounts, currencies and stubs are as recorded."""
    caller.ask("POST", "/listGroups", {"listGroup": {"listid": 1, "groupid": 1}})
    found = caller.get("/listGroups")
    assert found["listGroups"][0]["p_list_add"] in {"0", "1"}
    assert isinstance(found["meta"]["total"], str)
    note = caller.world.add_note("Deal", 1, "old").id
    status, document = caller.ask("POST", f"/deals/1/notes/{note}", {"note": {"note": "new"}})
    assert (status, document["note"]["note"]) == (201, "new")
    caller.world.switches.account_links = False
    assert caller.rows("/accounts")[0]["links"] == []
    assert caller.ask("DELETE", "/fieldValues/9999")[0] == 404
    assert caller_of().get("/deals")["meta"]["currencies"] == []
    hidden = caller_of(deals=2, hidden_deals=True, stub_status=False)
    stubs = [row for row in hidden.rows("/deals", limit=100) if row["isDisabled"]]
    assert all(set(stub) == {"title", "id", "isDisabled"} for stub in stubs)
    row = caller.rows("/users")[0]
    assert {"cdate", "udate"} <= row.keys()
    sent = caller.ask("PUT", "/users/1", {"user": {"firstName": "I"}})[1]
    assert {"userGroups", "userConversationsPermissions"} <= sent.keys()
