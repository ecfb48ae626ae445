"""Single rows and the `links` of rows, each of which can be requested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.crm_rows import show_wide_datum
from tests.sandbox.includes import LIVE_NAMES
from tests.sandbox.paging import array, page_of
from tests.sandbox.routes import route
from tests.sandbox.shown import SHOW, fragment, model, singular
from tests.sandbox.wire import Answer, Refusal, compact, html_not_found, missing, missing_plain

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_PLAIN_404 = tuple(
    f"{kind}CustomField{part}" for kind in ("account", "deal") for part in ("Meta", "Data")
)
_FORBIDDEN_404 = ("fieldValues", "groups")  # a missing row is 403 on GET (§5.1, §13)
_TO_ONE = {
    ("fieldValues", "owner"): ("contacts", "contact"),
    ("fieldValues", "field"): ("fields", "field"),
    ("fieldOptions", "field"): ("fields", "field"),
    ("contactTags", "tag"): ("tags", "tag"),
    ("contactTags", "contact"): ("contacts", "contact"),
    ("contactLists", "list"): ("lists", "list"),
    ("contactLists", "contact"): ("contacts", "contact"),
    ("contactAutomations", "automation"): ("automations", "automation"),
    ("contactAutomations", "contact"): ("contacts", "contact"),
    ("accountContacts", "account"): ("accounts", "account"),
    ("accountContacts", "contact"): ("contacts", "contact"),
    ("accounts", "owner"): ("users", "owner"),
    ("accountCustomFieldData", "account"): ("accounts", "owner"),
    ("accountCustomFieldData", "accountCustomFieldMetum"): (
        "accountCustomFieldMeta",
        "customFieldId",
    ),
    ("dealCustomFieldData", "deal"): ("deals", "owner"),
    ("dealCustomFieldData", "dealCustomFieldMetum"): ("dealCustomFieldMeta", "customFieldId"),
    ("deals", "contact"): ("contacts", "contact"),
    ("deals", "account"): ("accounts", "account"),
    ("deals", "customerAccount"): ("accounts", "account"),
    ("deals", "stage"): ("dealStages", "stage"),
    ("deals", "group"): ("dealGroups", "group"),
    ("deals", "owner"): ("users", "owner"),
    ("dealStages", "group"): ("dealGroups", "group"),
    ("contactDeals", "deal"): ("deals", "deal"),
    ("contactDeals", "contact"): ("contacts", "contact"),
    ("contactDeals", "role"): ("dealRoles", "role"),
    ("dealActivities", "deal"): ("deals", "deal"),
    ("dealActivities", "stage"): ("dealStages", "stage"),
    ("dealActivities", "user"): ("users", "user"),
    ("notes", "user"): ("users", "userid"),
    ("lists", "user"): ("users", "userid"),
    ("listGroups", "list"): ("lists", "list"),
    ("listGroups", "group"): ("groups", "group"),
    ("userGroups", "user"): ("users", "user"),
    ("userGroups", "group"): ("groups", "group"),
    ("scoreValues", "score"): ("scores", "score"),
    ("scoreValues", "contact"): ("contacts", "contact"),
    ("scoreValues", "deal"): ("deals", "deal"),
}
_TO_MANY = {
    ("fields", "options"): ("fieldOptions", "field"),
    ("fields", "relations"): ("fieldRels", "field"),
    ("accounts", "accountContacts"): ("accountContacts", "account"),
    ("accounts", "accountCustomFieldData"): ("accountCustomFieldData", "owner"),
    ("accountCustomFieldMeta", "accountCustomFieldData"): (
        "accountCustomFieldData",
        "customFieldId",
    ),
    ("dealCustomFieldMeta", "dealCustomFieldData"): ("dealCustomFieldData", "customFieldId"),
    ("deals", "dealCustomFieldData"): ("dealCustomFieldData", "owner"),
    ("deals", "contactDeals"): ("contactDeals", "deal"),
    ("deals", "dealActivities"): ("dealActivities", "deal"),
    ("deals", "scoreValues"): ("scoreValues", "deal"),
    ("dealGroups", "stages"): ("dealStages", "group"),
    ("automations", "contactAutomations"): ("contactAutomations", "automation"),
    ("groups", "listGroups"): ("listGroups", "group"),
}
_NOTE_PARENTS = {"deals": "Deal", "accounts": "CustomerAccount"}


def row_or_404(w: World, table: str, row_id: int, *, verb: str = "GET") -> Any:
    """Return a row, or refuse in the way of its table."""
    row = w.tables[table].get(row_id)
    if row is not None:
        return row
    if table in _PLAIN_404:
        raise missing_plain()
    refusal = missing(model(table), row_id)
    if (table in _FORBIDDEN_404 and verb == "GET") or (table == "notes" and verb != "GET"):
        raise Refusal(403, refusal.answer.document)
    raise refusal


@route("GET", "/{table:text}/{id}")
def answer_row(w: World, r: Request, table: str, row_id: int) -> Any:
    """Answer a single row under its singular name."""
    if table not in SHOW or table in ("userGroups", "contactLists", "fieldOptions", "fieldRels"):
        return html_not_found()
    row = row_or_404(w, table, row_id)
    document = {singular(table): SHOW[table](w, row)}
    if table == "fields":
        t = w.tables
        options = [SHOW["fieldOptions"](w, o) for o in t["fieldOptions"].by("field", row_id)]
        relations = [SHOW["fieldRels"](w, o) for o in t["fieldRels"].by("field", row_id)]
        return {"fieldOptions": options, "fieldRels": relations, **document}
    return document


@route("GET", "/{table:text}/{id}/{link:text}")
def follow(w: World, r: Request, table: str, row_id: int, link: str) -> Any:
    """Answer a row's link: one row, a collection, or nothing if this account lacks it."""
    if table not in SHOW:
        return html_not_found()
    row = row_or_404(w, table, row_id)
    t = w.tables
    if (table, link) in _TO_ONE:
        target, column = _TO_ONE[table, link]
        found = t[target].get(getattr(row, column))
        return {} if found is None else {singular(target): SHOW[target](w, found)}
    if (table, link) in _TO_MANY:
        target, index = _TO_MANY[table, link]
        found = t[target].by(index, row_id)
        if table == "accounts" and link in LIVE_NAMES and w.switches.account_data != "documented":
            texts = [compact(show_wide_datum(w, datum, "account")) for datum in found]
            page = page_of(w, r, texts) if w.switches.nested_paged else texts
            return {LIVE_NAMES[link]: array(page)}
        return _many(w, r, target, found)
    if link == "notes" and table in _NOTE_PARENTS:
        return _many(w, r, "notes", t["notes"].by("parent", (_NOTE_PARENTS[table], row_id)))
    if link in (SHOW[table](w, row).get("links") or {}):
        return {link: []} if link.endswith("s") else {}
    return html_not_found()


@route("GET", "/users/{id}/userGroup")
def get_membership(w: World, r: Request, user: int) -> dict[str, Any]:
    """Answer the only group of a user."""
    row_or_404(w, "users", user)
    found = w.tables["userGroups"].first("user", user)
    return {} if found is None else {"userGroup": SHOW["userGroups"](w, found)}


@route("GET", "/groups/{id}/userGroups")
def list_members(w: World, r: Request, group: int) -> dict[str, Any] | Answer:
    """Answer the members of a group, if this account has the path."""
    row_or_404(w, "groups", group)
    if not w.switches.group_user_groups:
        return html_not_found()
    return _many(w, r, "userGroups", w.tables["userGroups"].by("group", group))


def _many(w: World, r: Request, table: str, rows: list[Any]) -> dict[str, Any] | Answer:
    page = page_of(w, r, rows) if w.switches.nested_paged else rows
    return {table: array([fragment(w, table, row) for row in page])}
