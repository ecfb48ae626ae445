"""Answers and effects of writes of accounts, deals, notes, stages and users."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.caller import Caller, caller_of


@pytest.fixture
def caller() -> Caller:
    made = caller_of()
    made.world.add_contact("mila@fjord.example")
    made.world.add_contact("noor@fjord.example")
    made.world.add_account("Fjord Freight")
    return made


def test_account_names_are_unique(caller):
    """A missing or known name is 422 at the name; a failed create uses up an id."""
    assert caller.ask("POST", "/accounts", {"account": {}})[0] == 422
    status, document = caller.ask("POST", "/accounts", {"account": {"name": "fjord freight"}})
    assert (status, document["errors"][0]["code"]) == (422, "duplicate")
    created = caller.ask("POST", "/accounts", {"account": {"name": "Fjord Foods"}})[1]["account"]
    assert created["id"] == "3"
    assert "accountUrl" not in created
    assert created["customFieldSaveStatus"] == {"status": "success"}


def test_account_counts_need_a_parameter(caller):
    """Both counts are "0" unless count_deals=true is sent."""
    caller.world.link(1, 1, "CFO")
    assert caller.rows("/accounts")[0]["contactCount"] == "0"
    assert caller.rows("/accounts", count_deals="true")[0]["contactCount"] == "1"


def test_one_account_per_contact(caller):
    """A second link is 422 at both attributes; a PUT moves the contact."""
    caller.world.add_account("Other")
    link = {"accountContact": {"account": 1, "contact": 1}}
    assert "jobTitle" not in caller.ask("POST", "/accountContacts", link)[1]["accountContact"]
    link["accountContact"]["account"] = 2
    status, document = caller.ask("POST", "/accountContacts", link)
    assert (status, document["errors"][0]["source"]["pointer"]) == (
        422,
        "/data/attributes/account,contact",
    )
    moved = {"accountContact": {"account": 2, "jobTitle": "CFO"}}
    assert caller.ask("PUT", "/accountContacts/1", moved)[0] == 200
    rows = caller.rows("/accountContacts", **{"filters[contact]": 1})
    assert (rows[0]["account"], rows[0]["jobTitle"]) == ("2", "CFO")


def test_account_fields_are_written_with_it(caller):
    """`fields` of an account are stored; a wrong type is refused."""
    fields = {row.fieldType: row.id for row in caller.world.tables["accountCustomFieldMeta"]}
    sent = [{"customFieldId": fields["multiselect"], "fieldValue": ["Chess"]}]
    assert caller.ask("PUT", "/accounts/1", {"account": {"fields": sent}})[0] == 200
    rows = caller.rows("/accountCustomFieldData", **{"filters[customerAccountId]": 1})
    assert rows[0]["fieldValue"] == ["Chess"]
    sent[0]["fieldValue"] = "Chess"
    status, document = caller.ask("PUT", "/accounts/1", {"account": {"fields": sent}})
    assert (status, set(document["errors"][0])) == (422, {"detail"})


def test_custom_data_in_bulk(caller):
    """Bulk bodies are unwrapped arrays, and deletes report what they did."""
    caller.world.add_deal("Order", contact=1)
    number = next(
        r.id for r in caller.world.tables["dealCustomFieldMeta"] if r.fieldType == "number"
    )
    body = [{"dealId": 1, "customFieldId": number, "fieldValue": "5"}]
    assert caller.ask("POST", "/dealCustomFieldData/bulkCreate", body)[0] == 200
    row = caller.rows("/dealCustomFieldData")[0]
    body = [{"id": row["id"], "fieldValue": "6"}]
    assert caller.ask("PATCH", "/dealCustomFieldData/bulkUpdate", body)[0] == 200
    assert caller.rows("/deals/1/dealCustomFieldData")[0]["fieldValue"] == "6"
    answer = caller.ask("DELETE", f"/dealCustomFieldData/{row['id']}")
    assert answer == (200, {"message": "DealCustomFieldData deleted."})
    status, document = caller.ask("GET", f"/dealCustomFieldData/{row['id']}")
    assert (status, document) == (404, {"errors": [{"status": 404, "title": "Not Found"}]})


def deal(**columns):
    body = {"title": "Order", "value": 45000, "currency": "usd", "contact": "1", "owner": "1"}
    return {"deal": body | {"stage": "2"} | columns}


def test_deal_create_infers_the_pipeline_and_echoes_types(caller):
    """A deal's pipeline comes from its stage; the value is the int sent, later text."""
    status, document = caller.ask("POST", "/deals", deal())
    assert status == 201
    assert (document["deal"]["group"], document["deal"]["value"]) == ("1", 45000)
    assert document["deal"]["status"] == 0
    assert {"contacts", "dealGroups", "dealStages"} <= document.keys()
    row = caller.rows("/deals")[0]
    assert (row["value"], row["status"], row["stage"]) == ("45000", "0", "2")


@pytest.mark.parametrize("name", ["title", "value", "currency", "contact", "owner", "stage"])
def test_deal_needs(caller, name):
    """An error names each missing required attribute."""
    body = deal()
    del body["deal"][name]
    status, document = caller.ask("POST", "/deals", body)
    pointer = "group" if name == "stage" else name
    assert (status, document["errors"][0]["source"]["pointer"]) == (
        422,
        f"/data/attributes/{pointer}",
    )


def test_stage_belongs_to_its_pipeline(caller):
    """A stage of another pipeline needs that pipeline in the request."""
    caller.ask("POST", "/deals", deal())
    stage = caller.world.tables["dealStages"].by("group", 2)[0].id
    assert caller.ask("PUT", "/deals/1", {"deal": {"stage": stage}})[0] == 422
    status, document = caller.ask("PUT", "/deals/1", {"deal": {"stage": stage, "group": 2}})
    assert (status, document["deal"]["stage"], document["deal"]["status"]) == (200, stage, 0)
    assert caller.ask("PUT", "/deals/1", {"deal": {"group": "1"}})[1]["deal"]["stage"] == "1"
    kinds = [entry["trigger"] for entry in caller.world.automation_log]
    assert kinds == ["deal_added", "deal_stage_changed", "deal_stage_changed"]


def test_two_creates_are_two_deals(caller):
    """A repeated create makes a second deal."""
    ids = {caller.ask("POST", "/deals", deal())[1]["deal"]["id"] for _ in range(2)}
    assert ids == {"1", "2"}


def test_deleting_a_stage_destroys_its_deals(caller):
    """A deleted stage deletes its deals, except those moved before."""
    caller.ask("POST", "/deals", deal())
    assert caller.ask("PUT", "/dealStages/2/deals", {"deal": {"stage": "1"}})[0] == 200
    assert caller.ask("DELETE", "/dealStages/2") == (200, {})
    assert len(caller.rows("/deals")) == 1
    caller.ask("DELETE", "/dealStages/1")
    assert caller.rows("/deals") == []


def test_a_pipeline_comes_with_three_stages(caller):
    """POST /dealGroups creates three stages, "To Contact" first; a new stage is last."""
    body = {"dealGroup": {"title": "Projects", "currency": "eur"}}
    status, document = caller.ask("POST", "/dealGroups", body)
    assert (status, len(document["dealStages"])) == (201, 3)
    assert document["dealStages"][0]["title"] == "To Contact"
    body = {"dealStage": {"title": "Late", "group": document["dealGroup"]["id"]}}
    status, document = caller.ask("POST", "/dealStages", body)
    assert (status, document["dealStage"]["order"], document["dealStage"]["width"]) == (201, 4, 280)


def test_notes_on_every_parent(caller):
    """Contacts, deals and accounts have notes; the owner's type differs from reltype."""
    caller.world.add_deal("Order", contact=1)
    body = {"note": {"note": "Hi", "relid": 1, "reltype": "Subscriber"}}
    status, document = caller.ask("POST", "/notes", body)
    assert (status, document["note"]["owner"]) == (201, {"type": "contact", "id": 1})
    assert document["note"]["is_draft"] == ""
    assert caller.ask("POST", "/deals/1/notes", {"note": {"note": "Ho"}})[0] == 201
    assert caller.ask("POST", "/accounts/1/notes", {"note": {"note": "Ha"}})[0] == 201
    owners = [row["owner"]["type"] for row in caller.rows("/notes")]
    assert owners == ["contact", "deal", "account"]
    assert caller.ask("DELETE", "/notes/9")[0] == 403
    assert caller.ask("GET", "/notes/9")[0] == 404
    assert caller.rows("/deals/1/notes")[0]["note"] == "Ho"


def test_secondary_contacts(caller):
    """A contact is on a deal only once."""
    caller.world.add_deal("Order", contact=1)
    body = {"contactDeal": {"contact": 2, "deal": 1}}
    assert caller.ask("POST", "/contactDeals", body)[0] == 200
    assert caller.ask("POST", "/contactDeals", body)[0] == 422
    assert caller.ask("DELETE", "/contactDeals/1") == (200, {})
    assert "SubscriberDeal" in caller.ask("DELETE", "/contactDeals/1")[1]["message"]


def test_users_have_one_group(caller):
    """A new user needs a group; the sideload shows a change of it; the username does not change."""
    body = {"username": "ida", "email": "ida@acme.example", "firstName": "Ida", "lastName": "Holm"}
    body |= {"group": 2, "password": "x" * 12}
    status, document = caller.ask("POST", "/users", {"user": body})
    assert status == 201
    user = document["user"]["id"]
    changed = {"user": {"group": 1, "username": "other", "firstName": "Idun"}}
    status, document = caller.ask("PUT", f"/users/{user}", changed)
    assert (status, document["user"]["username"]) == (200, "ida")
    assert document["userGroups"][0]["group"] == "1"
    assert caller.get("/users/email/IDA@acme.example")["user"]["id"] == user
    assert caller.ask("GET", "/groups/99")[0] == 403


def test_owners_change_in_bulk_on_one_of_two_routes(caller):
    """Of the two routes one works and the other is unknown."""
    caller.world.add_deal("Order", contact=1)
    body = {"deals": [{"id": 1, "ownerId": 2}, {"id": 9, "ownerId": 2}]}
    status, document = caller.ask("PATCH", "/deals/bulkUpdate", body)
    assert (status, document) == (200, {"success": ["1"], "nochange": [], "failed": ["9"]})
    assert caller.call("PATCH", "/deals/bulkUpdate/owners", body).status_code == 404


def test_enrolling_twice_is_two_runs(caller):
    """Two POSTs of an enrolment are two enrolments; an inactive automation is 403."""
    body = {"contactAutomation": {"contact": "1", "automation": "1"}}
    assert [caller.ask("POST", "/contactAutomations", body)[0] for _ in range(2)] == [201, 201]
    assert len(caller.rows("/contacts/1/contactAutomations")) == 2
    body["contactAutomation"]["automation"] = "2"
    assert caller.ask("POST", "/contactAutomations", body)[0] == 403


def test_leaving_ends_one_enrolment(caller):
    """A DELETE removes one enrolment and starts nothing; a second DELETE is 403."""
    body = {"contactAutomation": {"contact": "1", "automation": "1"}}
    made = [
        caller.ask("POST", "/contactAutomations", body)[1]["contactAutomation"]["id"]
        for _ in range(2)
    ]
    path = f"/contactAutomations/{made[0]}"
    assert caller.ask("DELETE", path) == (200, {})
    assert [row["id"] for row in caller.rows("/contacts/1/contactAutomations")] == [made[1]]
    log = [(entry["trigger"], entry["starts"]) for entry in caller.world.automation_log]
    assert log == [("enrolled", True), ("enrolled", True), ("left", False)]
    status, document = caller.ask("DELETE", path)
    assert status == 403
    assert "SubscriberSeries" in document["message"]
