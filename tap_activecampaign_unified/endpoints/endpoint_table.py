"""The endpoint table: how the tap walks over each endpoint, and its related rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.graphql.request import PATH as GRAPHQL
from tap_activecampaign_unified.client.graphql.search_walk import Search
from tap_activecampaign_unified.raw import COLLECTIONS
from tap_activecampaign_unified.raw.special_walks import WALKS
from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.commerce import products, subscriptions
from tap_activecampaign_unified.resources.commerce.graphql_selection import selection_of
from tap_activecampaign_unified.resources.commerce.orders import ORDER_LINES
from tap_activecampaign_unified.resources.crm.opportunities import CONTACT_DEALS
from tap_activecampaign_unified.resources.custom_field_rows import (
    ACCOUNT_VALUES,
    CUSTOM_VALUES,
    VALUE_OWNERS,
    comparable_parts,
    is_complete,
)
from tap_activecampaign_unified.resources.custom_objects import RECORDS
from tap_activecampaign_unified.resources.directory.users import USER_GROUPS
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_MEMBERS
from tap_activecampaign_unified.resources.resource import Replication

from .activity_walk import activity_position
from .engagement_walk import POSITIONS, EngagementWalk, positions_of
from .relation import Relation
from .saved_segment_walk import walk_members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_activecampaign_unified.client import Client, Page, RowsKey
    from tap_activecampaign_unified.resources.resource import Row


@dataclass(frozen=True)
class WalkOptions:
    """The settings that special walks need."""

    saved_segments: tuple[str, ...] = ()
    engagement_lookback_days: float = 7
    contact_activities: bool = False


@dataclass(frozen=True)
class Endpoint:
    """How the tap walks over one endpoint, and its related rows.

    * ``by_id``: the walk goes by ascending id, else by offset.
    * ``is_filtered``: the server can filter rows by the time of change. `EndpointSetup` sets it to
      False if a stream of the run needs every row.
    * ``key``: the name or names of the rows in responses. It is empty if the name is the path.
    * ``since``, ``until``: the names of the filters.
    * ``may_lack_dates``: rows may have no date, so that a filter does not find all rows.
    * ``walk``: replaces the generic walk.
    * ``search``: a search of the GraphQL store. It replaces the generic walk and filters changes.
    * ``make_walk``: creates the walk of a run from its options and the stream's state.
    * ``is_definitions``: the rows are the custom field definitions, which `Lookups` reads.
    """

    path: str
    params: tuple[tuple[str, Any], ...] = ()
    by_id: bool = False
    is_filtered: bool = False
    relations: tuple[Relation, ...] = ()
    key: RowsKey = ""
    since: str = "filters[updated_after]"
    until: str | None = "filters[updated_before]"
    walk: Callable[[Client], Iterator[Page]] | None = None
    search: Search | None = None
    make_walk: Callable[[WalkOptions, Row], Any] | None = None
    is_definitions: bool = False
    may_lack_dates: bool = False

    @property
    def is_rest(self) -> bool:
        """Whether the generic walk reads the endpoint: pages of one collection."""
        return self.search is None and self.walk is None and self.make_walk is None

    @property
    def rows_key(self) -> RowsKey:
        """The name or names of the rows in responses."""
        return self.key or self.path


def _contact_relation(name: str, collection: str, *, lists_related_ids: bool = False) -> Relation:
    nested = f"contacts/{{id}}/{collection}"
    return Relation(
        name, collection, ("contact",), nested, collection, lists_related_ids=lists_related_ids
    )


def _is_visible(row: Row) -> bool:
    """Return False for the incomplete row of a deal that the key's user may not see."""
    return not row.get("isDisabled")


def _scores(entity: str) -> Relation:
    """Return the relation of the scores of contacts or deals. Scores have no collection."""
    return Relation(
        f"{entity}_scores",
        "scoreValues",
        (entity,),
        f"{entity}s/{{id}}/scoreValues",
        "scoreValues" if entity == "contact" else None,
        lists_related_ids=entity == "contact",
        has_collection=False,
        may_have=_is_visible,
    )


def _with_raw(endpoints: dict[str, Endpoint]) -> dict[str, Endpoint]:
    """Add the missing endpoints of raw collections, and their relations."""
    all_endpoints = dict(endpoints)
    for collection in COLLECTIONS:
        if collection.relation is None and collection.endpoint_name not in all_endpoints:
            all_endpoints[collection.endpoint_name] = Endpoint(
                collection.endpoint,
                is_filtered=collection.replication is Replication.FILTERED,
                key=ACCOUNT_VALUES if collection.key in ACCOUNT_VALUES else collection.key,
                since="after",
                until=None,
                walk=WALKS.get(collection.name),
            )
    for collection in COLLECTIONS:
        if collection.parent is not None and collection.relation is not None:
            relation = Relation(
                collection.relation,
                collection.key,
                (),
                collection.endpoint,
                lists_related_ids=True,
                has_collection=False,
                may_have=_is_visible,
                other_keys=collection.other_keys,
            )
            endpoint = all_endpoints[collection.endpoint_name]
            all_endpoints[collection.endpoint_name] = replace(
                endpoint, relations=(*endpoint.relations, relation)
            )
    return all_endpoints


#: The endpoints of the streams that are selected by default.
DEFAULT_ENDPOINTS = {
    "contacts": Endpoint(
        "contacts",
        params=(("status", -1),),
        by_id=True,
        is_filtered=True,
        relations=(
            _contact_relation(CUSTOM_VALUES, "fieldValues"),
            _contact_relation(shared_contact_fields.TAGS, "contactTags"),
            _contact_relation(shared_contact_fields.MEMBERSHIPS, "contactLists"),
            _contact_relation(
                shared_contact_fields.LINKS, "accountContacts", lists_related_ids=True
            ),
            _scores("contact"),
        ),
    ),
    "deals": Endpoint(
        "deals",
        params=(("orders[cdate]", "ASC"),),
        is_filtered=True,
        may_lack_dates=True,
        relations=(
            Relation(
                CUSTOM_VALUES,
                "dealCustomFieldData",
                VALUE_OWNERS["opportunity"],
                "deals/{id}/dealCustomFieldData",
                "dealCustomFieldData",
                comparable=comparable_parts,
                complete=is_complete,
            ),
            Relation(CONTACT_DEALS, "contactDeals", ("deal",)),
            _scores("deal"),
        ),
    ),
    "accounts": Endpoint(
        "accounts",
        params=(("count_deals", "true"),),
        relations=(
            Relation(
                CUSTOM_VALUES,
                ACCOUNT_VALUES[0],
                VALUE_OWNERS["account"],
                "accounts/{id}/accountCustomFieldData",
                ACCOUNT_VALUES[0],
                comparable=comparable_parts,
                complete=is_complete,
                other_keys=ACCOUNT_VALUES[1:],
            ),
        ),
    ),
    "fields": Endpoint("fields", is_definitions=True),
    **{path: Endpoint(path) for path in ("notes", "users", "groups", "tags", "lists")},
    **{path: Endpoint(path) for path in ("dealStages", "dealGroups")},
}
#: The endpoints of e-commerce.
COMMERCE_ENDPOINTS = {
    "ecomOrders": Endpoint(
        "ecomOrders",
        relations=(
            Relation(
                ORDER_LINES,
                "ecomOrderProducts",
                ("orderid", "ecomOrder"),
                "ecomOrders/{id}/orderProducts",
            ),
        ),
    ),
    "searchProduct": Endpoint(
        GRAPHQL,
        is_filtered=True,
        search=Search(
            "searchProduct",
            "ProductFilter",
            "Product",
            selection_of(products.PRODUCTS),
            ("legacyConnectionId", "storePrimaryId"),
            products.MODIFIED,
        ),
    ),
    "searchRecurringPayment": Endpoint(
        GRAPHQL,
        is_filtered=True,
        search=Search(
            "searchRecurringPayment",
            "RecurringPaymentFilter",
            "RecurringPayment",
            selection_of(subscriptions.SUBSCRIPTIONS),
            ("legacyConnectionId", "storeRecurringPaymentId"),
            (subscriptions.MODIFIED,),
        ),
    ),
}
#: The endpoints whose walk depends on a setting or keeps its own position.
ENDPOINTS_WITH_OPTIONS = {
    SEGMENT_MEMBERS: Endpoint(
        "contacts", make_walk=lambda options, _: walk_members(options.saved_segments)
    ),
    "engagements": Endpoint(
        "logs",
        make_walk=lambda options, entry: EngagementWalk(
            positions_of(entry.get(POSITIONS)),
            options.engagement_lookback_days,
            activity_position(entry.get(POSITIONS)) if options.contact_activities else None,
        ),
    ),
}
#: All endpoints by name.
ENDPOINTS = _with_raw({**DEFAULT_ENDPOINTS, **COMMERCE_ENDPOINTS, **ENDPOINTS_WITH_OPTIONS})


def endpoint_of(name: str) -> Endpoint:
    """Return an endpoint by its name. Endpoints of custom objects are not in the table."""
    if name.startswith(RECORDS):
        return Endpoint(name, key="records", params=(("orders[createdTimestamp]", "ASC"),))
    return ENDPOINTS[name]


#: Endpoints whose rows have times with the account's offset.
ENDPOINTS_WITH_OFFSETS = {"contacts", "deals", "accounts"}

# The kinds of names (`NameTables`) that a record needs, by the relation with the ids.
NAMES_OF = {
    shared_contact_fields.TAGS: ("tags",),
    shared_contact_fields.MEMBERSHIPS: ("segments",),
    "stages": ("stages", "pipelines"),
    "pipelines": ("pipelines",),
    USER_GROUPS: ("groups",),
    "automations": ("automations",),
    "task_types": ("task_types",),
    "contact_scores": ("scores",),
    "deal_scores": ("scores",),
}
# Collections of names. A run reads each once, for its own records and for names in other records.
SMALL_TABLES = {
    *("tags", "lists", "dealStages", "dealGroups", "groups"),
    *("automations", "dealTasktypes", "scores"),
}
