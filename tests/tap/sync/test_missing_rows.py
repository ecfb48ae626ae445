"""An answer without its array does not prove that there are no rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tap.running import Account

BELOW = "accountCustomFieldData"
LIVE = "customerAccountCustomFieldData"


def without(*names: str) -> Any:
    """Return an edit that removes these arrays and the count from a document."""

    def edit(document: dict[str, Any]) -> None:
        for name in names:
            document.pop(name, None)
        document.pop("meta", None)

    return edit


def nameless(account: Account, *, one_by_one: bool = True, whole: bool = False) -> None:
    """Remove the values of accounts from answers below one account or in the collection."""
    rewrite = account.world.faults.rewrite
    if one_by_one:
        for company in account.world.tables["accounts"]:
            rewrite(f"/api/3/accounts/{company.id}/{BELOW}", without(BELOW, LIVE))
    if whole:
        rewrite(f"/{BELOW}", without(BELOW, LIVE))


@pytest.mark.parametrize("sideload", ["auto", "never"])
@pytest.mark.parametrize("accounts", [2, 130])
def test_values_that_one_account_does_not_name_come_from_the_collection(accounts, sideload):
    """If the path below one account has no values array, the tap reads the collection."""
    expected = Account(seed=3, accounts=accounts).run(only=["crm_accounts"])
    account = Account(seed=3, accounts=accounts)
    nameless(account)
    ran = account.run(only=["crm_accounts"], sideload=sideload)
    assert ran.records == expected.records
    assert any(any(record["custom_fields"].values()) for record in ran.records["crm_accounts"])


def test_values_that_nothing_names_are_unread_and_not_empty():
    """If no answer has the values, they count as forbidden, and the next run reads them."""
    account = Account(seed=3, accounts=130, include="none")
    nameless(account, whole=True)
    ran = account.run(only=["crm_accounts"])
    entry = ran.state["bookmarks"]["crm_accounts"]
    assert entry["left_out"] == [BELOW]
    account.world.faults.clear()
    account.wait(hours=1)
    again = account.run(ran.state, only=["crm_accounts"])
    assert len(again.records["crm_accounts"]) == 130
    assert any(any(record["custom_fields"].values()) for record in again.records["crm_accounts"])


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("contacts", "crm_contacts"),
        ("deals", "crm_opportunities"),
        ("notes", "crm_notes"),
        ("tags", "marketing_tags"),
        ("dealTasktypes", "raw_deal_tasktypes"),
    ],
)
def test_a_collection_that_does_not_name_its_rows_fails_its_stream(path, stream):
    """A collection without its array fails its stream, whose bookmark stays; others go on."""
    account = Account(contacts=5, deals=5)
    account.world.faults.rewrite(f"/{path}", without(path))
    ran = account.run(only=[stream, "crm_users"])
    assert ran.code == 1
    assert ran.tap._report.stats_by_stream[stream].outcome == "failed"
    assert f"has no {path}" in ran.tap._report.stats_by_stream[stream].problem
    assert "replication_key_value" not in ran.state["bookmarks"].get(stream, {})
    assert ran.records["crm_users"]


def test_a_collection_that_not_every_account_has_is_skipped_instead():
    """The undocumented campaignMessages without their array are skipped."""
    account = Account(contacts=5)
    account.world.faults.rewrite("/campaignMessages", without("campaignMessages"))
    ran = account.run(only=["raw_campaign_messages"])
    assert ran.code == 0
    assert ran.tap._report.stats_by_stream["raw_campaign_messages"].outcome == "skipped"


def test_a_count_of_none_is_an_answer():
    """A count of 0 without an array means that there are no rows."""
    account = Account(contacts=0)
    account.world.faults.rewrite("/notes", lambda document: document.pop("notes"))
    assert account.run(only=["crm_notes"]).code == 0


def test_accounts_with_their_values_cost_a_request_per_hundred():
    """1,000 accounts with their values cost ten pages, the fields, and a check of two accounts."""
    account = Account(accounts=1_000)
    ran = account.run(only=["crm_accounts"])
    assert len(ran.records["crm_accounts"]) == 1_000
    assert ran.paths().count("accounts") <= 11
    assert ran.requests <= 11 + 1 + 2


def test_a_stream_that_is_refused_after_its_first_rows_failed():
    """A 403 after the first page leaves rows out: the stream failed, and the next run reads it."""
    account = Account(contacts=1, accounts=150)
    account.world.faults.forbid("/accounts", after=1)
    ran = account.run(only=["crm_accounts"])
    assert (ran.code, len(ran.records["crm_accounts"])) == (1, 100)
    account.world.faults.clear()
    again = account.run(ran.state, only=["crm_accounts"])
    assert len({*ran.ids("crm_accounts"), *again.ids("crm_accounts")}) == 150


def test_members_of_which_a_segment_is_refused_are_not_skipped():
    """A segment that is refused after another segment was read fails the stream of the members."""
    account = Account(contacts=60)
    tables = account.world.tables
    segments = [
        str(segment.id)
        for segment in tables["segments"]
        if tables["contactTags"].by("tag", segment.tag)
    ]
    account.world.faults.forbid("/contacts", after=1)
    ran = account.run(only=["marketing_saved_segment_members"], saved_segments=segments)
    assert ran.code == 1
    assert {record["segment_id"] for record in ran.records["marketing_saved_segment_members"]} == {
        segments[0]
    }


@pytest.mark.parametrize("place", [0, 99, 100, 149])
def test_a_contact_without_an_id_is_counted(place):
    """The tap emits every other contact, and counts the one without an id with its reason."""
    account = Account(contacts=150)
    contact = account.world.tables["contacts"].rows[place + 1]

    def forget(document: dict[str, Any]) -> None:
        for row in document.get("contacts", ()):
            if row["email"] == contact.email:
                row["id"] = None

    account.world.faults.rewrite("/contacts", forget)
    ran = account.run(only=["crm_contacts"])
    assert ran.code == 0
    emails = [record["email_addresses"][0]["email"] for record in ran.records["crm_contacts"]]
    assert len(emails) == len(set(emails)) == 149
    assert contact.email not in emails
    stats = ran.tap._report.stats_of("crm_contacts")
    assert (stats.read, dict(stats.skipped)) == (150, {"without an id": 1})
