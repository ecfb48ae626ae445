"""How the rows of each table are shown, and the API's name of one row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.sandbox import contact_rows, crm_rows, mail_rows, people_rows
from tests.sandbox.wire import compact

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.world import World

SHOW: dict[str, Callable[[World, Any], Any]] = {
    "contacts": contact_rows.show_contact,
    "fieldValues": contact_rows.show_field_value,
    "contactTags": contact_rows.show_contact_tag,
    "contactLists": contact_rows.show_contact_list,
    "accountContacts": contact_rows.show_account_contact,
    "tags": mail_rows.show_tag,
    "lists": mail_rows.show_list,
    "fields": mail_rows.show_field,
    "fieldOptions": mail_rows.show_field_option,
    "fieldRels": mail_rows.show_field_rel,
    "segments": mail_rows.show_segment,
    "listGroups": mail_rows.show_list_group,
    "accounts": crm_rows.show_account,
    "accountCustomFieldMeta": partial(crm_rows.show_custom_field, kind="account"),
    "dealCustomFieldMeta": partial(crm_rows.show_custom_field, kind="deal"),
    "accountCustomFieldData": partial(crm_rows.show_datum, kind="account"),
    "dealCustomFieldData": partial(crm_rows.show_datum, kind="deal"),
    "notes": crm_rows.show_note,
    "deals": crm_rows.show_deal,
    "dealStages": crm_rows.show_stage,
    "dealGroups": crm_rows.show_pipeline,
    "contactDeals": crm_rows.show_contact_deal,
    "dealRoles": crm_rows.show_deal_role,
    "dealActivities": crm_rows.show_deal_activity,
    "users": people_rows.show_user,
    "userGroups": people_rows.show_user_group,
    "groups": people_rows.show_group,
    "scores": people_rows.show_score,
    "scoreValues": people_rows.show_score_value,
    "automations": people_rows.show_automation,
    "contactAutomations": people_rows.show_contact_automation,
}
# Tables with large pages are formatted as text directly.
FRAGMENT: dict[str, Callable[[World, Any], str]] = {
    "contacts": contact_rows.contact,
    "fieldValues": contact_rows.field_value,
    "contactTags": contact_rows.contact_tag,
    "contactLists": contact_rows.contact_list,
    "accountContacts": contact_rows.account_contact,
}
SINGULAR = {
    "accountCustomFieldMeta": "accountCustomFieldMetum",
    "dealCustomFieldMeta": "dealCustomFieldMetum",
    "accountCustomFieldData": "accountCustomFieldDatum",
    "dealCustomFieldData": "dealCustomFieldDatum",
    "dealActivities": "dealActivity",
}
MODEL = {
    "contacts": "Subscriber",
    "contactTags": "SubscriberTag",
    "contactAutomations": "SubscriberSeries",
    "contactDeals": "SubscriberDeal",
    "accountContacts": "CustomerAccountSubscriber",
    "accounts": "CustomerAccount",
    "lists": "_List",
    "contactLists": "SubscriberList",
}


def singular(table: str) -> str:
    """Return the singular key of a single row."""
    return SINGULAR.get(table) or table.removesuffix("s")


def model(table: str) -> str:
    """Return the internal name in a 404."""
    return MODEL.get(table) or table[0].upper() + table.removesuffix("s")[1:]


def fragment(w: World, table: str, row: Any) -> str:
    """Format a row as JSON text."""
    write = FRAGMENT.get(table)
    return write(w, row) if write else compact(SHOW[table](w, row))
