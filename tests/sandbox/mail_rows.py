"""The rows of tags, lists, contact fields and segments as reads show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox.rows import Field, FieldOption, FieldRel, ListGroup, MailList, Segment, Tag
    from tests.sandbox.world import World

LIST_LINKS = ("contactGoalLists", "user", "addressLists")
LIST_DEFAULTS: dict[str, Any] = {
    "p_use_tracking": "1",
    "p_use_analytics_read": "0",
    "p_use_analytics_link": "0",
    "p_use_twitter": "0",
    "p_use_facebook": "0",
    "p_embed_image": "1",
    "p_use_captcha": "1",
    "send_last_broadcast": "0",
    "private": "0",
    "analytics_domains": None,
    "analytics_source": "",
    "analytics_ua": "",
    "twitter_token": "",
    "twitter_token_secret": "",
    "facebook_session": None,
    "carboncopy": "",
    "subscription_notify": "",
    "unsubscription_notify": "",
    "require_name": "0",
    "get_unsubscribe_reason": "0",
    "to_name": "",
    "optinoptout": "1",
    "sender_name": "",
    "sender_addr1": "",
    "sender_addr2": "",
    "sender_city": "",
    "sender_state": "",
    "sender_zip": "",
    "sender_country": "",
    "sender_phone": "",
    "sender_url": "",
    "sender_reminder": "",
    "fulladdress": "",
    "optinmessageid": "0",
    "optoutconf": "0",
    "deletestamp": None,
}


def nullable(value: Any) -> str | None:
    """Show an id as a string and its absence as null."""
    return None if value is None else str(value)


def show_tag(w: World, row: Tag) -> dict[str, Any]:
    """Show a tag; the counter is kept from the associations."""
    return {
        "tagType": row.tagType,
        "tag": row.tag,
        "description": row.description,
        "subscriber_count": str(len(w.tables["contactTags"].ids_by("tag", row.id))),
        "cdate": w.dt(row.cdate),
        "created_timestamp": w.ts(row.cdate),
        "updated_timestamp": w.ts(row.updated),
        "created_by": nullable(row.created_by),
        "updated_by": nullable(row.created_by),
        "deleted": "0",
        "links": w.links("tags", row.id, ("contactGoalTags", "templateTags")),
        "id": str(row.id),
    }


def show_list(w: World, row: MailList) -> dict[str, Any]:
    """Show the 50 keys of a single list."""
    return {
        "stringid": row.stringid,
        "userid": str(row.userid),
        "name": row.name,
        "cdate": w.dt(row.cdate),
        **LIST_DEFAULTS,
        **row.columns,
        "udate": w.dt(row.udate),
        "created_timestamp": w.ts(row.cdate),
        "updated_timestamp": w.ts(row.updated),
        "created_by": None,
        "updated_by": None,
        "channel": row.columns.get("channel", "email"),
        "description": row.columns.get("description", ""),
        "links": w.links("lists", row.id, LIST_LINKS),
        "id": str(row.id),
        "user": str(row.userid),
    }


def show_counted_list(w: World, row: MailList) -> dict[str, Any]:
    """Show the 52 keys of a list in the collection, which has two counts more."""
    members = w.tables["contactLists"].by("list", row.id)
    return {
        **show_list(w, row),
        "non_deleted_subscribers": str(len(members)),
        "active_subscribers": str(sum(member.status == 1 for member in members)),
    }


def show_field(w: World, row: Field) -> dict[str, Any]:
    """Show a contact custom field."""
    return {
        "title": row.title,
        "descript": row.descript,
        "type": row.type,
        "isrequired": str(row.isrequired),
        "perstag": row.perstag,
        "defval": row.defval,
        "show_in_list": str(row.show_in_list),
        "rows": "0",
        "cols": "0",
        "visible": str(row.visible),
        "service": "",
        "ordernum": str(row.ordernum),
        "cdate": w.dt(row.cdate),
        "udate": w.dt(row.udate),
        "created_timestamp": w.ts(row.cdate),
        "updated_timestamp": w.ts(row.udate),
        "created_by": nullable(row.created_by),
        "updated_by": nullable(row.updated_by),
        "options": [str(n) for n in w.tables["fieldOptions"].ids_by("field", row.id)],
        "relations": [str(n) for n in w.tables["fieldRels"].ids_by("field", row.id)],
        "links": w.links("fields", row.id, ("options", "relations")),
        "id": str(row.id),
    }


def show_field_option(w: World, row: FieldOption) -> dict[str, Any]:
    """Show an option of a contact field."""
    return {
        "field": str(row.field),
        "orderid": str(row.orderid),
        "value": row.value,
        "label": row.label,
        "isdefault": str(row.isdefault),
        "cdate": w.dt(row.cdate),
        "udate": w.dt(row.udate),
        "links": w.links("fieldOptions", row.id, ("field",)),
        "id": str(row.id),
    }


def show_field_rel(w: World, row: FieldRel) -> dict[str, Any]:
    """Show the relation of a contact field."""
    return {
        "field": str(row.field),
        "relid": str(row.relid),
        "dorder": str(row.dorder),
        "cdate": w.dt(row.cdate),
        "links": [],
        "id": str(row.id),
    }


def show_segment(w: World, row: Segment) -> dict[str, Any]:
    """Show a legacy segment."""
    return {
        "name": row.name,
        "logic": "and",
        "hidden": "0",
        "seriesid": "0",
        "segmentid_v2": None,
        "created_by": None,
        "updated_by": None,
        "created_timestamp": w.ts(row.created),
        "updated_timestamp": w.ts(row.updated),
        "links": [],
        "id": str(row.id),
    }


_PERMISSIONS = {
    "list": "add edit delete sync filter",
    "message": "add edit delete send",
    "subscriber": "add edit delete import approve",
}
LIST_PERMISSIONS = tuple(
    f"p_{noun}_{verb}" for noun, verbs in _PERMISSIONS.items() for verb in verbs.split()
)


def show_list_group(w: World, row: ListGroup) -> dict[str, Any]:
    """Show a group's permission on a list."""
    return {
        "list": str(row.list),
        "group": str(row.group),
        **dict.fromkeys(LIST_PERMISSIONS, "0"),
        "links": w.links("listGroups", row.id, ("list", "group")),
        "id": str(row.id),
    }
