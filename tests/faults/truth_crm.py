"""The CRM streams of the expected records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .values import named, number, reference, text, utc

if TYPE_CHECKING:
    from .truth import Truth

ADDRESS = {
    "street_1": "ACCT_ADDRESS_1",
    "street_2": "ACCT_ADDRESS_2",
    "city": "ACCT_CITY",
    "state": "ACCT_STATE_PROVINCE",
    "postal_code": "ACCT_POSTAL_CODE",
    "country": "ACCT_COUNTRY",
}
CARD = {
    "card_region_1": "cardRegion1",
    "card_region_2": "cardRegion2",
    "card_region_3": "cardRegion3",
    "card_region_4": "cardRegion4",
    "card_region_5": "cardRegion5",
    "deal_order": "dealOrder",
    "width": "width",
}
NOWHERE = {
    "description": None,
    "amount": None,
    "currency": None,
    "stage": None,
    "pipeline": None,
    "owner": None,
    "account": None,
    "close_date": None,
    "probability": None,
    "next_action_at": None,
    "activity_count": None,
    "created_at": None,
    "updated_at": None,
}


def add(found: Truth) -> None:
    """Add the records of all CRM streams."""
    for name in ("crm_accounts", "crm_notes", "crm_opportunities"):
        found.streams[name] = {}
    _accounts(found)
    _notes(found)
    _opportunities(found)
    _pipelines(found)
    _fields(found)


def _data(found: Truth, kind: str, owner: int) -> dict[int, tuple[Any, str | None]]:
    rows = found.t[f"{kind}CustomFieldData"].by("owner", owner)
    return {row.customFieldId: (row.fieldValue, row.fieldCurrency) for row in rows}


def _accounts(found: Truth) -> None:
    fields, t = found.fields["account"], found.t
    for row in t["accounts"]:
        custom = fields.read(_data(found, "account", row.id))

        def shipped(tag: str, custom: Any = custom) -> Any:
            return fields.attribute(tag, custom)

        staff, revenue = shipped("ACCT_NUMBER_OF_EMPLOYEES"), shipped("ACCT_ANNUAL_REVENUE")
        address = {part: text(shipped(tag)) for part, tag in ADDRESS.items()}
        phone, site = text(shipped("ACCT_PHONE_NUMBER")), text(row.accountUrl)
        found.put(
            "crm_accounts",
            {
                "id": str(row.id),
                "name": text(row.name),
                "owner": reference(row.owner),
                "description": text(shipped("ACCT_DESCRIPTION")),
                "industry": text(shipped("ACCT_INDUSTRY_VERTICAL")),
                "website": site,
                "number_of_employees": int(staff) if (staff or "").isdecimal() else None,
                "annual_revenue": revenue["amount"] if revenue else None,
                "addresses": [{"id": None, **address, "type": None}]
                if any(address.values())
                else [],
                "phone_numbers": [{"id": None, "number": phone, "extension": None, "type": "work"}]
                if phone
                else [],
                "urls": [{"url": site, "type": "website"}] if site else [],
                "tags": [],
                "contact_count": len(t["accountContacts"].ids_by("account", row.id)),
                "deal_count": len(t["deals"].ids_by("account", row.id)),
                "last_activity_at": None,
                "created_at": utc(row.created),
                "updated_at": utc(row.updated),
                "custom_fields": custom,
            },
        )


def _notes(found: Truth) -> None:
    for row in found.t["notes"]:
        parent = {"id": str(row.relid)}
        on = row.reltype
        found.put(
            "crm_notes",
            {
                "id": str(row.id),
                "title": None,
                "content": row.note or None,
                "owner": reference(row.userid),
                "contact": [parent] if on == "Subscriber" else [],
                "account": parent if on == "CustomerAccount" else None,
                "opportunity": [parent] if on == "Deal" else [],
                "lead": [],
                "parent": {"type": on, **parent},
                "visibility": None,
                "is_draft": False,
                "urls": [],
                "created_at": utc(row.cdate),
                "updated_at": utc(row.mdate),
            },
        )


def _opportunities(found: Truth) -> None:
    t, fields = found.t, found.fields["opportunity"]
    for row in t["deals"]:
        hidden = row.group not in found.pipelines
        custom = fields.read({} if hidden else _data(found, "deal", row.id))
        people = [] if hidden or not row.contact else [row.contact]
        people += [link.contact for link in t["contactDeals"].by("deal", row.id)]
        seen = {
            "description": row.description or None,
            "amount": number(row.value / 100),
            "currency": row.currency.upper(),
            "stage": named(row.stage, found.stages),
            "pipeline": named(row.group, found.pipelines),
            "owner": reference(row.owner),
            "account": reference(row.account),
            "close_date": fields.attribute("DEAL_FORECASTED_CLOSE_DATE", custom),
            "probability": row.winProbability,
            "next_action_at": utc(row.nextdate),
            "activity_count": row.activitycount,
            "created_at": utc(row.cdate),
            "updated_at": utc(row.mdate),
        }
        found.put(
            "crm_opportunities",
            {
                "id": str(row.id),
                "name": text(row.title),
                "status": ("open", "won", "lost")[row.status],
                "contact": [
                    {"id": str(contact_id), "is_primary": not hidden and contact_id == row.contact}
                    for contact_id in dict.fromkeys(people)
                ],
                "tags": [],
                "is_disabled": hidden,
                "last_activity_at": None,
                "urls": [],
                "custom_fields": custom,
                **(NOWHERE if hidden else seen),
            },
        )


def _pipelines(found: Truth) -> None:
    t = found.t
    for row in t["dealStages"]:
        if row.group not in found.pipelines:
            continue
        found.put(
            "crm_stages",
            {
                "id": str(row.id),
                "name": text(row.title),
                "position": row.order,
                "status": None,
                "pipeline": named(row.group, found.pipelines),
                "color": row.color,
                "card_config": {name: str(getattr(row, column)) for name, column in CARD.items()},
                "created_at": utc(row.cdate),
                "updated_at": utc(row.udate),
            },
        )
    for row in t["dealGroups"]:
        if row.hidden:
            continue
        stages = sorted(
            t["dealStages"].by("group", row.id), key=lambda stage: (stage.order, stage.id)
        )
        found.put(
            "crm_pipelines",
            {
                "id": str(row.id),
                "name": text(row.title),
                "currency": row.currency.upper(),
                "stages": [named(stage.id, found.stages) for stage in stages],
                "created_at": utc(row.cdate),
                "updated_at": utc(row.udate),
            },
        )


def _fields(found: Truth) -> None:
    w = found.w
    for entity, fields in found.fields.items():
        for row in fields.rows:
            if entity == "contact":
                options = [
                    {"id": str(option.id), "value": option.value, "label": option.label}
                    for option in w.tables["fieldOptions"].by("field", row.id)
                ]
                required, position = row.isrequired, row.ordernum
                created, updated = utc(row.cdate), utc(row.udate)
            else:
                options = [
                    {"id": None, "value": option, "label": option}
                    for option in row.fieldOptions or []
                ]
                required, position = row.isRequired, row.displayOrder
                # Fields of accounts have no offset anywhere, so their times count as UTC.
                is_stamped = entity == "opportunity" and w.switches.deal_field_stamps == "UTC"
                created, updated = (
                    utc(stamp) if is_stamped else w.zone.plain(stamp).replace(" ", "T") + "+00:00"
                    for stamp in (row.created, row.updated)
                )
            found.put(
                "crm_fields",
                {
                    "entity": entity,
                    "id": str(row.id),
                    "key": fields.keys[row.id],
                    "name": fields.title(row),
                    "type": fields.type(row),
                    "tag": fields.tag(row) or None,
                    "options": options,
                    "is_required": bool(required),
                    "position": position,
                    "created_at": created,
                    "updated_at": updated,
                },
            )
