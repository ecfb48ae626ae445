"""Changes of deals, enrolments in automations, performance of campaigns, and scores."""

from __future__ import annotations

import itertools

import pytest

from tap_activecampaign_unified.resources import RESOURCES, by_name
from tests.sandbox import Shape
from tests.tap.resources.reading import golden, read_row
from tests.tap.running import Account

HISTORY = (
    "crm_tasks",
    "crm_opportunity_changes",
    "crm_contact_scores",
    "crm_opportunity_scores",
    "marketing_automations",
    "marketing_contact_automations",
    "marketing_campaigns",
    "marketing_campaign_messages",
)


@pytest.fixture
def account() -> Account:
    """An account in which every contact has a score and an enrolment."""
    shape = Shape(enrolled_share=1.0, scores_share=1.0)
    return Account(contacts=120, deals=12, accounts=5, shape=shape)


def changes(ran):
    """Return the changes of deals in short: deal, field, old, new."""
    found = []
    for change in ran.records.get("crm_opportunity_changes", []):
        kind = change["field"]
        old, new = change[f"old_{kind}"], change[f"new_{kind}"]
        names = [part["id"] if isinstance(part, dict) else part for part in (old, new)]
        found.append((change["opportunity"]["id"], kind, *names))
    return found


@pytest.mark.parametrize("words", ["live", "documented"])
def test_stage_and_status_changes_have_old_and_new_value(account, words):
    """Each change of a deal's stage or status has its old and new value and its user."""
    account.world.switches.deal_activities = words
    world = account.world
    stages = world.tables["dealStages"].by("group", world.tables["deals"][1].group)
    before = account.run(only=["crm_opportunity_changes"])
    account.wait(hours=30)
    old = world.tables["deals"][1].stage
    new = next(stage.id for stage in stages if stage.id != old)
    status = world.tables["deals"][1].status
    world.edit_deal(1, stage=new)
    account.wait(minutes=1)
    for code in (1, 2, 0) if not status else (2 if status == 1 else 1, 0, 1):
        world.edit_deal(1, status=code)
        account.wait(minutes=1)
    ran = account.run(before.state, only=["crm_opportunity_changes"])
    words = {0: "open", 1: "won", 2: "lost"}
    steps = [status, *((1, 2, 0) if not status else (2 if status == 1 else 1, 0, 1))]
    wanted = [("1", "stage", str(old), str(new))]
    wanted += [("1", "status", words[a], words[b]) for a, b in itertools.pairwise(steps)]
    assert changes(ran) == wanted
    first = ran.records["crm_opportunity_changes"][0]
    assert first["new_stage"]["name"] == world.tables["dealStages"][new].title
    assert first["user"]["id"] == str(world.tables["deals"][1].owner)
    account.wait(hours=72)
    assert account.run(ran.state, only=["crm_opportunity_changes"]).records == {}


@pytest.mark.parametrize(
    ("columns", "new"),
    [
        # The action is the new status, as in recorded answers.
        ({"dataOldval": "0", "dataAction": "1", "dataId": "0"}, "won"),
        ({"dataOldval": "1", "dataAction": "2", "dataId": "0"}, "lost"),
        ({"dataOldval": "2", "dataAction": "0", "dataId": "0"}, "open"),
        ({"dataOldval": "0", "dataAction": "2", "dataId": "18"}, "lost"),
        ({"dataOldval": "0", "dataAction": "2", "dataId": "1", "deal": "1"}, "lost"),
        # The id of the changed row is the new status.
        ({"dataOldval": "0", "dataAction": "edit", "dataId": "1"}, "won"),
        ({"dataOldval": "0", "dataAction": "1", "dataId": "2"}, "lost"),
        ({"dataOldval": "1", "dataAction": "1", "dataId": "0"}, "open"),
        # No column has the new status.
        ({"dataOldval": "0", "dataAction": "edit", "dataId": "18"}, None),
    ],
)
def test_the_new_status_is_read_from_each_known_column(columns, new):
    """The new status is read from each known column; the documentation names none."""
    row = golden("crm_opportunity_changes")["page"]["dealActivities"][1] | columns
    assert read_row("crm_opportunity_changes", row)["new_status"] == new


@pytest.mark.parametrize("word", ["d_stageid", "stage"])
@pytest.mark.parametrize(
    "columns",
    [
        {"dataAction": "11", "dataId": "0", "d_stageid": "0"},
        {"dataAction": "11", "dataId": "18", "d_stageid": "10"},
        {"dataAction": "edit", "dataId": "11", "d_stageid": "0"},
        {"dataAction": "edit", "dataId": "10", "d_stageid": "11"},
        {"dataAction": "", "dataId": "0", "d_stageid": "0", "stage": "11"},
    ],
)
def test_the_new_stage_is_read_from_the_action(word, columns):
    """The new stage is read from the action; a word or the old stage is not taken for it."""
    row = golden("crm_opportunity_changes")["page"]["dealActivities"][0]
    found = read_row("crm_opportunity_changes", row | {"dataType": word} | columns)
    assert (found["field"], found["old_stage"]["id"], found["new_stage"]["id"]) == (
        *("stage", "10"),
        "11",
    )


def test_other_activities_of_deals_are_counted(account):
    """Other activities of deals, such as notes, are skipped with a reason."""
    rows = [{"id": "1", "d_id": "1", "dataType": "note", "cdate": "2026-01-01T00:00:00-06:00"}]
    account.world.planted.plant("/dealActivities", "dealActivities", rows)
    ran = account.run(only=["crm_opportunity_changes"])
    stats = ran.tap._report.stats_by_stream["crm_opportunity_changes"]
    assert dict(stats.skipped) == {"no change of stage or status": 1}
    assert (stats.read, stats.emitted) == (1, 0)


def test_scores_that_come_with_the_contacts_cost_their_pages(account):
    """Sideloaded scores cost the pages of contacts, one check, and the names of scores."""
    ran = account.run(only=["crm_contact_scores"])
    values = account.world.tables["scoreValues"]
    wanted = {(str(v.contact), str(v.score), v.scoreValue) for v in values if v.contact}
    found = ran.records["crm_contact_scores"]
    assert {(r["contact_id"], r["score_id"], r["value"]) for r in found} == wanted
    assert all(record["score_name"] for record in found)
    nested = [path for path in ran.paths() if path.endswith("scoreValues")]
    assert len(nested) <= 2  # the check that the page has all scores
    assert len(ran.paths()) == 5


def test_scores_that_are_only_listed_are_asked_for_one_by_one(account):
    """If a page lists only ids of scores, the tap reads the scores of those contacts alone."""
    values = account.world.tables["scoreValues"]
    for row in [value for value in values if value.contact and value.contact > 8]:
        values.delete(row.id)

    def strip(document):
        document["scoreValues"] = []

    fault = account.world.faults.rewrite("/contacts", strip)
    fault.spoil = lambda handle, spoil=fault.spoil: _stripped(handle, spoil, account)
    ran = account.run(only=["crm_contact_scores"])
    paths = {path for path in ran.paths() if path.endswith("scoreValues")}
    having = {str(value.contact) for value in values if value.contact}
    assert {record["contact_id"] for record in ran.records["crm_contact_scores"]} == having
    assert paths >= {f"contacts/{contact_id}/scoreValues" for contact_id in having}
    assert len(paths) <= len(having) + 2


def _stripped(handle, spoil, account):
    """Remove the scores from pages of contacts."""
    path = account.world.log[-1].path
    return spoil(handle) if path.endswith("/contacts") else handle()


def test_scores_of_opportunities_cost_a_request_for_each_that_is_seen():
    """Scores of deals cost one request per visible deal.

    A hidden deal's 403 would stop the rest.
    """
    shape = Shape(scores_share=1.0)
    account = Account(contacts=10, deals=12, shape=shape, hidden_deals=True)
    ran = account.run(only=["crm_opportunity_scores"])
    hidden = {
        str(deal.id)
        for deal in account.world.tables["deals"]
        if account.world.tables["dealGroups"][deal.group].hidden
    }
    assert hidden
    deal_ids = {path.split("/")[1] for path in ran.paths() if path.endswith("/scoreValues")}
    assert deal_ids == {str(n) for n in account.world.tables["deals"].ids()} - hidden
    assert ran.records["crm_opportunity_scores"]
    account.wait(hours=72)
    again = account.run(ran.state, only=["crm_opportunity_scores"])
    assert again.records == {}
    assert not any(path.endswith("/scoreValues") for path in again.paths())


def test_automations_entered_and_left(account):
    """Each enrolment has its automation's name, its start and its end."""
    ran = account.run(only=["marketing_contact_automations", "marketing_automations"])
    names = {record["id"]: record["name"] for record in ran.records["marketing_automations"]}
    rows = account.world.tables["contactAutomations"]
    found = ran.by_id("marketing_contact_automations")
    assert len(found) == len(rows) == 120
    for row in rows:
        record = found[str(row.id)]
        assert record["automation_name"] == names[str(row.automation)]
        assert record["contact_id"] == str(row.contact)
        assert (record["exited_at"] is None) is (row.remdate is None)
        assert record["entered_at"]
    assert ran.paths().count("automations") == 1


def test_all_of_it_is_off_until_selected(account):
    """A run that selects none of these streams sends no request for them."""
    ran = account.run()
    off = {resource.name for resource in RESOURCES if not resource.selected_by_default}
    assert set(HISTORY) < off
    assert not off & set(ran.schemas)
    paths = {"dealActivities", "dealTasks", "contactAutomations", "automations", "campaigns"}
    paths |= {"connections", "ecomOrders", "ecom/graphql", "logs", "segments"}
    assert not paths & set(ran.paths())
    assert all(by_name[name].title for name in HISTORY)


def test_performance_that_no_account_must_have_is_skipped(account):
    """If the undocumented campaign messages are missing, the stream is skipped with exit 0."""
    account.world.faults.not_found("/campaignMessages")
    chosen = ["marketing_campaign_messages", "marketing_campaigns"]
    ran = account.run(only=chosen, on_forbidden="fail")
    assert ran.code == 0
    assert ran.tap._report.stats_by_stream["marketing_campaign_messages"].outcome == "skipped"
    assert ran.records["marketing_campaigns"]


def test_history_takes_part_in_deletes(account, tmp_path):
    """The tap emits a tombstone for the score of a deleted contact, and none for other scores."""
    options = {"detect_deletes": True, "known_ids_path": str(tmp_path / "known.sqlite")}
    chosen = ["crm_contact_scores", "marketing_contacts"]
    first = account.run(only=chosen, **options)
    account.wait(hours=1)
    account.world.delete_contact(5)
    ran = account.run(first.state, only=chosen, **options)
    tombstones = [r for r in ran.records.get("crm_contact_scores", []) if r["_sdc_deleted_at"]]
    assert {record["contact_id"] for record in tombstones} == {"5"}
    assert all(record["score_id"] for record in tombstones)
