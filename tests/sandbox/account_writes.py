"""Writing accounts and the links of contacts to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.contact_rows import show_account_contact
from tests.sandbox.crm_rows import show_account
from tests.sandbox.field_inputs import write_fields
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.store import fold
from tests.sandbox.wire import Answer, as_id, as_text, invalid, related_missing, require

if TYPE_CHECKING:
    from tests.sandbox.rows import Account
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


def find_account(w: World, name: str) -> Account | None:
    """Return the account with this name, by the account's comparison of names."""
    found = w.tables["accounts"].by("name", fold(name))
    if w.switches.account_match == "exact":
        found = [row for row in found if row.name == name]
    return found[0] if found else None


@route("POST", "/accounts")
def create_account(w: World, r: Request) -> Answer:
    """Create an account; its name must be new."""
    body = r.wrapped("account")
    if not str(body.get("name") or "").strip():
        raise invalid("field_missing", "name", "The account name was not provided.")
    name = as_text(body["name"]).strip()
    if find_account(w, name) is not None:
        w.tables["accounts"].take_id()
        raise _taken()
    url, owner = as_text(body.get("accountUrl")), _owner(w, body)
    row = w.add_account(name, accountUrl=url or None, owner=owner)
    fields = write_fields(w, "account", row.id, body.get("fields"))
    shown = show_account(w, row)
    if "accountUrl" not in body:
        del shown["accountUrl"]
    return Answer(201, {"account": _saved(shown, body, fields)})


@route("PUT|PATCH", "/accounts/{id}")
def update_account(w: World, r: Request, account: int) -> dict[str, Any]:
    """Change the columns that are sent."""
    row = row_or_404(w, "accounts", account)
    body = r.wrapped("account")
    columns: dict[str, Any] = {}
    if body.get("name"):
        columns["name"] = as_text(body["name"]).strip()
        other = find_account(w, columns["name"])
        if other is not None and other.id != account:
            raise _taken()
    if "accountUrl" in body:
        columns["accountUrl"] = as_text(body["accountUrl"]) or None
    if "owner" in body:
        columns["owner"] = _owner(w, body)
    fields = write_fields(w, "account", account, body.get("fields"))
    w.tables["accounts"].change(row, updated=w.now(), **columns)
    w.trigger("account_changed", account=account)
    return {"account": _saved(show_account(w, row), body, fields)}


@route("DELETE", "/accounts/{id}")
def delete_account(w: World, r: Request, account: int) -> dict[str, Any]:
    """Delete an account."""
    row_or_404(w, "accounts", account)
    w.delete_account(account)
    return {}


@route("DELETE", "/accounts/bulk_delete")
def delete_accounts(w: World, r: Request) -> dict[str, Any]:
    """Delete several accounts; the reference prints the parameter in two forms."""
    for value in (*r.every("ids[]"), *r.every("[]ids")):
        account = as_id(value)
        if account in w.tables["accounts"]:
            w.delete_account(account or 0)
    return {"meta": {"success": True}}


@route("POST", "/accountContacts")
def link_account(w: World, r: Request) -> Answer:
    """Link a contact to its account; a contact with an account is refused."""
    body = r.wrapped("accountContact")
    require(body, "accountContact", "account", "contact")
    account, contact = _account_and_contact(w, body)
    if w.tables["accountContacts"].ids_by("contact", contact):
        raise _linked_already()
    row = w.link(contact, account, _title(body))
    shown = show_account_contact(w, row)
    if "jobTitle" not in body:
        del shown["jobTitle"]
    return Answer(201, {"accountContact": shown | _sent(body)})


@route("PUT", "/accountContacts/{id}")
def update_link(w: World, r: Request, link: int) -> dict[str, Any]:
    """Change a link's account or title."""
    row = row_or_404(w, "accountContacts", link)
    body = r.wrapped("accountContact")
    whole = {"account": row.account, "contact": row.contact} | body
    account, contact = _account_and_contact(w, whole)
    others = w.tables["accountContacts"].ids_by("contact", contact)
    if any(other != link for other in others):
        raise _linked_already()
    columns: dict[str, Any] = {"account": account, "contact": contact, "updated": w.now()}
    if "jobTitle" in body:
        columns["jobTitle"] = _title(body)
    w.tables["accountContacts"].change(row, **columns)
    if w.switches.bump_account_link:
        w.touch(contact)
    return {"accountContact": show_account_contact(w, row) | _sent(body)}


@route("DELETE", "/accountContacts/{id}")
def delete_link(w: World, r: Request, link: int) -> dict[str, Any]:
    """Delete a link."""
    row = row_or_404(w, "accountContacts", link)
    w.tables["accountContacts"].delete(link)
    if w.switches.bump_account_link:
        w.touch(row.contact)
    return {}


def _account_and_contact(w: World, body: dict[str, Any]) -> tuple[int, int]:
    account, contact = as_id(body["account"]), as_id(body["contact"])
    if w.tables["accounts"].get(account) is None:
        raise related_missing("account", "account")
    if w.tables["contacts"].get(contact) is None:
        raise related_missing("contact", "contact")
    return account or 0, contact or 0


def _linked_already() -> Exception:
    return invalid(
        "field_invalid", "account,contact", "The contact is already associated with an account."
    )


def _taken() -> Exception:
    return invalid("duplicate", "name", "An account of this name already exists.")


def _title(body: dict[str, Any]) -> str | None:
    title = body.get("jobTitle")
    return None if title is None else as_text(title)


def _owner(w: World, body: dict[str, Any]) -> int:
    owner = as_id(body.get("owner")) or 1
    if owner not in w.tables["users"]:
        raise related_missing("owner", "user")
    return owner


def _sent(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("account", "contact", "jobTitle") if name in body}


def _saved(shown: dict[str, Any], body: dict[str, Any], fields: list[Any]) -> dict[str, Any]:
    shown |= {name: body[name] for name in ("name", "accountUrl", "owner") if name in body}
    row_id = shown.pop("id")
    status = {"customFieldSaveStatus": {"status": "success"}, "fields": fields}
    return {**shown, **status, "id": row_id}
