"""Writes go the target's way: found by natural key, never against an opt-out, never twice."""

from __future__ import annotations

import pytest
import requests

from tap_activecampaign_unified.access import BadQuery
from target_activecampaign.access import ActiveCampaign, NotWritten
from tests.api.lab import KEY, ORIGIN
from tests.sandbox import SandboxAdapter
from tests.tap.running import Account


@pytest.fixture
def account():
    """A small account."""
    return Account(contacts=23, deals=8, accounts=6)


@pytest.fixture
def access(account):
    """Access to it."""
    session = requests.Session()
    session.mount("https://", SandboxAdapter(account.world))
    return ActiveCampaign(
        ORIGIN, KEY, clock=account.clock, session=session, max_concurrent_requests=1
    )


def test_upsert_finds_by_natural_key_and_makes_one_only_once(access, account):
    """The same address twice is one contact, and what was written is read back at once."""
    count = len(list(account.world.tables["contacts"]))
    for first in ("Ada", "Eve"):
        access.upsert("crm_contacts", {"email": "ada@example.org", "first_name": first})
    assert len(list(account.world.tables["contacts"])) == count + 1
    found = access.list("marketing_contacts", email="ada@example.org")["result"]
    assert [record["first_name"] for record in found] == ["Eve"]


def test_update_never_makes_a_row(access, account):
    """An id that is not there is an error, and nothing is created."""
    count = len(list(account.world.tables["accounts"]))
    with pytest.raises(NotWritten):
        access.update("crm_accounts", "999999", {"name": "Nobody Ltd"})
    assert len(list(account.world.tables["accounts"])) == count


def opted_out(account):
    """Return a membership of somebody who unsubscribed."""
    return next(one for one in account.world.tables["contactLists"] if one.status == 2)


def test_nobody_who_opted_out_is_subscribed_again_or_deleted(access, account):
    """Both would lose the opt-out: both are refused, and the opt-out stands."""
    one = opted_out(account)
    segments = [{"id": str(one.list), "status": "active"}]
    with pytest.raises(NotWritten):
        access.update("crm_contacts", str(one.contact), {"segments": segments})
    with pytest.raises(NotWritten, match="opted out"):
        access.delete("crm_contacts", str(one.contact))
    assert opted_out(account).contact == one.contact


def test_delete_takes_one_row_and_refuses_what_takes_others_along(access, account):
    """An account goes; a stage, whose deals would go too, does not."""
    assert access.delete("crm_accounts", "1")["reason"] == "deleted"
    assert account.world.tables["accounts"].get(1) is None
    with pytest.raises(NotWritten, match="never deleted"):
        access.delete("crm_stages", "1")
    with pytest.raises(BadQuery):
        access.upsert("raw_requests", {"method": "DELETE", "path": "contacts/1"})


def test_a_lost_answer_makes_no_second_deal(access, account):
    """The deal is made though its answer is lost: it is looked for, not made again."""
    count = len(list(account.world.tables["deals"]))
    stage = next(iter(account.world.tables["dealStages"]))
    contact = next(iter(account.world.tables["contacts"]))
    account.world.faults.reset_after_apply("/deals", method="POST")
    made = access.upsert(
        "crm_opportunities",
        {
            "name": "A single one",
            "amount": 12.5,
            "currency": "USD",
            "contact": {"email": contact.email},
            "stage": {"id": str(stage.id)},
        },
    )
    assert made["action"] == "created"
    assert 2.0 in account.clock.slept  # the answer was lost, and then looked for
    assert len(list(account.world.tables["deals"])) == count + 1


def test_the_proxy_reads_everything_and_sends_nothing_in_bulk(access, account):
    """Any list can be read; a campaign cannot be sent, nor another host be reached."""
    asked = len(account.world.log)
    assert "campaigns" in access.proxy("GET", "campaigns", params=[("limit", 1)])
    made = access.proxy("POST", "tags", json={"tag": {"tag": "by hand", "tagType": "contact"}})
    assert made["tag"]["tag"] == "by hand"
    for method, path in (("POST", "campaigns/1/send"), ("GET", "../x"), ("GET", "https://a.b/c")):
        with pytest.raises(BadQuery):
            access.proxy(method, path)
    assert len(account.world.log) == asked + 2
