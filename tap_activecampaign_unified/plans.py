"""How each endpoint is walked, and what hangs on its rows: one table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .hanging import Relation
from .raw import COLLECTIONS
from .raw.walks import WALKS
from .unified import people
from .unified.crm.opportunities import CONTACT_DEALS
from .unified.custom_fields import ACCOUNT_VALUES, VALUE_OWNERS, essence_of, is_complete
from .unified.directory.users import USER_GROUPS
from .unified.mapping import Replication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .api import Client, Page, RowsKey
    from .unified.mapping import Row


@dataclass(frozen=True)
class Plan:
    """How one endpoint is walked: by id or offset, filtered or not, and what hangs on its rows.

    ``key`` is what the answer calls its rows, or all it may call them, the path's own name where it
    is empty; ``since`` and
    ``until`` are the filters' names. ``walk`` stands in for all of it. ``is_definitions``: the rows
    are the custom fields of every kind, read as the run's definitions are.
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
    is_definitions: bool = False

    @property
    def rows_key(self) -> RowsKey:
        """What the answer calls its rows."""
        return self.key or self.path


def _contact_relation(name: str, collection: str, *, counted: bool = False) -> Relation:
    nested = f"contacts/{{id}}/{collection}"
    return Relation(name, collection, ("contact",), nested, collection, counted=counted)


def _is_seen(row: Row) -> bool:
    """Say whether a deal is more than the stub of one that the key's user may not see."""
    return not row.get("isDisabled")


def _scores(one: str) -> Relation:
    """The scores of contacts or deals, which no collection of their own lists."""
    return Relation(
        f"{one}_scores",
        "scoreValues",
        (one,),
        f"{one}s/{{id}}/scoreValues",
        "scoreValues" if one == "contact" else None,
        counted=one == "contact",
        is_listed=False,
        may_have=_is_seen,
    )


def _with_raw(plans: dict[str, Plan]) -> dict[str, Plan]:
    """Add a walk for each collection that has none yet, and what hangs on its rows."""
    found = dict(plans)
    for one in COLLECTIONS:
        if one.relation is None and one.crawl not in found:
            found[one.crawl] = Plan(
                one.endpoint,
                is_filtered=one.replication is Replication.FILTERED,
                key=ACCOUNT_VALUES if one.key in ACCOUNT_VALUES else one.key,
                since="after",
                until=None,
                walk=WALKS.get(one.name),
            )
    for one in COLLECTIONS:
        if one.parent is not None and one.relation is not None:
            relation = Relation(
                one.relation,
                one.key,
                (),
                one.endpoint,
                counted=True,
                is_listed=False,
                may_have=_is_seen,
            )
            plan = found[one.crawl]
            found[one.crawl] = replace(plan, relations=(*plan.relations, relation))
    return found


#: The walks of the streams that are selected by default.
CORE = {
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
            _scores("contact"),
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
                VALUE_OWNERS["opportunity"],
                "deals/{id}/dealCustomFieldData",
                "dealCustomFieldData",
                essence=essence_of,
                complete=is_complete,
            ),
            Relation(CONTACT_DEALS, "contactDeals", ("deal",)),
            _scores("deal"),
        ),
    ),
    "accounts": Plan(
        "accounts",
        params=(("count_deals", "true"),),
        relations=(
            Relation(
                people.VALUES,
                ACCOUNT_VALUES[0],
                VALUE_OWNERS["account"],
                "accounts/{id}/accountCustomFieldData",
                ACCOUNT_VALUES[0],
                essence=essence_of,
                complete=is_complete,
                also=ACCOUNT_VALUES[1:],
            ),
        ),
    ),
    "fields": Plan("fields", is_definitions=True),
    **{path: Plan(path) for path in ("notes", "users", "groups", "tags", "lists")},
    **{path: Plan(path) for path in ("dealStages", "dealGroups")},
}
#: All of them.
PLANS = _with_raw(CORE)

#: The stamped times of these rows carry the account's offset.
WITNESSES = {"contacts", "deals", "accounts"}

# Which names a record quotes, by the relation that brings their ids.
NAMES_OF = {
    people.TAGS: ("tags",),
    people.MEMBERSHIPS: ("segments",),
    "stages": ("stages", "pipelines"),
    "pipelines": ("pipelines",),
    USER_GROUPS: ("groups",),
    "automations": ("automations",),
    "task_types": ("task_types",),
    "contact_scores": ("scores",),
    "deal_scores": ("scores",),
}
SMALL_TABLES = {
    *("tags", "lists", "dealStages", "dealGroups", "groups"),
    *("automations", "dealTasktypes", "scores"),
}
