"""What a recipe may change in an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.recipes.account import statuses, tags_of

if TYPE_CHECKING:
    from tests.sandbox import World


def picture(w: World) -> dict[str, Any]:
    """Return everything in an account that a recipe may change, without dates."""
    t = w.tables
    return {
        "tags": {c.email: tags_of(w, c.email.casefold()) for c in t["contacts"]},
        "lists": statuses(w),
        "names": {c.email: (c.firstName, c.lastName) for c in t["contacts"]},
        "values": {(v.contact, v.field): v.value for v in t["fieldValues"] if v.value},
        "deals": {d.id: (d.title, d.stage, d.status, d.value, d.owner) for d in t["deals"]},
        "notes": {(n.reltype, n.relid, n.note) for n in t["notes"]},
        "accounts": {a.name for a in t["accounts"]},
        "data": {
            (d.owner, d.customFieldId): d.fieldValue
            for d in t["accountCustomFieldData"]
            if d.fieldValue
        },
    }


def entries(w: World, tag: str) -> list[int]:
    """Return the contacts whose automation started, once per new tag."""
    (wanted,) = [row.id for row in w.tables["tags"] if row.tag == tag]
    return sorted(
        e["contact"]
        for e in w.automation_log
        if e["trigger"] == "tag_added" and e["tag"] == wanted and e["starts"]
    )


def subscriptions(w: World) -> list[int]:
    """Return the contacts that a row subscribed since the account was created."""
    return sorted(e["contact"] for e in w.automation_log if e["trigger"] == "subscribed")


def links_of(w: World) -> set[tuple[str, str, str | None]]:
    """Return the company and title of each contact's first link."""
    t = w.tables
    found: dict[str, tuple[str, str, str | None]] = {}
    for row in t["accountContacts"]:
        email = t["contacts"][row.contact].email
        found.setdefault(email, (email, t["accounts"][row.account].name, row.jobTitle))
    return set(found.values())


def deals_of(w: World) -> list[tuple[Any, ...]]:
    """Return the deals in text form."""
    t = w.tables
    return sorted(
        (
            d.title,
            d.value,
            d.status,
            t["dealStages"][d.stage].title,
            t["dealGroups"][d.group].title,
            t["contacts"][d.contact].email,
            t["accounts"][d.account].name,
        )
        for d in t["deals"]
    )
