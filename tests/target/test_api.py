"""Python API for writing: records by natural key, opt-outs respected, nothing written twice."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from target_activecampaign.api import PAIRS, READ_ONLY, InvalidQuery, NotWritten, UnconfirmedWrite
from target_activecampaign.sinks import registry
from tests.sandbox.tasks.planting import define_types
from tests.tap.python_reader.accounts import access_of, requests_in, small


@pytest.fixture
def account():
    """A small account that serves tasks."""
    made = small()
    made.world.switches.tasks = "served"
    define_types(made.world)
    return made


@pytest.fixture
def access(account):
    """Access for writing to the account, for one block."""
    with access_of(account) as found:
        yield found


def count(account, table):
    """Return the number of rows of a table."""
    return len(list(account.world.tables[table]))


def new_records(account):
    """Return for each resource a new record, and its table."""
    tables = account.world.tables
    contact = next(iter(tables["contacts"]))
    stage = next(iter(tables["dealStages"]))
    tagged = {link.tag for link in tables["contactTags"].by("contact", contact.id)}
    tag = next(tag for tag in tables["tags"] if tag.id not in tagged and tag.tagType == "contact")
    joined = {link.list for link in tables["contactLists"].by("contact", contact.id)}
    segment = next(
        mailing_list for mailing_list in tables["lists"] if mailing_list.id not in joined
    )
    person = {"contact": {"email": contact.email}}
    return {
        "directory_groups": ({"name": "Interns"}, "groups"),
        "directory_users": (
            {
                "name": "Ada Byron",
                "emails": [{"email": "ada@byron.example"}],
                "username": "ada",
                "password": "correct horse",
                "group": 3,
            },
            "users",
        ),
        "crm_fields": ({"entity": "contact", "name": "Shoe size", "type": "text"}, "fields"),
        "marketing_tags": ({"name": "a new tag"}, "tags"),
        "marketing_segments": ({"name": "A new list"}, "lists"),
        "crm_pipelines": ({"name": "Expansion", "currency": "EUR"}, "dealGroups"),
        "crm_stages": (
            {"name": "Waiting", "pipeline": {"id": str(stage.group)}},
            "dealStages",
        ),
        "crm_accounts": ({"name": "Brand New Ltd"}, "accounts"),
        "marketing_contacts": ({"email": "new@person.example", "tags": ["fresh"]}, "contacts"),
        "crm_contacts": ({"email": "other@person.example", "first_name": "Eve"}, "contacts"),
        "marketing_contact_tags": (
            {"contact_id": str(contact.id), "tag_id": str(tag.id)},
            "contactTags",
        ),
        "marketing_segment_memberships": (
            {"contact_id": str(contact.id), "segment_id": str(segment.id)},
            "contactLists",
        ),
        "crm_opportunities": (
            {"name": "A single one", "amount": 12.5, "stage": {"id": str(stage.id)}, **person},
            "deals",
        ),
        "crm_notes": ({"content": "Call on Monday", **person}, "notes"),
        "crm_tasks": (
            {
                "external_id": "t-1",
                "type": "Call",
                "due_at": "2031-04-01T10:00:00Z",
                **person,
            },
            "dealTasks",
        ),
    }


WRITABLE = [name for name in registry.SINKS if name not in READ_ONLY]


def made_as(resource):
    """Return the action of a create: a tag or a membership is a change of its contact."""
    return "updated" if resource in PAIRS else "created"


@pytest.mark.parametrize("resource", WRITABLE)
def test_create_makes_a_row_and_fails_if_it_exists(account, access, resource):
    """`create` makes one row; a second call is an error and changes nothing.

    Deals, notes and tasks have no natural key: the same record is recognized.
    """
    record, table = new_records(account)[resource]
    before = count(account, table)
    made = access.create(resource, record)
    assert made["action"] == made_as(resource)
    assert count(account, table) == before + 1
    is_nameless = resource in {"crm_opportunities", "crm_notes", "crm_tasks"}
    again = record if is_nameless or resource in PAIRS else {**record, "description": "changed"}
    with (
        requests_in(account) as paths,
        pytest.raises(NotWritten, match="already has it") as problem,
    ):
        access.create(resource, again)
    assert [path for path in paths if " " in path] == []
    assert problem.value.action == "rejected"
    assert count(account, table) == before + 1


def test_create_never_updates_who_is_there(account, access):
    """`create` with an existing address in another case changes nothing of the contact."""
    contact = next(iter(account.world.tables["contacts"]))
    was = (contact.firstName, contact.email, contact.udate)
    record = {"email": contact.email.upper(), "first_name": "Somebody", "tags": ["else"]}
    with requests_in(account) as paths, pytest.raises(NotWritten, match=f"id {contact.id}"):
        access.create("crm_contacts", record)
    assert [path for path in paths if path.startswith(("POST", "PUT"))] == []
    assert (contact.firstName, contact.email, contact.udate) == was


def test_a_person_who_came_meanwhile_is_not_updated(account, access):
    """If a contact signs up between lookup and create, `create` fails and updates nothing."""
    record = {"email": "late@person.example", "first_name": "Ours"}

    def sign_up(world, method, path, query):
        if method == "POST" and world.find_contact(record["email"]) is None:
            world.add_contact(record["email"], firstName="Theirs")

    account.world.before_request(sign_up)
    with pytest.raises(NotWritten, match="already has it"):
        access.create("crm_contacts", record)
    assert account.world.find_contact(record["email"]).firstName == "Theirs"


@pytest.mark.parametrize("resource", WRITABLE)
def test_a_lost_answer_makes_no_second_row(account, resource):
    """A row whose answer is lost is found and returned as created."""
    record, table = new_records(account)[resource]
    before = count(account, table)
    account.world.faults.reset_after_apply(f"/{table}", method="POST")
    with access_of(account) as access:
        made = access.create(resource, record)
    assert made["action"] == made_as(resource)
    assert count(account, table) == before + 1


def test_a_create_that_was_cut_off_is_found_by_the_next_process(account):
    """Without any answer the result is `failed`; another process finds the deal."""
    record, table = new_records(account)["crm_opportunities"]
    before = count(account, table)
    account.world.faults.reset_after_apply("/deals", method="POST")
    account.world.faults.server_error("/deals", times=None, method="GET")
    with access_of(account, max_retry_seconds=5) as access, pytest.raises(NotWritten) as problem:
        access.create("crm_opportunities", record)
    assert problem.value.action == "failed"
    account.world.faults.clear()
    with access_of(account) as access:
        made = access.create("crm_opportunities", record)
    assert made["action"] == "created"
    assert count(account, table) == before + 1


def test_a_deleted_record_can_be_created_again(account, access):
    """A deal and a note that were deleted can be created again."""
    records = new_records(account)
    for resource in ("crm_opportunities", "crm_notes", "crm_accounts", "marketing_contacts"):
        record, table = records[resource]
        first = access.create(resource, record)
        access.delete(resource, first["id"])
        before = count(account, table)
        assert access.create(resource, record)["action"] == "created"
        assert count(account, table) == before + 1


def test_upsert_finds_by_natural_key_and_creates_only_once(access, account):
    """`upsert` of one address twice makes one contact, and its values can be read at once."""
    before = count(account, "contacts")
    for first in ("Ada", "Eve"):
        access.upsert("crm_contacts", {"email": "ada@example.org", "first_name": first})
    assert count(account, "contacts") == before + 1
    found = access.list("marketing_contacts", email="ada@example.org")["result"]
    assert [record["first_name"] for record in found] == ["Eve"]


def test_written_names_are_read_at_once(access):
    """New tags, lists and fields are read by name right after they were created."""
    access.list("crm_contacts", limit=1)  # names and fields are known by now
    access.create("crm_fields", {"entity": "contact", "name": "Shoe size", "type": "text"})
    made = access.create(
        "crm_contacts",
        {"email": "a@b.example", "tags": ["quite new"], "custom_fields": {"shoe_size": "44"}},
    )
    access.create("marketing_segments", {"name": "Runners"})
    access.upsert("crm_contacts", {"email": "a@b.example", "segments": ["Runners"]})
    record = access.get("crm_contacts", made["id"])
    assert [tag["name"] for tag in record["tags"]] == ["quite new"]
    assert [segment["name"] for segment in record["segments"]] == ["Runners"]
    assert record["custom_fields"]["shoe_size"] == "44"


def test_update_never_makes_a_row(access, account):
    """`update` with an unknown id is an error and creates nothing."""
    before = count(account, "accounts")
    with pytest.raises(NotWritten):
        access.update("crm_accounts", "999999", {"name": "Nobody Ltd"})
    assert count(account, "accounts") == before
    with pytest.raises(InvalidQuery, match="cannot be updated; upsert or delete it"):
        access.update("marketing_contact_tags", "1", {})


def opted_out(account):
    """Return a membership of a contact who unsubscribed."""
    return next(
        membership for membership in account.world.tables["contactLists"] if membership.status == 2
    )


def test_no_call_subscribes_or_deletes_an_opted_out_contact(access, account):
    """No call subscribes or deletes a contact who opted out."""
    membership = opted_out(account)
    segments = [{"id": str(membership.list), "status": "active"}]
    with pytest.raises(NotWritten):
        access.update("crm_contacts", str(membership.contact), {"segments": segments})
    with pytest.raises(NotWritten, match="already has it"):
        access.create(
            "marketing_segment_memberships",
            {"contact_id": str(membership.contact), "segment_id": str(membership.list)},
        )
    with pytest.raises(NotWritten, match="opted out"):
        access.delete("crm_contacts", str(membership.contact))
    assert opted_out(account).contact == membership.contact


def test_delete_takes_one_row_and_refuses_what_takes_others_along(access, account):
    """`delete` deletes an account and refuses a stage, whose deals would be deleted too."""
    assert access.delete("crm_accounts", "1")["reason"] == "deleted"
    assert account.world.tables["accounts"].get(1) is None
    with pytest.raises(NotWritten, match="never deleted"):
        access.delete("crm_stages", "1")
    with pytest.raises(InvalidQuery):
        access.upsert("raw_requests", {"method": "DELETE", "path": "contacts/1"})
    tombstone = {"id": "2", "_sdc_deleted_at": "2031-01-01T00:00:00+00:00"}
    with pytest.raises(InvalidQuery, match="delete it by its id"):
        access.upsert("crm_accounts", tombstone)
    assert account.world.tables["accounts"].get(2) is not None


def test_pairs_are_deleted_by_both_ids(access, account):
    """`delete` of a pair removes a tag; a membership stays and is unsubscribed."""
    tagged = next(iter(account.world.tables["contactTags"]))
    access.delete(
        "marketing_contact_tags", {"contact_id": str(tagged.contact), "tag_id": str(tagged.tag)}
    )
    assert account.world.tables["contactTags"].get(tagged.id) is None
    member = next(
        membership for membership in account.world.tables["contactLists"] if membership.status == 1
    )
    access.delete(
        "marketing_segment_memberships",
        {"contact_id": str(member.contact), "segment_id": str(member.list)},
    )
    assert account.world.tables["contactLists"].get(member.id).status == 2


def test_the_proxy_reads_everything_and_sends_nothing_in_bulk(access, account):
    """The proxy reads any path of the account, sends no campaign, and reaches no other host."""
    asked_before = len(account.world.log)
    assert "campaigns" in access.proxy("GET", "campaigns", params={"limit": 1})
    made = access.proxy("POST", "tags", json={"tag": {"tag": "by hand", "tagType": "contact"}})
    assert made["tag"]["tag"] == "by hand"
    for method, path in (("POST", "campaigns/1/send"), ("GET", "../x"), ("GET", "https://a.b/c")):
        with pytest.raises(InvalidQuery):
            access.proxy(method, path)
    with pytest.raises(InvalidQuery, match="a JSON value"):
        access.proxy("POST", "tags", json={1, 2})
    assert len(account.world.log) == asked_before + 2
    account.world.faults.reset_after_apply("/tags", method="POST")
    with pytest.raises(UnconfirmedWrite):
        access.proxy("POST", "tags", json={"tag": {"tag": "lost", "tagType": "contact"}})


def test_a_record_may_hold_what_python_has_for_json(access, account):
    """Dates and decimals are written; a value that JSON has no form for costs no request."""
    record, _ = new_records(account)["crm_opportunities"]
    made = access.create(
        "crm_opportunities",
        {**record, "amount": Decimal("12.50"), "close_date": dt.date(2031, 5, 6)},
    )
    found = access.get("crm_opportunities", made["id"])
    assert (found["amount"], found["close_date"]) == (12.5, "2031-05-06")
    circle = {}
    circle["again"] = circle
    with requests_in(account) as paths:
        for broken in (circle, object(), {1, 2}):
            with pytest.raises(InvalidQuery, match="JSON values, dates and decimals"):
                access.upsert("crm_contacts", {"email": "a@b.example", "custom_fields": broken})
        with pytest.raises(InvalidQuery, match="another id"):
            access.update("crm_contacts", "5", {"id": "6", "first_name": "Somebody"})
        with pytest.raises(InvalidQuery, match="must be pairs"):
            access.proxy("GET", "contacts", params={"limit": object()})
    assert paths == []


def test_the_ledger_is_locked_for_a_block_or_for_one_write(account):
    """Two blocks write one after the other; without a block each write releases the ledger."""
    with access_of(account) as first:
        first.upsert("crm_accounts", {"name": "One Ltd"})
        other = access_of(account, max_retry_seconds=3)
        with pytest.raises(Exception, match="another run"):
            other.upsert("crm_accounts", {"name": "Two Ltd"})
    other.upsert("crm_accounts", {"name": "Two Ltd"})
    third = access_of(account, max_retry_seconds=3)
    assert third.upsert("crm_accounts", {"name": "Three Ltd"})["action"] == "created"


def test_names_that_are_new_in_the_account_are_found(account, access):
    """A stage that was created after our tables were read is found by a second read."""
    record, _ = new_records(account)["crm_opportunities"]
    access.create("crm_opportunities", record)
    pipeline = next(iter(account.world.tables["dealGroups"]))
    account.world.add_stage("Brand new", pipeline.id)
    stage = {"name": "Brand new", "pipeline": {"id": str(pipeline.id)}}
    moved = {**record, "name": "Another", "stage": {"name": "Brand new"}}
    moved["pipeline"] = stage["pipeline"]
    made = access.create("crm_opportunities", moved)
    assert access.get("crm_opportunities", made["id"])["stage"]["name"] == "Brand new"
