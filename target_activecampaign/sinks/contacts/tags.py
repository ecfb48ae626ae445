"""Tags taken away: by the association's id, found with the fewest requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import CallError, Missing, walk_keyset
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.concurrency.ordering import side_by_side
from target_activecampaign.outcome import Skip, Verdict
from target_activecampaign.records.values import fold

from .change import sign_of_wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.context import Desk

    from .change import Wish

    Fail = Callable[[Wish, Verdict | CallError], None]

FULL_PAGE = 100


def settle(desk: Desk, wishes: list[Wish], fail: Fail) -> None:
    """Take away the tags that wishes want gone; in mirror mode, all others of the namespace."""
    needy = [wish for wish in wishes if wish.parts and (wish.removes or wish.is_mirror)]
    if not needy:
        return
    try:
        walked = _walk_tags(desk, [w for w in needy if not w.is_mirror])
        _learn_ids(desk, [w for w in needy if not _is_covered(desk, w, walked)])
    except CallError as problem:
        for wish in needy:
            fail(wish, problem)
        return

    def settle_one(wish: Wish) -> None:
        try:
            _settle_one(desk, wish, walked)
        except (Verdict, CallError) as problem:
            fail(wish, problem)

    side_by_side(desk.turns, needy, sign_of_wish, settle_one)


def _tag_ids(desk: Desk, wish: Wish) -> list[str]:
    found = [desk.references.named("tag", name) for name in wish.removes]
    return [str(rows[0]["id"]) for rows in found if rows]


def _is_covered(desk: Desk, wish: Wish, walked: dict[str, dict[str, str]]) -> bool:
    return not wish.is_mirror and all(tag in walked for tag in _tag_ids(desk, wish))


def _learn_ids(desk: Desk, wishes: list[Wish]) -> None:
    for wish in wishes:
        wish.id = wish.id or wish.known_id
    emails = [wish.email for wish in wishes if wish.id is None and wish.email]
    known = desk.references.contacts_by_email(emails) if emails else {}
    for wish in wishes:
        wish.id = wish.id or known.get(fold(wish.email or ""))


def _settle_one(desk: Desk, wish: Wish, walked: dict[str, dict[str, str]]) -> None:
    tags = _tag_ids(desk, wish)
    if _is_covered(desk, wish, walked):
        names = [f"id:{wish.id}", f"email:{fold(wish.email or '')}"]
        for tag in tags:
            for name in names:
                if name in walked[tag]:
                    _take_off(desk, wish, walked[tag][name])
                    break
        return
    if wish.id is None:
        if wish.created is None and not wish.upserts:
            raise Skip("the account has no contact with this address: nothing to take away")
        return
    rows = _associations(desk, wish)
    table = desk.references.table("tag")
    keep = {fold(name) for name in wish.adds}
    for row in rows:
        tag = str(row.get("tag"))
        name = fold(str(table.get(tag, {}).get("tag") or ""))
        is_extra = (
            wish.is_mirror
            and name.startswith(fold(desk.policy.tag_namespace))
            and name not in keep
            and table.get(tag, {}).get("tagType", "contact") == "contact"
        )
        if tag in tags or is_extra:
            _take_off(desk, wish, str(row["id"]))


def _associations(desk: Desk, wish: Wish) -> list[dict[str, Any]]:
    try:
        return desk.references.below("contacts", wish.id or "", "contactTags")
    except Missing:
        # The ledger's id is of a contact that was deleted; the address may have a new one.
        known = desk.references.contacts_by_email([wish.email]) if wish.email else {}
        again = known.get(fold(wish.email or ""))
        if again is None or again == wish.id:
            raise
        wish.id = again
        return desk.references.below("contacts", again, "contactTags")


def _take_off(desk: Desk, wish: Wish, association: str) -> None:
    try:
        desk.pen.write("DELETE", f"contactTags/{association}")
    except Missing:
        return  # gone already, perhaps by this call's own first try
    wish.is_touched = True


def _walk_tags(desk: Desk, wishes: list[Wish]) -> dict[str, dict[str, str]]:
    """Return each worthwhile tag's associations by contact, from the contacts that carry it.

    Only a walk that proves to honour filter and sideload counts.
    """
    wanted: dict[str, int] = {}
    for wish in wishes:
        for tag in [] if is_planned(wish.id) else _tag_ids(desk, wish):
            wanted[tag] = wanted.get(tag, 0) + 1
    found: dict[str, dict[str, str]] = {}

    def walk(tag: str) -> None:
        associations = _walk_tag(desk, tag, wanted[tag])
        if associations is not None:
            found[tag] = associations

    worthwhile = []
    for tag, count in wanted.items():
        row = desk.references.table("tag").get(tag, {})
        carriers = str(row.get("subscriber_count") or "")
        if count >= 5 and carriers.isdigit() and int(carriers) / FULL_PAGE + 2 <= count:
            worthwhile.append(tag)
    desk.turns.each([partial(walk, tag) for tag in worthwhile])
    return found


def _walk_tag(desk: Desk, tag: str, most: int) -> dict[str, str] | None:
    params: list[tuple[str, Any]] = [("tagid", tag), ("status", -1), ("include", "contactTags")]
    found: dict[str, str] = {}
    walk = walk_keyset(desk.client, "contacts", "contacts", params, is_eager=True)
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
