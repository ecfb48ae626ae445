"""Contacts and their related rows as JSON text, because pages have many of them."""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _text
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox.rows import AccountContact, Contact, ContactList, ContactTag, FieldValue
    from tests.sandbox.world import World

CONTACT_LINKS = (
    "bounceLogs",
    "contactAutomations",
    "contactData",
    "contactGoals",
    "contactLists",
    "contactLogs",
    "contactTags",
    "contactDeals",
    "deals",
    "fieldValues",
    "geoIps",
    "notes",
    "organization",
    "plusAppend",
    "trackingLogs",
    "scoreValues",
    "accountContacts",
    "automationEntryCounts",
)
# Values of a contact that was never edited, and the values after its first update (§1.3).
_NEVER_EDITED = {
    "bounced_date": "null",
    "ua": "null",
    "socialdata_lastcheck": "null",
    "rating_tstamp": "null",
    "deleted_at": "null",
    "best_send_hour": "null",
    "sms_consent": "null",
    "sms_consent_updated_at": "null",
    "by": "null",
}
_EDITED = {
    "bounced_date": '"0000-00-00"',
    "ua": '""',
    "socialdata_lastcheck": '"0000-00-00 00:00:00"',
    "rating_tstamp": '"0000-00-00"',
    "deleted_at": '"0000-00-00 00:00:00"',
    "best_send_hour": '"0"',
    "sms_consent": '"0"',
    "sms_consent_updated_at": '"0000-00-00 00:00:00"',
    "by": '"0"',
}


def maybe(value: Any) -> str:
    """Format a nullable id or time."""
    return "null" if value is None else f'"{value}"'


def id_array(ids: list[int]) -> str:
    """Write an array of ids as strings."""
    return '["' + '","'.join(map(str, ids)) + '"]' if ids else "[]"


@lru_cache(8)
def _contact_links(base_url: str) -> str:
    base = f"{base_url}/api/3/contacts/{{id}}/"
    query = {"contactAutomations": "?limit=2500&orders%5Blastdate%5D=DESC"}
    return ",".join(f'"{name}":"{base}{name}{query.get(name, "")}"' for name in CONTACT_LINKS)


def contact(w: World, row: Contact, extra: str = "") -> str:
    """Format the 46 keys of a list row; `extra` has more members and ends with a comma."""
    zero = _EDITED if row.edited else _NEVER_EDITED
    dt, ts = w.dt, w.ts
    links = _contact_links(w.base_url).replace("{id}", str(row.id))
    created, updated = ts(row.created), ts(row.updated)
    return (
        f'{{"cdate":"{dt(row.cdate)}","email":{_text(row.email)},"phone":{_text(row.phone)},'
        f'"firstName":{_text(row.firstName)},"lastName":{_text(row.lastName)},'
        f'"orgid":"{row.orgid}","orgname":{_text(row.orgname)},"segmentio_id":"",'
        f'"bounced_hard":"{row.bounced_hard}","bounced_soft":"{row.bounced_soft}",'
        f'"bounced_date":{zero["bounced_date"]},"ip":"0","ua":{zero["ua"]},"hash":"{row.hash}",'
        f'"socialdata_lastcheck":{zero["socialdata_lastcheck"]},"email_local":"",'
        f'"email_domain":{_text(row.email.rpartition("@")[2])},"sentcnt":"{row.sentcnt}",'
        f'"rating_tstamp":{zero["rating_tstamp"]},"gravatar":"0","deleted":"0",'
        f'"anonymized":"{row.anonymized}","adate":{maybe(dt(row.adate))},'
        f'"udate":{maybe(dt(row.udate))},"edate":{maybe(dt(row.edate))},'
        f'"deleted_at":{zero["deleted_at"]},"created_utc_timestamp":"{created}",'
        f'"updated_utc_timestamp":"{updated}","created_timestamp":"{created}",'
        f'"updated_timestamp":"{updated}",'
        f'"created_by":{zero["by"] if row.created_by is None else maybe(row.created_by)},'
        f'"updated_by":{zero["by"] if row.updated_by is None else maybe(row.updated_by)},'
        f'"mpp_tracking":"0","last_click_date":{maybe(dt(row.last_click))},'
        f'"last_open_date":{maybe(dt(row.last_open))},"last_mpp_open_date":null,'
        f'"best_send_hour":{zero["best_send_hour"]},"sms_consent":{zero["sms_consent"]},'
        f'"sms_consent_updated_at":{zero["sms_consent_updated_at"]},"whatsapp_id":null,'
        f'"whatsapp_username":null,'
        f'"scoreValues":{id_array(w.tables["scoreValues"].ids_by("contact", row.id))},'
        f'"accountContacts":{id_array(w.tables["accountContacts"].ids_by("contact", row.id))},'
        f'{extra}"links":{{{links}}},"id":"{row.id}",'
        f'"organization":{maybe(row.orgid or None)}}}'
    )


def field_value(w: World, row: FieldValue) -> str:
    """Format the value of a contact custom field."""
    base = f"{w.base_url}/api/3/fieldValues/{row.id}/"
    value = "null" if row.value is None else _text(row.value)
    stamp = w.zone.stamp
    return (
        f'{{"contact":"{row.contact}","field":"{row.field}","value":{value},'
        f'"cdate":"{stamp(row.cdate)}","udate":"{stamp(row.udate)}",'
        f'"created_by":{maybe(row.created_by)},"updated_by":{maybe(row.updated_by)},'
        f'"links":{{"owner":"{base}owner","field":"{base}field"}},'
        f'"id":"{row.id}","owner":"{row.contact}"}}'
    )


def contact_tag(w: World, row: ContactTag) -> str:
    """Format a tag's association with a contact."""
    base = f"{w.base_url}/api/3/contactTags/{row.id}/"
    return (
        f'{{"contact":"{row.contact}","tag":"{row.tag}","cdate":"{w.dt(row.cdate)}",'
        f'"created_timestamp":"{w.ts(row.cdate)}","updated_timestamp":"{w.ts(row.updated)}",'
        f'"created_by":null,"updated_by":null,'
        f'"links":{{"tag":"{base}tag","contact":"{base}contact"}},"id":"{row.id}"}}'
    )


def contact_list(w: World, row: ContactList, extra: str = "") -> str:
    """Format a membership; the sideload of a single contact adds `channel` as `extra`."""
    base = f"{w.base_url}/api/3/contactLists/{row.id}/"
    unsub = "null" if row.unsubreason is None else _text(row.unsubreason)
    return (
        f'{{"contact":"{row.contact}","list":"{row.list}","form":{maybe(row.form)},'
        f'"seriesid":"0","sdate":{maybe(w.dt(row.sdate))},"udate":{maybe(w.dt(row.udate))},'
        f'"status":"{row.status}","responder":"1","sync":"0","unsubreason":{unsub},'
        f'"campaign":null,"message":null,"first_name":{_text(row.first_name)},'
        f'"last_name":{_text(row.last_name)},"ip4Sub":"0","sourceid":"{row.sourceid}",'
        f'"autosyncLog":null,"ip4_last":"0","ip4Unsub":"0",'
        f'"created_timestamp":"{w.ts(row.created)}","updated_timestamp":"{w.ts(row.updated)}",'
        f'"created_by":null,"updated_by":null,"unsubscribeAutomation":null,{extra}'
        f'"links":{{"automation":"{base}automation","list":"{base}list",'
        f'"contact":"{base}contact","form":"{base}form","autosyncLog":"{base}autosyncLog",'
        f'"campaign":"{base}campaign","unsubscribeAutomation":"{base}unsubscribeAutomation",'
        f'"message":"{base}message"}},"id":"{row.id}","automation":null}}'
    )


def account_contact(w: World, row: AccountContact) -> str:
    """Format the link of a contact to its account."""
    base = f"{w.base_url}/api/3/accountContacts/{row.id}/"
    title = "null" if row.jobTitle is None else _text(row.jobTitle)
    return (
        f'{{"account":"{row.account}","contact":"{row.contact}","jobTitle":{title},'
        f'"createdTimestamp":"{w.dt(row.created)}","updatedTimestamp":"{w.dt(row.updated)}",'
        f'"links":{{"account":"{base}account","contact":"{base}contact"}},"id":"{row.id}"}}'
    )


def show_contact(w: World, row: Contact) -> dict[str, Any]:
    """Return the list row as an object, for answers that are not pages."""
    shown: dict[str, Any] = json.loads(contact(w, row))
    return shown


def show_field_value(w: World, row: FieldValue) -> dict[str, Any]:
    """Return a field value as an object."""
    shown: dict[str, Any] = json.loads(field_value(w, row))
    return shown


def show_contact_tag(w: World, row: ContactTag) -> dict[str, Any]:
    """Return a tag association as an object."""
    shown: dict[str, Any] = json.loads(contact_tag(w, row))
    return shown


def show_contact_list(w: World, row: ContactList) -> dict[str, Any]:
    """Return a membership as an object."""
    shown: dict[str, Any] = json.loads(contact_list(w, row))
    return shown


def show_account_contact(w: World, row: AccountContact) -> dict[str, Any]:
    """Return an account link as an object."""
    shown: dict[str, Any] = json.loads(account_contact(w, row))
    return shown
