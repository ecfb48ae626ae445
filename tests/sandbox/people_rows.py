"""The rows of users, groups, scores and automations as reads show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.mail_rows import nullable

if TYPE_CHECKING:
    from tests.sandbox.rows import (
        Automation,
        ContactAutomation,
        Group,
        Score,
        ScoreValue,
        User,
        UserGroup,
    )
    from tests.sandbox.world import World

USER_LINKS = (
    "lists",
    "userGroup",
    "dealGroupTotals",
    "dealGroupUsers",
    "configs",
    "dealConnection",
    "userConversationsPermission",
    "seatUser",
)
GROUP_LINKS = (
    "userGroups",
    "groupLimit",
    "dealGroupGroups",
    "listGroups",
    "addressGroups",
    "automationGroups",
)
_AREAS = {
    "List": "Add Edit Delete Headers Emailaccount Bounce",
    "Message": "Add Edit Delete Send",
    "Contact": "Add Edit Delete Merge Import Approve Export Sync Filters Actions Fields",
    "Group": "Add Edit Delete",
    "Template": "Add Edit Delete",
    "Personalization": "Add Edit Delete",
    "Automation": "Manage",
    "Form": "Edit",
    "Reports": "Campaign List User Trend",
    "Startup": "Reports Gettingstarted",
    "Deal": "Delete Reassign",
    "DealGroup": "Add Edit Delete",
    "SavedResponses": "Manage",
}
GROUP_FLAGS = (
    *(f"pg{area}{verb}" for area, verbs in _AREAS.items() for verb in verbs.split()),
    "pg_user_add",
    "pg_user_edit",
    "pg_user_delete",
    "pgDeal",
)


def show_user(w: World, row: User) -> dict[str, Any]:
    """Show a user; the account decides whether it has times and mfaEnabled."""
    shown: dict[str, Any] = {
        "username": row.username,
        "firstName": row.firstName,
        "lastName": row.lastName,
        "email": row.email,
        "phone": row.phone,
        "signature": row.signature,
        "lang": row.lang,
        "localZoneid": w.zone.name,
    }
    if w.switches.users_stamps:
        shown |= {"cdate": w.dt(row.cdate), "udate": w.dt(row.udate)}
    if w.switches.users_mfa:
        shown["mfaEnabled"] = "0"
    shown |= {"roles": [], "links": w.links("users", row.id, USER_LINKS), "id": str(row.id)}
    return shown


def show_user_group(w: World, row: UserGroup) -> dict[str, Any]:
    """Show a user's membership in its only group."""
    return {
        "userid": str(row.user),
        "groupid": str(row.group),
        "links": w.links("userGroups", row.id, ("user", "group")),
        "id": str(row.id),
        "group": str(row.group),
        "user": str(row.user),
    }


def show_group(w: World, row: Group) -> dict[str, Any]:
    """Show a group with its permission flags."""
    default = "1" if row.admin else "0"
    return {
        "title": row.title,
        "descript": row.descript,
        "unsubscribelink": "0",
        "optinconfirm": "0",
        "p_admin": str(row.admin),
        **dict.fromkeys(GROUP_FLAGS, default),
        **row.flags,
        "sdate": w.dt(row.sdate),
        "reqApproval": "0",
        "reqApproval1st": "2",
        "reqApprovalNotify": "",
        "socialdata": "0",
        "links": w.links("groups", row.id, GROUP_LINKS),
        "id": str(row.id),
    }


def show_group_limit(w: World, row: Group) -> dict[str, Any]:
    """Show the limits of a group: there are none."""
    return {
        "groupid": str(row.id),
        "limitMail": "0",
        "limitMailType": "month",
        "limitContact": "0",
        "limitList": "0",
        "limitCampaign": "0",
        "limitCampaignType": "month",
        "limitAttachment": "0",
        "limitUser": "0",
        "abuseRatio": "4",
        "forceSenderInfo": "0",
        "links": w.links("groupLimits", row.id, ("group",)),
        "id": str(row.id),
        "group": str(row.id),
    }


def show_score(w: World, row: Score) -> dict[str, Any]:
    """Show a score."""
    return {
        "reltype": row.reltype,
        "name": row.name,
        "descript": row.descript,
        "status": str(row.status),
        "cdate": w.dt(row.cdate),
        "mdate": w.dt(row.mdate),
        "links": [],
        "id": str(row.id),
    }


def show_score_value(w: World, row: ScoreValue) -> dict[str, Any]:
    """Show the score of a contact or deal."""
    return {
        "score": str(row.score),
        "contact": nullable(row.contact),
        "deal": nullable(row.deal),
        "cdate": w.dt(row.cdate),
        "mdate": w.dt(row.mdate),
        "scoreValue": str(row.scoreValue),
        "links": w.links("scoreValues", row.id, ("score", "contact", "deal")),
        "id": str(row.id),
    }


def show_automation(w: World, row: Automation) -> dict[str, Any]:
    """Show an automation."""
    names = "campaigns contactGoals contactAutomations blocks goals sms sitemessages triggers"
    return {
        "name": row.name,
        "cdate": w.dt(row.cdate),
        "mdate": w.dt(row.mdate),
        "userid": "1",
        "status": str(row.status),
        "entered": str(row.entered),
        "exited": str(row.exited),
        "hidden": "0",
        "entitlements_violation": "0",
        "source": "0",
        "description": "",
        "exit_on_unsubscribe": "0",
        "exit_on_conversion": "0",
        "multientry": "0",
        "defaultscreenshot": "",
        "screenshot": "",
        "links": w.links("automations", row.id, tuple(names.split())),
        "id": str(row.id),
    }


def show_contact_automation(w: World, row: ContactAutomation) -> dict[str, Any]:
    """Show one enrolment of a contact in an automation."""
    done = row.status == 2
    return {
        "contact": str(row.contact),
        "seriesid": str(row.automation),
        "startid": "0",
        "status": str(row.status),
        "batchid": None,
        "adddate": w.dt(row.adddate),
        "remdate": w.dt(row.remdate),
        "timespan": str(row.remdate - row.adddate) if row.remdate else None,
        "lastblock": "0",
        "lastlogid": "0",
        "lastdate": w.dt(row.lastdate),
        "in_als": "0",
        "completedElements": 2 if done else 0,
        "totalElements": 2,
        "completed": int(done),
        "completeValue": 100 if done else 0,
        "links": w.links("contactAutomations", row.id, ("automation", "contact", "contactGoals")),
        "id": str(row.id),
        "automation": str(row.automation),
    }
