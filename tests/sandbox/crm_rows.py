"""The rows of accounts, their custom fields, notes and deals as reads show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.mail_rows import nullable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.rows import (
        Account,
        ContactDeal,
        CustomField,
        Datum,
        Deal,
        DealActivity,
        DealRole,
        Note,
        Pipeline,
        Stage,
    )
    from tests.sandbox.world import World

ACCOUNT_LINKS = (
    "notes",
    "accountCustomFieldData",
    "accountContacts",
    "emailActivities",
    "contactEmails",
    "owner",
)
DEAL_LINKS = (
    "dealActivities",
    "contact",
    "contactDeals",
    "group",
    "nextTask",
    "notes",
    "account",
    "customerAccount",
    "organization",
    "owner",
    "scoreValues",
    "stage",
    "tasks",
    "dealCustomFieldData",
)
OWNER_TYPES = {
    "Subscriber": "contact",
    "Deal": "deal",
    "CustomerAccount": "account",
    "DealTask": "dealTask",
    "Activity": "activity",
}


def show_account(w: World, row: Account) -> dict[str, Any]:
    """Show a single account; its `links` may be an empty array (§13)."""
    return {
        "name": row.name,
        "accountUrl": row.accountUrl,
        "createdTimestamp": w.dt(row.created),
        "updatedTimestamp": w.dt(row.updated),
        "owner": str(row.owner),
        "links": w.links("accounts", row.id, ACCOUNT_LINKS) if w.switches.account_links else [],
        "id": str(row.id),
    }


def show_counted_account(w: World, row: Account, *, counted: bool) -> dict[str, Any]:
    """Show an account of the collection; its counts are "0" unless requested."""
    contacts = len(w.tables["accountContacts"].ids_by("account", row.id)) if counted else 0
    deals = len(w.tables["deals"].ids_by("account", row.id)) if counted else 0
    shown = show_account(w, row)
    links, row_id = shown.pop("links"), shown.pop("id")
    return {
        **shown,
        "contactCount": str(contacts),
        "dealCount": str(deals),
        "links": links,
        "id": row_id,
    }


def show_custom_field(w: World, row: CustomField, kind: str) -> dict[str, Any]:
    """Show the definition of an account or deal field; `kind` is account or deal."""
    data = f"{kind}CustomFieldData"
    stamp = field_stamps(w, kind)
    return {
        "id": str(row.id),
        "fieldLabel": row.fieldLabel,
        "fieldType": row.fieldType,
        "fieldOptions": row.fieldOptions,
        "fieldDefault": row.fieldDefault,
        "fieldDefaultCurrency": row.fieldDefaultCurrency,
        "isFormVisible": row.isFormVisible,
        "isRequired": row.isRequired,
        "displayOrder": row.displayOrder,
        "personalization": row.personalization,
        "knownFieldId": row.knownFieldId,
        "hideFieldFlag": row.hideFieldFlag,
        "createdTimestamp": stamp(row.created),
        "updatedTimestamp": stamp(row.updated),
        "createdBy": row.createdBy,
        "updatedBy": row.updatedBy,
        "links": w.links(f"{kind}CustomFieldMeta", row.id, (data,)),
    }


def show_datum(w: World, row: Datum, kind: str) -> dict[str, Any]:
    """Show the value of an account or deal field, in the slim spelling."""
    stamp = field_stamps(w, kind)
    shown = {
        "id": str(row.id),
        f"{kind}CustomFieldMetumId": row.customFieldId,
        f"{kind}Id": row.owner,
        "customFieldId": row.customFieldId,
        "createdTimestamp": stamp(row.created),
        "updatedTimestamp": stamp(row.updated),
        "fieldValue": row.fieldValue,
    }
    if row.fieldCurrency is not None:
        shown["fieldCurrency"] = row.fieldCurrency
    names = (kind, f"{kind}CustomFieldMetum")
    return {**shown, "links": w.links(f"{kind}CustomFieldData", row.id, names)}


def field_stamps(w: World, kind: str) -> Callable[[int | None], str | None]:
    """Return how the times of custom fields are formatted; those of deals are in UTC (§13)."""
    if kind == "deal" and w.switches.deal_field_stamps == "UTC":
        return w.zone.utc
    return w.ts


_WIDE_COLUMNS = {
    "textarea": "text_blob",
    "multiselect": "text_blob",
    "checkbox": "text_blob",
    "date": "date_value",
    "datetime": "date_value",
    "number": "number_value",
    "currency": "currency_value",
}


def show_wide_datum(w: World, row: Datum, kind: str) -> dict[str, Any]:
    """Show a value in the wide spelling: one column per type."""
    field_type = w.tables[f"{kind}CustomFieldMeta"][row.customFieldId].fieldType
    value = row.fieldValue
    if isinstance(value, list):
        value = "||" + "||".join(value) + "||"
    elif value and field_type == "date":
        value = f"{value} 00:00:00"
    elif value and field_type == "datetime":
        value = w.ts(w.zone.instant(value))
    owner, parent = ("customer_account", "customerAccount") if kind == "account" else (kind, kind)
    metum = f"{parent}CustomFieldMetum"
    shown: dict[str, Any] = {
        f"{owner}_id": str(row.owner),
        "custom_field_id": str(row.customFieldId),
        "custom_field_text_value": None,
        "custom_field_text_blob": None,
        "custom_field_date_value": None,
        "custom_field_number_value": None,
        "custom_field_currency_value": None,
        "custom_field_currency_type": row.fieldCurrency,
        "created_timestamp": w.ts(row.created),
        "updated_timestamp": w.ts(row.updated),
        "created_by": None,
        "updated_by": None,
    }
    column = _WIDE_COLUMNS.get(field_type, "text_value")
    shown[f"custom_field_{column}"] = None if value is None else str(value)
    return {
        **shown,
        "links": w.links(f"{kind}CustomFieldData", row.id, (parent, metum)),
        "id": str(row.id),
        parent: str(row.owner),
        metum: str(row.customFieldId),
    }


def show_note(w: World, row: Note) -> dict[str, Any]:
    """Show a note; `owner` is its parent, `user` its author."""
    return {
        "relid": str(row.relid),
        "reltype": row.reltype,
        "userid": str(row.userid),
        "is_draft": "0",
        "cdate": w.dt(row.cdate),
        "mdate": w.dt(row.mdate),
        "note": row.note,
        "links": w.links("notes", row.id, ("activities", "user", "mentions", "notes", "owner")),
        "id": str(row.id),
        "user": str(row.userid),
        "owner": {"type": OWNER_TYPES.get(row.reltype, ""), "id": str(row.relid)},
    }


def is_hidden(w: World, row: Deal) -> bool:
    """Return whether the key's user may not see this deal's pipeline."""
    pipeline = w.tables["dealGroups"].get(row.group)
    return pipeline is not None and pipeline.hidden


def show_deal(w: World, row: Deal) -> dict[str, Any]:
    """Show a deal, or the four keys of a stub when its pipeline is hidden."""
    if is_hidden(w, row):
        status = {"status": str(row.status)} if w.switches.stub_status else {}
        ends = {"id": str(row.id), "isDisabled": w.switches.stub_disabled}
        return {"title": row.title, **status, **ends}
    return {
        "hash": row.hash,
        "owner": str(row.owner),
        "contact": nullable(row.contact),
        "organization": nullable(row.account),
        "group": str(row.group),
        "stage": str(row.stage),
        "title": row.title,
        "description": row.description,
        "percent": str(row.percent),
        "cdate": w.dt(row.cdate),
        "mdate": w.dt(row.mdate),
        "nextdate": w.dt(row.nextdate),
        "nexttaskid": "0",
        "value": str(row.value),
        "currency": row.currency,
        "winProbability": row.winProbability,
        "winProbabilityMdate": w.dt(row.winProbabilityMdate),
        "status": str(row.status),
        "activitycount": str(row.activitycount),
        "nextdealid": str(row.id),
        "edate": w.ts(row.edate),
        "links": w.links("deals", row.id, DEAL_LINKS),
        "id": str(row.id),
        "isDisabled": False,
        "account": nullable(row.account),
        "customerAccount": nullable(row.account),
    }


def show_stage(w: World, row: Stage) -> dict[str, Any]:
    """Show a stage; a switch prints its udate hours ahead, as after some writes."""
    udate = w.dt(row.udate)
    if row.udate is not None and w.switches.stage_udate_future:
        udate = utc_with_local_offset(w, row.udate)
    return {
        "group": str(row.group),
        "title": row.title,
        "color": row.color,
        "order": str(row.order),
        "width": str(row.width),
        "dealOrder": row.dealOrder,
        "cardRegion1": row.cardRegion1,
        "cardRegion2": row.cardRegion2,
        "cardRegion3": row.cardRegion3,
        "cardRegion4": row.cardRegion4,
        "cardRegion5": row.cardRegion5,
        "cdate": w.dt(row.cdate),
        "udate": udate,
        "links": w.links("dealStages", row.id, ("group",)),
        "id": str(row.id),
    }


def utc_with_local_offset(w: World, instant: int) -> str:
    """Print the UTC time with the account's offset, which is in the future."""
    local = w.zone.stamp(instant)
    sign = -1 if local[19] == "-" else 1
    ahead = sign * (int(local[20:22]) * 3600 + int(local[23:25]) * 60)
    return w.zone.stamp(instant - ahead)[:19] + local[19:]


def show_pipeline(w: World, row: Pipeline, *, counted: bool = False) -> dict[str, Any]:
    """Show a pipeline; the collection adds its number of deals."""
    udate = w.dt(row.udate)
    if row.udate is not None and w.switches.stage_udate_future:
        udate = utc_with_local_offset(w, row.udate)
    shown = {
        "title": row.title,
        "currency": row.currency,
        "autoassign": str(row.autoassign),
        "allusers": str(row.allusers),
        "allgroups": str(row.allgroups),
        "win_probability_initialize_date": None,
        "cdate": w.dt(row.cdate),
        "udate": udate,
        "source": "",
    }
    if counted:
        shown["count"] = str(len(w.tables["deals"].ids_by("group", row.id)))
    names = ("stages", "dealGroupUsers", "dealGroupGroups", "winProbabilityFeatures")
    return {
        **shown,
        "stages": [str(n) for n in w.tables["dealStages"].ids_by("group", row.id)],
        "links": w.links("dealGroups", row.id, names),
        "id": str(row.id),
    }


def show_contact_deal(w: World, row: ContactDeal) -> dict[str, Any]:
    """Show a secondary contact of a deal."""
    return {
        "deal": str(row.deal),
        "contact": str(row.contact),
        "role": nullable(row.role),
        "cdate": w.dt(row.cdate),
        "created_timestamp": w.ts(row.cdate),
        "updated_timestamp": w.ts(row.updated),
        "created_by": None,
        "updated_by": None,
        "links": w.links("contactDeals", row.id, ("deal", "contact", "role")),
        "id": str(row.id),
    }


def show_deal_role(w: World, row: DealRole) -> dict[str, Any]:
    """Show a role; only its `_timestamp` columns have an offset."""
    return {
        "title": row.title,
        "created_timestamp": w.dt(row.created),
        "updated_timestamp": w.dt(row.updated),
        "links": w.links("dealRoles", row.id, ("contactDeals",)),
        "id": str(row.id),
    }


def show_deal_activity(w: World, row: DealActivity) -> dict[str, Any]:
    """Show a row of a deal's history; a change of stage has one of two words (§13)."""
    kind, stage = row.dataType, str(row.stage)
    data_id = str(row.dataId)
    if w.switches.deal_activities == "live":
        data_id = "0"
        if kind == "stage":
            kind, stage = "d_stageid", "0"
    return {
        "d_id": str(row.deal),
        "d_stageid": stage,
        "userid": str(row.user),
        "dataId": data_id,
        "dataType": kind,
        "dataAction": row.dataAction,
        "dataOldval": row.dataOldval,
        "cdate": w.dt(row.cdate),
        "sortdate": w.dt(row.cdate),
        "isAddtask": "0",
        "deleted": "0",
        "seriesid": "0",
        "links": w.links("dealActivities", row.id, ("deal", "stage", "user", "automation")),
        "id": str(row.id),
        "deal": str(row.deal),
        "stage": None if stage == "0" else stage,
        "user": str(row.user),
        "automation": None,
    }
