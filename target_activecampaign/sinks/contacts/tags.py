"""Tags taken away: by the association's id, found with the fewest requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, RequestError, walk_keyset
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.concurrency.ordering import run_in_identity_order
from target_activecampaign.outcome import RowError, RowSkipped

from .change import identity_of_change

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.context import WriteContext

    from .change import ContactChange

    Fail = Callable[[ContactChange, RowError | RequestError], None]

FULL_PAGE = 100


def apply_tags(context: WriteContext, changes: list[ContactChange], fail: Fail) -> None:
    """Take away the tags that wishes want gone; in mirror mode, all others of the namespace."""
    needy = [change for change in changes if change.parts and (change.removes or change.is_mirror)]
    if not needy:
        return
    try:
        walked = _walk_tags(context, [w for w in needy if not w.is_mirror])
        _learn_ids(context, [w for w in needy if not _is_covered(context, w, walked)])
    except RequestError as problem:
        for change in needy:
            fail(change, problem)
        return

    def settle_one(change: ContactChange) -> None:
        try:
            _settle_one(context, change, walked)
        except (RowError, RequestError) as problem:
            fail(change, problem)

    run_in_identity_order(context.pool, needy, identity_of_change, settle_one)


def _tag_ids(context: WriteContext, change: ContactChange) -> list[str]:
    found = [context.references.find_by_name("tag", name) for name in change.removes]
    return [str(rows[0]["id"]) for rows in found if rows]


def _is_covered(
    context: WriteContext, change: ContactChange, walked: dict[str, dict[str, str]]
) -> bool:
    return not change.is_mirror and all(tag in walked for tag in _tag_ids(context, change))


def _learn_ids(context: WriteContext, changes: list[ContactChange]) -> None:
    for change in changes:
        change.id = change.id or change.known_id
    emails = [change.email for change in changes if change.id is None and change.email]
    known = context.references.contacts_by_email(emails) if emails else {}
    for change in changes:
        change.id = change.id or known.get(fold(change.email or ""))


def _settle_one(
    context: WriteContext, change: ContactChange, walked: dict[str, dict[str, str]]
) -> None:
    tags = _tag_ids(context, change)
    if _is_covered(context, change, walked):
        names = [f"id:{change.id}", f"email:{fold(change.email or '')}"]
        for tag in tags:
            for name in names:
                if name in walked[tag]:
                    _take_off(context, change, walked[tag][name])
                    break
        return
    if change.id is None:
        if change.created is None and not change.upserts:
            raise RowSkipped("the account has no contact with this address: nothing to take away")
        return
    rows = _associations(context, change)
    table = context.references.table("tag")
    keep = {fold(name) for name in change.adds}
    for row in rows:
        tag = str(row.get("tag"))
        name = fold(str(table.get(tag, {}).get("tag") or ""))
        is_extra = (
            change.is_mirror
            and name.startswith(fold(context.policy.tag_namespace))
            and name not in keep
            and table.get(tag, {}).get("tagType", "contact") == "contact"
        )
        if tag in tags or is_extra:
            _take_off(context, change, str(row["id"]))


def _associations(context: WriteContext, change: ContactChange) -> list[dict[str, Any]]:
    try:
        return context.references.nested_rows("contacts", change.id or "", "contactTags")
    except NotFound:
        # The ledger's id is of a contact that was deleted; the address may have a new one.
        known = context.references.contacts_by_email([change.email]) if change.email else {}
        again = known.get(fold(change.email or ""))
        if again is None or again == change.id:
            raise
        change.id = again
        return context.references.nested_rows("contacts", again, "contactTags")


def _take_off(context: WriteContext, change: ContactChange, association: str) -> None:
    try:
        context.write_client.write("DELETE", f"contactTags/{association}")
    except NotFound:
        return  # gone already, perhaps by this call's own first try
    change.is_touched = True


def _walk_tags(context: WriteContext, changes: list[ContactChange]) -> dict[str, dict[str, str]]:
    """Return each worthwhile tag's associations by contact, from the contacts that carry it.

    Only a walk that proves to honour filter and sideload counts.
    """
    wanted: dict[str, int] = {}
    for change in changes:
        for tag in [] if is_planned(change.id) else _tag_ids(context, change):
            wanted[tag] = wanted.get(tag, 0) + 1
    found: dict[str, dict[str, str]] = {}

    def walk(tag: str) -> None:
        associations = _walk_tag(context, tag, wanted[tag])
        if associations is not None:
            found[tag] = associations

    worthwhile = []
    for tag, count in wanted.items():
        row = context.references.table("tag").get(tag, {})
        carriers = str(row.get("subscriber_count") or "")
        if count >= 5 and carriers.isdigit() and int(carriers) / FULL_PAGE + 2 <= count:
            worthwhile.append(tag)
    context.pool.each([partial(walk, tag) for tag in worthwhile])
    return found


def _walk_tag(context: WriteContext, tag: str, most: int) -> dict[str, str] | None:
    params: list[tuple[str, Any]] = [("tagid", tag), ("status", -1), ("include", "contactTags")]
    found: dict[str, str] = {}
    walk = walk_keyset(context.client, "contacts", "contacts", params, is_eager=True)
    for number, page in enumerate(walk):
        sideloads = page.body.get("contactTags")
        if number > most or (page.rows and not isinstance(sideloads, list)):
            return None
        rows = {str(s.get("id")): s for s in sideloads or () if isinstance(s, dict)}
        by_contact = {str(s.get("contact")): a for a, s in rows.items() if str(s.get("tag")) == tag}
        for row in page.rows:
            association = by_contact.get(str(row.get("id")))
            if association is None:
                return None  # not a carrier, or the sideload was cut short
            found[f"id:{row.get('id')}"] = association
            found[f"email:{fold(str(row.get('email') or ''))}"] = association
    return found
