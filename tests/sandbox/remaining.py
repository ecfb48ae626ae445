"""Other collections: read-only, with a few invented rows each.

They serve raw streams; no other row refers to them.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.sandbox.paging import collection
from tests.sandbox.routes import route
from tests.sandbox.wire import Answer, html_not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

# path -> (total: s, i, - for no meta; how many rows; the columns). A column's suffix is its type:
# none a text, :n a number in a text, :i an int, :dt and :ts stamps, :? null, :{} and :[] empty.
_SHAPES: dict[str, tuple[str, int, str]] = {
    "campaigns": (
        "s",
        3,
        (
            "type userid:n segmentid:n seriesid:n formid:n addressid:n source name"
            " cdate:dt mdate:dt"
            " sdate:? ldate:? send_amt:n total_amt:n opens:n uniqueopens:n linkclicks:n"
            " uniquelinkclicks:n subscriberclicks:n forwards:n hardbounces:n softbounces:n"
            " unsubscribes:n replies:n status:n public:n created_timestamp:ts updated_timestamp:ts"
            " created_by:n updated_by:n verified_opens:n message_id:n screenshot typeText"
            " isDoubleOptInCampaign"
            " statusString statusToolTip user:n automation:n"
        ),
    ),
    "messages": (
        "s",
        2,
        (
            "userid:n ed_instanceid:n ed_version:n cdate:dt mdate:dt name fromname fromemail reply2"
            " priority:n charset encoding format subject preheader_text text html htmlfetch"
            " textfetch hidden:n preview_mime preview_data:? user:n"
        ),
    ),
    "forms": (
        "s",
        2,
        (
            "name action actiondata:{} submit submitdata:[] url:? layout title:? body:?"
            " button thanks"
            " style:{} options:[] cfields:[] parentformid:n userid:n addressid:n cdate:dt udate:dt"
            " source aid:? defaultscreenshot recent:[] contacts:i deals:i entries:i address:?"
        ),
    ),
    "addresses": (
        "s",
        1,
        "companyName address1 address2 city state district zip country allgroup:n isDefault:n",
    ),
    "brandings": (
        "s",
        1,
        "groupid:n siteName siteLogo headerTextValue copyright:n version:n help:n",
    ),
    "calendars": ("s", 1, "userid:n title type token notification:n cdate:dt mdate:dt"),
    "savedResponses": ("s", 2, "title subject body ldate:? last_sent_user_id:? cdate:dt mdate:?"),
    "personalizations": ("s", 1, "name tag format content listIds listNames listsCount:n"),
    "templates": (
        "-",
        2,
        (
            "userid:n ed_instanceid:n ed_version:n name subject:? content categoryid:n used:n"
            " waitpreview:n importnum:n mdate:ts preview_content:? modified:n hidden:n screenshot"
        ),
    ),
    "webhooks": ("s", 0, "cdate:dt listid:n name url events:[] sources:[] state"),
    "connections": (
        "s",
        1,
        (
            "service externalid name isInternal:n status:n syncStatus:n lastSync:dt logoUrl linkUrl"
            " listId:n cdate:dt udate:dt"
        ),
    ),
    "ecomCustomers": (
        "s",
        4,
        (
            "connectionid:n externalid:n email totalRevenue:n totalOrders:n totalProducts:n"
            " avgRevenuePerOrder:n avgProductCategory tstamp:dt acceptsMarketing:n connection:n"
        ),
    ),
    "ecomOrders": (
        "-",
        6,
        (
            "customerid:n connectionid:n state:n source:n externalid:n externalcheckoutid:?"
            " orderNumber:n email totalPrice:n discountAmount:n shippingAmount:n taxAmount:n"
            " totalProducts:n currency shippingMethod orderUrl externalCreatedDate:dt"
            " externalUpdatedDate:dt abandonedDate:? createdDate:dt updatedDate:dt orderDate:dt"
            " tstamp:dt connection:n customer:n"
        ),
    ),
    "ecomOrderProducts": (
        "-",
        8,
        (
            "orderid:n connectionid:n externalid:n sku name description price:n quantity:n category"
            " imageUrl productUrl createdDate:dt updatedDate:dt tstamp:dt ecomOrder:n"
        ),
    ),
    "ecomOrderActivities": ("-", 3, "orderid:n type updatedDate:? createdDate:dt"),
    "dealTasks": (
        "s",
        3,
        (
            "relid:n reltype dealTasktype:n user:n assignee:n automation:? cdate:dt duedate:dt"
            " edate:dt duration:n status:n title note donedate:? doneAutomation:? udate:dt owner:{}"
            " outcomeId:i outcomeInfo"
        ),
    ),
    "dealTasktypes": (
        "s",
        3,
        (
            "cdate:? udate:? defduration:n status:n title display_order:n outcomes created_by:n"
            " updated_by:n created_utc_timestamp:ts updated_utc_timestamp:ts"
        ),
    ),
    "taskOutcomes": (
        "s",
        2,
        (
            "title sentiment disabled:n created_by:n updated_by:n created_utc_timestamp:dt"
            " updated_utc_timestamp:dt dealTasktype_ids:[]"
        ),
    ),
    "tasktypeOutcomeRels": (
        "s",
        1,
        "tasktype_id:n outcome_id:n display_order:n created_by:n tasktype:n",
    ),
    "activities": (
        "s",
        5,
        (
            "tstamp:dt subscriberid:n reference_type reference_id:n reference_action jsonData:?"
            " userid:n permission referenceModelName notes:[] recipients:[] reference:{} user:n"
        ),
    ),
    "emailActivities": (
        "s",
        3,
        (
            "subscriberid:n userid:n d_id:n account:n reltype relid:n fromName"
            " fromAddress toAddress"
            " ccAddress subject message messageHtml tstamp:dt reference:{} contact:n deal:n user:n"
            " from_name sentiment"
        ),
    ),
    "automationBlocks": (
        "-",
        2,
        "automation:n parent:n ordernum:n params:{} deleted:n cdate:dt mdate:dt",
    ),
    "bounceLogs": (
        "-",
        3,
        (
            "tstamp:dt bounceid:n subscriberid:n campaignid:n messageid:n codeid:n email"
            " error source"
            " created_timestamp:ts updated_timestamp:ts created_by:? updated_by:?"
            " bounce:n contact:n"
            " campaign:n message:n code"
        ),
    ),
    "links": ("-", 2, "campaignid:n messageid:n link name ref tracked:n created_timestamp:ts"),
    "campaignLists": ("-", 2, "campaignid:n listid:n userid:n list_amt:n cdate:dt udate:dt name"),
    "campaignMessages": ("-", 2, "messageid:n campaignid:n percentage:n sourcesize:n subject"),
    "configs": ("-", 2, "keyname section item userid:n val cdate:dt udate:dt owner:n"),
    "contactConversions": ("-", 1, "contact:n conversion:n triggerType value:n currency cdate:dt"),
    "contactData": (
        "-",
        2,
        "contact:n tstamp:dt geoTstamp:? geoIp4:n geoCountry2 geoCity ga_times_visited:n",
    ),
    "contactEmails": (
        "-",
        1,
        "messageid:n seriesid:n userid:n d_id:n subscriberid:n account:n sdate:dt",
    ),
    "conversions": ("-", 1, "name value:n currency limit:n enforcelimit:n cdate:dt udate:dt"),
    "conversionTriggers": ("-", 1, "conversion:n type cdate:dt udate:dt"),
    "dealGroupUsers": ("-", 2, "dealGroup:n user:n cdate:?"),
    "goals": ("-", 1, "blockid:n seriesid:n name cdate:dt dirty_stats:n automation:n"),
    "linkData": ("-", 0, "linkid:n"),
    "siteMessages": ("-", 1, "name automation:n template:{} ldate:dt"),
    "sms": ("-", 1, "userid:n seriesid:n msg tstamp:dt sent:n failed:n sdate:dt ldate:dt"),
}
# Collections that other modules serve from tables if a switch says so.
SERVED_ELSEWHERE = frozenset(
    "connections ecomCustomers ecomOrders ecomOrderProducts links linkData bounceLogs activities "
    "dealTasks dealTasktypes taskOutcomes tasktypeOutcomeRels".split()
)
_MISSING = ("audiences", "messageActivities")  # 404 on some accounts, and on this account


def _row(w: World, name: str, columns: str, number: int) -> dict[str, Any]:
    dice = random.Random(f"{w.seed}/{name}/{number}")
    at = w.born + dice.randrange(700 * 86400)
    makers: dict[str, Callable[[str], Any]] = {
        "n": lambda _: str(dice.randrange(5)),
        "i": lambda _: dice.randrange(5),
        "dt": lambda _: w.dt(at),
        "ts": lambda _: w.ts(at),
        "?": lambda _: None,
        "{}": lambda _: {},
        "[]": lambda _: [],
        "": lambda column: f"{column} {number}",
    }
    row: dict[str, Any] = {}
    for entry in columns.split():
        column, _, kind = entry.partition(":")
        row[column] = makers[kind](column)
    return {**row, "links": [], "id": str(number)}


@route("GET", *(f"/{name}" for name in _SHAPES if name not in SERVED_ELSEWHERE))
def list_remaining(w: World, r: Request) -> dict[str, Any]:
    """Answer a page of one of these collections."""
    return invented(w, r)


def invented(w: World, r: Request) -> dict[str, Any]:
    """Answer a page of invented rows of the collection that the path names."""
    name = r.path.strip("/")
    kind, count, columns = _SHAPES[name]
    rows = [_row(w, name, columns, number) for number in range(1, count + 1)]
    return collection(w, r, name, rows, lambda _w, row: row, kind)


@route("GET", "/groupMembers")
def list_group_members(w: World, r: Request) -> dict[str, Any]:
    """Answer the groups of fields, under the key of the reference."""
    return {"groupDefinitions": []}


@route("GET", "/lists/exclusions")
def list_exclusions(w: World, r: Request) -> dict[str, Any]:
    """Answer the excluded addresses."""
    rows = [
        {"id": str(n), "matchPhrase": email, "matchType": "exact", "channel": "all", "lists": []}
        for n, email in enumerate(sorted(w.excluded_emails), 1)
    ]
    return collection(w, r, "exclusions", rows, lambda _w, row: row, "i")


@route("GET", "/webhook/events")
def list_webhook_events(w: World, r: Request) -> dict[str, Any]:
    """Answer the names of events of webhooks."""
    events = ["subscribe", "unsubscribe", "update", "contact_tag_added", "deal_add"]
    return {"webhookEvents": events, "meta": {"total": len(events)}}


@route("GET", *(f"/{name}" for name in _MISSING))
def answer_missing(w: World, r: Request) -> Answer:
    """Answer a collection that this kind of account does not have."""
    return html_not_found()


@route("GET", "/settings/account")
def account_settings(w: World, r: Request) -> dict[str, Any]:
    """Answer the settings of a hosted account."""
    row = {
        "account": w.base_url.removeprefix("https://"),
        "cname": "",
        "status": "active",
        "subscriber_limit": w.contact_limit,
        "subscriber_total": len(w.tables["contacts"]),
        "trial": False,
        "credits": None,
        "branding": True,
        "timezone": w.zone.name,
    }
    return row if w.switches.account_settings == "bare" else {"account": row}
