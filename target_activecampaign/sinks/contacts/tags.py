"""Adds tags to contacts, and removes them: finds the associations with the fewest requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import FULL_PAGE, InvalidRequest, NotFound, walk_keyset
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.outcome import RowSkipped
from target_activecampaign.sinks.named_records.tags import ensure_tag

from .contact_ids import look_up_addresses, use_ledger_ids
from .row_results import apply_each

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    from .contact_change import ContactChange
    from .row_results import ApplyOne, Fail

# For fewer contacts, the target does not read the contacts of a tag.
FEWEST_TO_WALK = 5


def add_tag(context: WriteContext, change: ContactChange, name: str) -> None:
    """Add a tag to a contact; create the tag if the account does not have it."""
    tag = ensure_tag(context, name)
    look_up_addresses(context, [change])  # the response to a write may have had no id
    body = {"contactTag": {"contact": change.id, "tag": tag}}
    for may_repeat in (True, False):
        try:
            context.write_client.create_if_absent("contactTags", body)
        except InvalidRequest as problem:
            if may_repeat and not problem.reasons:
                continue  # the response has lost its error texts, which may report a duplicate
            raise
        break
    change.is_touched = True


def remove_tags(context: WriteContext, changes: list[ContactChange], fail: Fail) -> None:
    """Remove the tags of ``remove_tags``. In mirror mode, also every other tag of the namespace."""
    by_id = [change for change in changes if change.row_requests and change.associations]
    apply_each(context, by_id, lambda: partial(_remove_by_id, context), fail)
    affected = [
        change for change in changes if change.row_requests and (change.removes or change.is_mirror)
    ]

    def prepare() -> ApplyOne:
        associations_by_tag = _walk_tags(
            context, [change for change in affected if not change.is_mirror]
        )
        uncovered = [
            change for change in affected if not _is_covered(context, change, associations_by_tag)
        ]
        use_ledger_ids(context, uncovered)
        look_up_addresses(context, uncovered)
        return partial(_remove_tags, context, associations_by_tag)

    apply_each(context, affected, prepare, fail)


def _remove_by_id(context: WriteContext, change: ContactChange) -> None:
    for association in change.associations:
        _remove(context, change, association)


def _tag_ids(context: WriteContext, change: ContactChange) -> list[str]:
    rows_by_name = [context.references.find_by_name("tag", name) for name in change.removes]
    return [str(rows[0]["id"]) for rows in rows_by_name if rows]


def _is_covered(
    context: WriteContext, change: ContactChange, associations_by_tag: dict[str, dict[str, str]]
) -> bool:
    return not change.is_mirror and all(
        tag in associations_by_tag for tag in _tag_ids(context, change)
    )


def _remove_tags(
    context: WriteContext, associations_by_tag: dict[str, dict[str, str]], change: ContactChange
) -> None:
    tags = _tag_ids(context, change)
    if _is_covered(context, change, associations_by_tag):
        names = [f"id:{change.id}", f"email:{fold(change.email or '')}"]
        for tag in tags:
            for name in names:
                if name in associations_by_tag[tag]:
                    _remove(context, change, associations_by_tag[tag][name])
                    break
        return
    if change.id is None:
        if change.created is None and not change.upserts:
            raise RowSkipped("the account has no contact with this address: nothing to remove")
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
            _remove(context, change, str(row["id"]))


def _associations(context: WriteContext, change: ContactChange) -> list[dict[str, Any]]:
    try:
        return context.references.nested_rows("contacts", change.id or "", "contactTags")
    except NotFound:
        # The contact of the ledger's id was deleted. The address may have a new contact.
        ids = context.references.contacts_by_email([change.email]) if change.email else {}
        new_id = ids.get(fold(change.email or ""))
        if new_id is None or new_id == change.id:
            raise
        change.id = new_id
        return context.references.nested_rows("contacts", new_id, "contactTags")


def _remove(context: WriteContext, change: ContactChange, association: str) -> None:
    path, about = f"contactTags/{association}", change.id or change.email
    if context.write_client.delete_if_exists(path, about=about):
        change.is_touched = True


def _walk_tags(context: WriteContext, changes: list[ContactChange]) -> dict[str, dict[str, str]]:
    """Return associations by tag, then by contact: by `id:` and id, by `email:` and address.

    Reads only tags for which a walk over all contacts with the tag takes fewer requests. The result
    has a tag only if the pages show that ActiveCampaign applied the filter and the sideload.
    """
    counts: dict[str, int] = {}
    for change in changes:
        for tag in [] if is_planned(change.id) else _tag_ids(context, change):
            counts[tag] = counts.get(tag, 0) + 1
    associations_by_tag: dict[str, dict[str, str]] = {}

    def walk(tag: str) -> None:
        associations = _walk_tag(context, tag, counts[tag])
        if associations is not None:
            associations_by_tag[tag] = associations

    worthwhile = []
    for tag, count in counts.items():
        row = context.references.table("tag").get(tag, {})
        contacts_with_tag = str(row.get("subscriber_count") or "")
        if count < FEWEST_TO_WALK or not contacts_with_tag.isdigit():
            continue
        # A walk costs a request per page of contacts and up to two more. Without a walk, each of
        # the ``count`` contacts costs a request.
        if int(contacts_with_tag) / FULL_PAGE + 2 <= count:
            worthwhile.append(tag)
    context.pool.each([partial(walk, tag) for tag in worthwhile])
    return associations_by_tag


def _walk_tag(context: WriteContext, tag: str, max_pages: int) -> dict[str, str] | None:
    """Return a tag's associations by contact id and by address; None after an unreliable walk."""
    params: list[tuple[str, Any]] = [("tagid", tag), ("status", -1), ("include", "contactTags")]
    associations: dict[str, str] = {}
    walk = walk_keyset(context.client, "contacts", "contacts", params, is_eager=True)
    for number, page in enumerate(walk):
        sideloads = page.body.get("contactTags")
        if number > max_pages or (page.rows and not isinstance(sideloads, list)):
            return None
        by_contact = {
            str(sideload.get("contact")): str(sideload.get("id"))
            for sideload in sideloads or ()
            if isinstance(sideload, dict) and str(sideload.get("tag")) == tag
        }
        for row in page.rows:
            association = by_contact.get(str(row.get("id")))
            if association is None:
                return None  # the contact lacks the tag, or the sideload is incomplete
            associations[f"id:{row.get('id')}"] = association
            associations[f"email:{fold(str(row.get('email') or ''))}"] = association
    return associations
