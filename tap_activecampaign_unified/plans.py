"""How each endpoint is walked, and what hangs on its rows: one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .relations import Relation
from .unified import people
from .unified.crm.opportunities import CONTACT_DEALS
from .unified.custom_fields import essence_of, is_complete
from .unified.directory.users import USER_GROUPS


@dataclass(frozen=True)
class Plan:
    """How one endpoint is walked: by id or offset, filtered or not, and what hangs on its rows."""

    path: str
    params: tuple[tuple[str, Any], ...] = ()
    by_id: bool = False
    is_filtered: bool = False
    relations: tuple[Relation, ...] = ()


def _contact_relation(name: str, collection: str, *, counted: bool = False) -> Relation:
    nested = f"contacts/{{id}}/{collection}"
    return Relation(name, collection, ("contact",), nested, collection, counted=counted)


PLANS = {
    "contacts": Plan(
        "contacts",
        params=(("status", -1),),
        by_id=True,
        is_filtered=True,
        relations=(
            _contact_relation(people.VALUES, "fieldValues"),
            _contact_relation(people.TAGS, "contactTags"),
            _contact_relation(people.MEMBERSHIPS, "contactLists"),
            _contact_relation(people.LINKS, "accountContacts", counted=True),
        ),
    ),
    "deals": Plan(
        "deals",
        params=(("orders[cdate]", "ASC"),),
        is_filtered=True,
        relations=(
            Relation(
                people.VALUES,
                "dealCustomFieldData",
                ("dealId", "deal_id", "deal"),
                "deals/{id}/dealCustomFieldData",
                "dealCustomFieldData",
                essence=essence_of,
                complete=is_complete,
            ),
            Relation(CONTACT_DEALS, "contactDeals", ("deal",)),
        ),
    ),
    "accounts": Plan(
        "accounts",
        params=(("count_deals", "true"),),
        relations=(
            Relation(
                people.VALUES,
                "accountCustomFieldData",
                ("accountId", "customerAccountId", "customer_account_id", "account_id", "account"),
                "accounts/{id}/accountCustomFieldData",
                "accountCustomFieldData",
                essence=essence_of,
                complete=is_complete,
            ),
        ),
    ),
    **{path: Plan(path) for path in ("notes", "users", "groups", "tags", "lists")},
    **{path: Plan(path) for path in ("dealStages", "dealGroups", "fields")},
}

# Which names a record quotes, by the relation that brings their ids.
NAMES_OF = {
    people.TAGS: ("tags",),
    people.MEMBERSHIPS: ("segments",),
    "stages": ("stages", "pipelines"),
    "pipelines": ("pipelines",),
    USER_GROUPS: ("groups",),
}
SMALL_TABLES = {"tags", "lists", "dealStages", "dealGroups", "groups"}
