"""A time without an offset has the offset of its own date, not of its row's other times."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_activecampaign_unified.resources import by_name
from tap_activecampaign_unified.sync.account_zone import AccountZone
from tests.tap.running import Account

WINTER, SUMMER = "2030-01-10T09:00:00-06:00", "2030-07-10T09:00:00-05:00"
COLUMNS = ("cdate", "udate")


def zone_of(*stamps: str, ask: list[dict[str, str]] | None = None) -> AccountZone:
    found = AccountZone(lambda: ask or [], COLUMNS)
    found.observe([{"cdate": stamp} for stamp in stamps], COLUMNS)
    return found


def hours_at(zone: AccountZone, name: str, row: dict[str, str], moment: str) -> float:
    at = dt.datetime.fromisoformat(moment)
    offset = zone.zone_of(by_name[name], row).at(at).utcoffset(at)
    assert offset is not None
    return offset.total_seconds() / 3600


@pytest.mark.parametrize(("moment", "hours"), [("2029-12-31 23:00", -6), ("2031-06-01 08:00", -5)])
def test_a_winter_row_gets_summer_offsets_once_the_zone_is_known(moment, hours):
    """Once only one time zone fits the account's offsets, its rules apply to every date."""
    zone = zone_of(WINTER, SUMMER)
    for row in ({"cdate": WINTER}, {"cdate": SUMMER}):
        assert hours_at(zone, "crm_contacts", row, moment) == hours


def test_if_zones_differ_the_offset_of_the_row_is_used():
    """If several zones fit and differ for a date, the row's own offset is used.

    Winter rows alone fit Chicago and Regina, which differ by an hour in summer.
    """
    zone = zone_of(WINTER)
    assert hours_at(zone, "crm_contacts", {"cdate": WINTER}, "2030-07-01 08:00") == -6
    assert hours_at(zone, "crm_contacts", {"cdate": SUMMER}, "2030-07-01 08:00") == -5


def test_values_of_accounts_are_worth_asking_once():
    """The tap reads rows of contacts once if an account's own rows leave an offset open."""
    zone = zone_of(WINTER, ask=[{"cdate": SUMMER, "udate": "nonsense"}])
    row = {"updatedTimestamp": WINTER}
    assert hours_at(zone, "crm_accounts", row, "2030-07-01 08:00") == -5


def test_offsets_that_no_zone_has_leave_each_row_its_own():
    """If no zone fits the offsets, each row keeps its own offset."""
    zone = zone_of(WINTER, "2030-01-10T09:00:00+09:00", ask=[{"cdate": SUMMER}])
    assert hours_at(zone, "crm_accounts", {"updatedTimestamp": SUMMER}, "2030-07-01 08:00") == -5


def test_updated_at_of_a_contact_without_udate_is_right_across_the_change_of_clocks():
    """`updated_at` of a contact created in winter and changed in summer is right without udate."""
    account = Account(contacts=60, seed=4)
    world = account.world
    born = int(dt.datetime(2030, 1, 15, 18, tzinfo=dt.UTC).timestamp())
    changed = int(dt.datetime(2030, 7, 15, 18, tzinfo=dt.UTC).timestamp())
    late = world.add_contact("late@x.example", cdate=born, udate=None, created=born)
    late.updated = changed
    record = account.run(only=["crm_contacts"]).by_id("crm_contacts")[str(late.id)]
    assert record["updated_at"] == "2030-07-15T18:00:00+00:00"
