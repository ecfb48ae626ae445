"""Fields that the CRM contact and the marketing contact share."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from .codecs import decode_id, decode_number, decode_text, flag, text
from .input_values import InvalidValue
from .input_values.ids import id_order
from .person_names import full_name
from .resource import Derived, Field, Linked
from .schema_types import DATE_TIME, NUMBER, STRING, array_of, object_of
from .shared_columns import NAMED_REF, word_of_code
from .shared_columns import TAGS as TAG_REFS
from .time_codecs import decode_instant, format_instant, instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .resource import Row, RowContext

STATUSES = {"0": "unconfirmed", "1": "active", "2": "unsubscribed", "3": "bounced"}

SEGMENTS = array_of(object_of(id=STRING, name=STRING, status=STRING))
SCORES = array_of(object_of(id=STRING, score_id=STRING, value=NUMBER))

# The value for a contact without a time of change. It is not null, so that loaders keep the row.
EARLIEST = format_instant(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))

# A contact's relations, by ActiveCampaign's names in rows, nested paths and sideloads.
TAGS, MEMBERSHIPS, LINKS, SCORE_VALUES = (
    "contactTags",
    "contactLists",
    "accountContacts",
    "scoreValues",
)


def first_of(*columns: str) -> Callable[[Row, RowContext], str]:
    """Return a reader of the first readable time of several columns. It never returns null."""

    def read(row: Row, row_context: RowContext) -> str:
        for column in columns:
            try:
                changed = decode_instant(row.get(column), row_context.zone)
            except InvalidValue:
                continue
            if changed is not None:
                return changed
        return EARLIEST

    return read


#: The time of a contact's last change. ``updated_timestamp`` is in the account's time zone.
updated_at = first_of("udate", "updated_timestamp", "cdate")


def latest_of(*columns: str) -> Any:
    """Return a reader of the latest of several times."""

    def read(row: Row, row_context: RowContext) -> str | None:
        moments = [parse_instant(row.get(column), row_context.zone) for column in columns]
        readable = [moment for moment in moments if moment is not None]
        return format_instant(max(readable)) if readable else None

    return read


def named_tags(_: Row, row_context: RowContext) -> list[Row]:
    """Return ``{id, name}`` of each applied tag, in order of id."""
    names = row_context.names.tags
    tag_ids = {decode_id(row.get("tag")): None for row in row_context.rows(TAGS)}
    return [{"id": tag, "name": names.get(tag)} for tag in sorted_ids(tag_ids)]


def pairs_of(
    relation: str,
    column: str,
    owner: str = "contact",
    changed: str = "contact_updated_at",
    changed_at: Callable[[Row, RowContext], Any] = updated_at,
) -> Callable[[Row, RowContext], Iterator[Row]]:
    """Return a function that expands a row to a row per id in ``column`` of ``relation``.

    Each new row has the id of the expanded row as ``owner``, and its last change as ``changed``.
    """

    def expand(row: Row, row_context: RowContext) -> Iterator[Row]:
        shared = {owner: row.get("id"), changed: changed_at(row, row_context)}
        latest = {
            id_or_none(related.get(column)): related for related in row_context.rows(relation)
        }
        for key in sorted_ids(latest):
            yield {**latest[key], **shared}

    return expand


def id_or_none(raw: Any) -> str | None:
    """Return an id, None for a value that is not an id."""
    try:
        return decode_id(raw)
    except InvalidValue:
        return None


def segment_status(row: Row) -> str | None:
    """Return a membership's status as the unified model names it."""
    return word_of_code(STATUSES, row.get("status"))


def segments(_: Row, row_context: RowContext) -> list[Row]:
    """Return every membership with its status, in order of list id."""
    names = row_context.names.segments
    statuses = {
        decode_id(row.get("list")): segment_status(row) for row in row_context.rows(MEMBERSHIPS)
    }
    return [
        {"id": list_id, "name": names.get(list_id), "status": statuses[list_id]}
        for list_id in sorted_ids(statuses)
    ]


def accounts(_: Row, row_context: RowContext) -> list[Row]:
    """Return every account of the contact, in order of link id."""
    names = row_context.names.accounts
    refs = []
    for link in row_context.rows(LINKS):
        account_id = decode_id(link.get("account"))
        if account_id is not None:
            refs.append(
                {
                    "id": account_id,
                    "name": names.get(account_id),
                    "title": decode_text(link.get("jobTitle")),
                    "link_id": decode_id(link.get("id")),
                }
            )
    return refs


def account(_row: Row, row_context: RowContext) -> Row | None:
    """Return ``{id, name}`` of the account with the lowest link id."""
    account_id, _ = _first_account(row_context)
    return (
        None
        if account_id is None
        else {"id": account_id, "name": row_context.names.accounts.get(account_id)}
    )


def job_title(_row: Row, row_context: RowContext) -> str | None:
    """Return the job title at the first account."""
    _, link = _first_account(row_context)
    return decode_text(link.get("jobTitle"))


def _first_account(row_context: RowContext) -> tuple[str | None, Row]:
    for link in row_context.rows(LINKS):
        account_id = decode_id(link.get("account"))
        if account_id is not None:
            return account_id, link
    return None, {}


def scores(_: Row, row_context: RowContext) -> list[Row]:
    """Return the contact's score values, which ActiveCampaign computes, in order of id."""
    return [
        {
            "id": decode_id(row.get("id")),
            "score_id": decode_id(row.get("score")),
            "value": decode_number(row.get("scoreValue")),
        }
        for row in row_context.rows(SCORE_VALUES)
    ]


def sorted_ids(ids: Any) -> list[str]:
    """Return ids in numeric order, without None."""
    known_ids = [id_ for id_ in ids if id_ is not None]
    if len(known_ids) > 1:
        known_ids.sort(key=id_order)
    return known_ids


#: Entries that both tables of contacts have.
FIRST_NAME = Field("first_name", "firstName", text, imported_as="first_name")
LAST_NAME = Field("last_name", "lastName", text, imported_as="last_name")
NAME = Derived("name", full_name, STRING, "First and last name")
APPLIED_TAGS = Linked("tags", TAGS, named_tags, TAG_REFS, "Tags of the contact, in order of id")
ALL_SEGMENTS = Linked(
    "segments",
    MEMBERSHIPS,
    segments,
    SEGMENTS,
    "Every list that the contact is or was on, with its status on the list, in order of id",
)
ACCOUNT = Linked("account", LINKS, account, NAMED_REF, "The account of the first link")
DELETED = Field("deleted", "deleted", flag, read_only=True)
ANONYMIZED = Field("anonymized", "anonymized", flag, read_only=True)
CREATED_AT = Field("created_at", "cdate", instant, read_only=True)
UPDATED_AT = Derived("updated_at", updated_at, DATE_TIME, "Last change; never null")

#: The replication key of the streams of pairs.
CONTACT_UPDATED_AT = Field(
    "contact_updated_at",
    "contact_updated_at",
    instant,
    "The contact's last change",
    read_only=True,
)


def scores_entry(unified: str) -> Linked:
    """Return the entry of a contact's scores."""
    return Linked(unified, SCORE_VALUES, scores, SCORES, "Scores (read only)", read_only=True)
