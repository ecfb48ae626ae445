"""Answers and effects of writes of contacts."""

from __future__ import annotations

import pytest

from tests.sandbox.clock import FakeClock
from tests.sandbox_tests.caller import Caller, caller_of

SYNC = "/contact/sync"


@pytest.fixture
def caller() -> Caller:
    return caller_of()


def later(caller: Caller) -> None:
    clock = caller.world.clock
    assert isinstance(clock, FakeClock)
    clock.advance(3600)


def test_create_answers_few_keys_and_echoes_types(caller):
    """POST /contacts is 201 with ten keys; names are in the answer only if sent."""
    body = {"contact": {"email": "mila@fjord.example", "phone": 555}}
    status, document = caller.ask("POST", "/contacts", body)
    assert status == 201
    assert set(document["contact"]) == {
        *("email", "cdate", "udate", "phone", "orgid", "orgname", "links", "id", "organization"),
    }
    assert document["contact"]["phone"] == 555
    assert caller.get("/contacts/1")["contact"]["phone"] == "555"


def test_a_duplicate_is_422_and_uses_up_an_id(caller):
    """A known address in any case is 422, and the failed insert uses up an id."""
    caller.ask("POST", "/contacts", {"contact": {"email": "a@b.example"}})
    status, document = caller.ask("POST", "/contacts", {"contact": {"email": "A@B.example "}})
    assert status == 422
    assert document["errors"][0]["code"] == "duplicate"
    assert document["errors"][0]["source"]["pointer"] == "/data/attributes/email"
    created = caller.ask("POST", "/contacts", {"contact": {"email": "c@b.example"}})[1]
    assert created["contact"]["id"] == "3"


def test_plural_sync_is_a_create(caller):
    """POST /contacts/sync refuses an address that the singular route would update."""
    body = {"contact": {"email": "a@b.example"}}
    assert caller.ask("POST", SYNC, body)[0] == 201
    assert caller.ask("POST", "/contacts/sync", body)[0] == 422
    assert caller.ask("POST", SYNC, body)[0] == 200


@pytest.mark.parametrize(
    ("email", "code"), [("", "field_missing"), (None, "field_missing"), ("x@", "email_invalid")]
)
def test_bad_addresses(caller, email, code):
    """A missing and a malformed address are refused with different codes."""
    status, document = caller.ask("POST", SYNC, {"contact": {"email": email}})
    assert (status, document["errors"][0]["code"]) == (422, code)


def test_first_update_turns_nulls_into_zero_values(caller):
    """The first update of a contact replaces its nulls by zero values."""
    caller.ask("POST", SYNC, {"contact": {"email": "a@b.example"}})
    fresh = caller.rows("/contacts")[0]
    assert (fresh["ua"], fresh["sms_consent"], fresh["created_by"]) == (None, None, None)
    later(caller)
    caller.ask("PUT", "/contacts/1", {"contact": {"firstName": "Ada"}})
    edited = caller.rows("/contacts")[0]
    assert (edited["ua"], edited["sms_consent"], edited["created_by"]) == ("", "0", "0")
    assert edited["deleted_at"] == "0000-00-00 00:00:00"
    assert edited["udate"] > fresh["udate"]
    assert edited["hash"] == fresh["hash"]


def test_update_is_partial_and_may_change_the_address(caller):
    """An update keeps absent columns, may change the address, and refuses another's address."""
    caller.ask("POST", SYNC, {"contact": {"email": "a@b.example", "lastName": "Vang"}})
    caller.ask("POST", SYNC, {"contact": {"email": "c@b.example"}})
    status, document = caller.ask("PATCH", "/contacts/1", {"contact": {"email": "d@b.example"}})
    assert (status, document["contact"]["lastName"]) == (200, "Vang")
    assert not document["contact"].keys() & {"scoreValues", "accountContacts", "last_open_date"}
    assert caller.ask("PUT", "/contacts/1", {"contact": {"email": "c@b.example"}})[0] == 422


def test_field_values_are_stored_in_the_accounts_way(caller):
    """Datetimes are stored in the account's zone, lists with pipes; unknown fields are ignored."""
    fields = {row.type: row.id for row in caller.world.tables["fields"]}
    sent = [
        {"field": str(fields["datetime"]), "value": "2031-03-03T12:00:00+00:00"},
        {"field": fields["listbox"], "value": "||Chess||"},
        {"field": 999, "value": "x"},
    ]
    body = {"contact": {"email": "a@b.example", "fieldValues": sent}}
    status, document = caller.ask("POST", SYNC, body)
    assert status == 201
    assert [row["value"] for row in document["fieldValues"]] == [
        "2031-03-03T06:00:00-06:00",
        "||Chess||",
    ]
    assert document["contact"]["fieldValues"] == ["1", "2"]


def test_field_value_upsert_and_unwrapped_body(caller):
    """POST /fieldValues makes one value per contact and field; an unwrapped body is 403."""
    caller.ask("POST", SYNC, {"contact": {"email": "a@b.example"}})
    body = {"fieldValue": {"contact": 1, "field": 1, "value": "x"}}
    assert caller.ask("POST", "/fieldValues", body)[0] == 201
    body["fieldValue"]["value"] = "y"
    assert caller.ask("POST", "/fieldValues", body)[1]["fieldValue"]["id"] == "1"
    assert caller.ask("POST", "/fieldValues", body["fieldValue"])[0] == 403
    assert caller.ask("GET", "/fieldValues/99")[0] == 403


def test_delete_cascades_and_words_its_404_alone(caller):
    """A deleted contact's related rows are deleted; a new contact of its address has a new id."""
    world = caller.world
    contact = world.add_contact("a@b.example")
    world.tag(contact.id, 1)
    world.subscribe(contact.id, 1)
    world.set_field(contact.id, 1, "x")
    world.add_note("Subscriber", contact.id, "hello")
    assert caller.ask("DELETE", "/contacts/1") == (200, {})
    for name in ("contactTags", "contactLists", "fieldValues", "notes"):
        assert not len(world.tables[name])
    assert caller.ask("DELETE", "/contacts/1")[1]["message"].startswith("No result found for c")
    assert (
        caller.ask("GET", "/contacts/1")[1]["message"] == "No Result found for Subscriber with id 1"
    )
    assert (
        caller.ask("POST", SYNC, {"contact": {"email": "a@b.example"}})[1]["contact"]["id"] == "2"
    )


def test_tagging_twice_gives_the_association_that_is_there(caller):
    """The first tagging is 201 with five keys, the second 200 with the existing row."""
    caller.world.add_contact("a@b.example")
    body = {"contactTag": {"contact": 1, "tag": 2}}
    status, first = caller.ask("POST", "/contactTags", body)
    assert (status, set(first["contactTag"])) == (201, {"contact", "tag", "cdate", "links", "id"})
    assert first["contactTag"]["tag"] == 2
    status, again = caller.ask("POST", "/contactTags", body)
    assert (status, again["contactTag"]["tag"]) == (200, "2")
    assert again["contactTag"]["id"] == first["contactTag"]["id"]
    assert [e["trigger"] for e in caller.world.automation_log] == ["tag_added"]
    assert caller.ask("POST", "/contactTags", {"contactTag": {"contact": 9, "tag": 2}})[0] == 404
    assert caller.ask("POST", "/contactTags", {"contactTag": {"tag": 2}})[0] == 422


def test_tags_move_udate_and_list_status_does_not(caller):
    """Tags, values, notes and edits change udate; memberships and links do not."""
    world = caller.world
    world.add_contact("a@b.example")
    before = world.tables["contacts"][1].udate
    later(caller)
    caller.ask("POST", "/contactLists", {"contactList": {"list": 1, "contact": 1, "status": 1}})
    world.add_account("Fjord")
    body = {"accountContact": {"account": 1, "contact": 1}}
    assert caller.ask("POST", "/accountContacts", body)[0] == 201
    assert world.tables["contacts"][1].udate == before
    caller.ask("POST", "/contactTags", {"contactTag": {"contact": 1, "tag": 1}})
    assert world.tables["contacts"][1].udate == before + 3600
    later(caller)
    caller.ask("POST", "/fieldValues", {"fieldValue": {"contact": 1, "field": 1, "value": "x"}})
    assert world.tables["contacts"][1].udate == before + 7200


def test_only_sourceid_4_overrides_an_own_opt_out(caller):
    """Only sourceid 4 overrides a person's own opt-out."""
    world = caller.world
    world.add_contact("a@b.example")
    world.subscribe(1, 1, 2, by_self=True)
    body = {"contactList": {"list": "1", "contact": "1", "status": "1"}}
    status, document = caller.ask("POST", "/contactLists", body)
    assert (status, document["contactList"]["status"]) == (200, 2)
    body["contactList"]["sourceid"] = 4
    assert caller.ask("POST", "/contactLists", body)[1]["contactList"]["status"] == 1
    row = caller.rows("/contacts/1/contactLists")[0]
    assert (row["status"], row["sourceid"]) == ("1", "4")


def test_membership_errors_name_the_missing_row(caller):
    """An unknown list and an unknown contact have different error codes."""
    caller.world.add_contact("a@b.example")
    body = {"contactList": {"list": 99, "contact": 1, "status": 1}}
    status, document = caller.ask("POST", "/contactLists", body)
    assert (status, document["errors"][0]["error"]) == (422, "list_not_exist")
    body = {"contactList": {"list": 1, "contact": 99, "status": 1}}
    assert caller.ask("POST", "/contactLists", body)[1]["errors"][0]["error"] == "contact_not_exist"


def test_tag_names_are_unique_and_leak_mysql(caller):
    """A duplicate tag is 422 with MySQL's message; a delete removes it from all contacts."""
    status, document = caller.ask("POST", "/tags", {"tag": {"tag": "gold", "tagType": "contact"}})
    assert (status, set(document["tag"])) == (201, {"tag", "tagType", "cdate", "links", "id"})
    tag = int(document["tag"]["id"])
    status, document = caller.ask("POST", "/tags", {"tag": {"tag": "GOLD", "tagType": "contact"}})
    assert (status, document["error"]) == (422, "Duplicate entry 'contact-GOLD' for key 'typetag'")
    caller.world.add_contact("a@b.example")
    caller.world.tag(1, tag)
    assert caller.ask("DELETE", f"/tags/{tag}") == (200, {})
    assert caller.rows("/contacts/1/contactTags") == []


def test_a_new_list_sends_the_last_broadcast_by_default(caller):
    """A list without send_last_broadcast 0 would send its last campaign to new members."""
    body = {"name": "N", "stringid": "n", "sender_url": "https://x.example", "sender_reminder": "r"}
    status, document = caller.ask("POST", "/lists", {"list": body})
    assert (status, len(document["list"])) == (201, 16)
    caller.world.add_contact("a@b.example")
    caller.world.subscribe(1, int(document["list"]["id"]))
    assert "last_broadcast_sent" in [e["trigger"] for e in caller.world.automation_log]
    assert caller.ask("POST", "/lists", {"list": {"name": "N"}})[0] == 422
    assert caller.ask("DELETE", "/lists/99")[0] == 403
    assert caller.ask("PATCH", "/lists/1", {"list": {"name": "M"}})[1]["list"]["name"] == "M"


def test_fields_options_and_relations(caller):
    """Options and relations of a field need requests of their own."""
    status, document = caller.ask(
        "POST", "/fields", {"field": {"title": "Shoe size", "type": "dropdown"}}
    )
    assert (status, document["field"]["perstag"]) == (201, "SHOE_SIZE")
    field = document["field"]["id"]
    assert (
        caller.ask("POST", "/fields", {"field": {"title": "shoe size", "type": "text"}})[0] == 422
    )
    options = [{"orderid": 1, "value": "41", "label": "41", "isdefault": False, "field": field}]
    assert caller.ask("POST", "/fieldOption/bulk", {"fieldOptions": options})[0] == 201
    status, document = caller.ask("POST", "/fieldOption/bulk", {"fieldOptions": []})
    assert (status, type(document["errors"])) == (422, str)
    rel = {"fieldRel": {"field": int(field), "relid": 0}}
    assert caller.ask("POST", "/fieldRels", rel)[1]["fieldRel"]["field"] == int(field)
    shown = caller.get("/fields", **{"filters[perstag]": "SHOE_SIZE"})
    assert (len(shown["fields"]), len(shown["fieldOptions"]), len(shown["fieldRels"])) == (1, 1, 1)
    assert shown["meta"] == {"total": "1", "selected": None}
    assert caller.ask("DELETE", f"/fields/{field}")[0] == 200
    assert caller.ask("DELETE", f"/fields/{field}")[0] == 404


def test_two_contacts_become_one():
    """After a merge the remaining contact has the related rows of both."""
    caller = caller_of(is_empty=True)
    w = caller.world
    kept, merged = w.add_contact("kept@x.example").id, w.add_contact("gone@x.example").id
    w.tag(merged, w.add_tag("vip").id)
    w.subscribe(merged, w.add_list("News").id, 2)
    w.add_note("Subscriber", merged, "Hello")
    w.clock.advance(60)
    w.merge_contacts(kept, merged)
    assert [row["id"] for row in caller.rows("/contacts")] == [str(kept)]
    assert [row["contact"] for row in caller.rows("/contactTags")] == [str(kept)]
    assert [row["status"] for row in caller.rows("/contactLists")] == ["2"]
    assert [row["relid"] for row in caller.rows("/notes")] == [str(kept)]
    assert w.tables["contacts"][kept].udate == w.now()
