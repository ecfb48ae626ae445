"""Present values of contacts by id: fields, tags, list statuses and account links.

One request reads a hundred contacts with all of them. Where the server leaves rows of a relation
out, the same contacts are requested again, then the relation is read on its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    FULL_PAGE,
    InvalidRequest,
    NotFound,
    named_rows,
    rows_of,
    total_of,
    walk_offset,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_activecampaign_unified.client import Client
    from target_activecampaign.concurrency.pool import CooperativePool

NativeRow = dict[str, Any]
Params = list[tuple[str, "str | int"]]

logger = logging.getLogger(__name__)

#: Up to so many contacts whose rows may be cut off are read one by one.
MAX_READ_SINGLY = 3
#: Relations in the order of the `include` parameter.
RELATIONS = ("fieldValues", "contactTags", "contactLists", "accountContacts")


@dataclass(frozen=True)
class ListStatus:
    """A contact's status on a list, as ActiveCampaign has it.

    ``status`` is its number as text: 0 unconfirmed, 1 active, 2 unsubscribed, 3 bounced. The times
    are text as sent; ``source`` is the `sourceid` of the last change.
    """

    id: str
    status: str
    subscribed_at: str | None
    unsubscribed_at: str | None
    updated_at: str | None
    source: str
    reason: str | None


@dataclass(frozen=True)
class LinkedAccount:
    """A contact's link to an account: its id, and the job title, None without one."""

    id: str
    title: str | None


@dataclass
class ContactValues:
    """What the account has of one contact. What a dictionary lacks, the contact does not have.

    ``row`` is the contact's own row. ``tags`` maps a tag's id to the id of its association, and
    ``tagged_at`` to the time of it, as sent.
    ``fields`` maps a custom field's id to its value, ``value_ids`` to the id of the value's row.
    ``lists`` is by the id of the list, ``accounts`` by the id of the account.
    """

    id: str
    row: NativeRow
    tags: dict[str, str] = field(default_factory=dict)
    tagged_at: dict[str, str | None] = field(default_factory=dict)
    fields: dict[str, str | None] = field(default_factory=dict)
    value_ids: dict[str, str] = field(default_factory=dict)
    lists: dict[str, ListStatus] = field(default_factory=dict)
    accounts: dict[str, LinkedAccount] = field(default_factory=dict)

    def add(self, relation: str, row: NativeRow) -> None:
        """Add a row of a relation."""
        native_id = str(row.get("id"))
        if relation == "contactTags":
            self.tags[str(row.get("tag"))] = native_id
            self.tagged_at[str(row.get("tag"))] = _text(row.get("cdate"))
        elif relation == "fieldValues":
            value = row.get("value")
            self.fields[str(row.get("field"))] = None if value is None else str(value)
            self.value_ids[str(row.get("field"))] = native_id
        elif relation == "contactLists":
            self.lists[str(row.get("list"))] = ListStatus(
                native_id,
                str(row.get("status")),
                _text(row.get("sdate")),
                _text(row.get("udate")),
                _text(row.get("updated_timestamp")),
                str(row.get("sourceid") or "0"),
                _text(row.get("unsubreason")),
            )
        else:
            self.accounts[str(row.get("account"))] = LinkedAccount(
                native_id, _text(row.get("jobTitle"))
            )


class ContactValuesReader:
    """Reads the present values of contacts, a hundred per request.

    An object reads for one run: it caches which relations the server sends with contacts. It does
    not cache values.
    """

    def __init__(self, client: Client, pool: CooperativePool) -> None:
        self._client, self._pool = client, pool
        self._included = list(RELATIONS)

    def read(self, ids: Iterable[str]) -> dict[str, ContactValues]:
        """Return the values of the contacts with these ids; an id that it lacks does not exist.

        Raises `RequestError` where a request fails.
        """
        wanted = sorted({native_id for native_id in ids if native_id.isdigit()}, key=int)
        found: dict[str, ContactValues] = {}
        separate: dict[str, list[str]] = defaultdict(list)
        chunks = [wanted[at : at + FULL_PAGE] for at in range(0, len(wanted), FULL_PAGE)]
        self._pool.each([partial(self._read_chunk, chunk, found, separate) for chunk in chunks])
        for relation, contacts in separate.items():
            self._read_separately(relation, contacts, found)
        return {native_id: found[native_id] for native_id in wanted if native_id in found}

    # --- contacts with their related rows ---------------------------------------------------

    def _read_chunk(
        self, chunk: list[str], found: dict[str, ContactValues], separate: dict[str, list[str]]
    ) -> None:
        """Read up to a hundred contacts; add to ``separate`` what does not come with them.

        A limit of the server on included rows cuts off the last contacts' rows: these contacts are
        requested again, without the others.
        """
        left, relations = chunk, list(RELATIONS)
        while left:
            body, rows = self._request(left)
            for native_id, row in rows.items():
                if native_id not in found:
                    found[native_id] = ContactValues(native_id, row)
            again: set[str] = set()
            for relation in list(relations):
                short = _add_included(relation, rows, body, found)
                if len(short) <= MAX_READ_SINGLY or len(rows) - len(short) < MAX_READ_SINGLY:
                    separate[relation] += short
                    relations.remove(relation)
                    if short and not rows_of(body, relation):
                        self._exclude(relation)
                else:
                    again.update(short)
            left = [contact for contact in left if contact in again]

    def _request(self, ids: list[str]) -> tuple[dict[str, Any], dict[str, NativeRow]]:
        """Return the response for these contacts, and their rows by id."""
        params: Params = [
            ("limit", FULL_PAGE),
            ("status", -1),
            *(("ids[]", native_id) for native_id in ids),
        ]
        while True:
            include: Params = [("include", ",".join(self._included))] if self._included else []
            try:
                body = self._client.get("contacts", [*params, *include]).body
                break
            except InvalidRequest:
                if not self._included:
                    raise
                # The server does not know one of the names; the last one is the least documented.
                self._exclude(self._included[-1])
        rows = {str(row.get("id")): row for row in named_rows(body, "contacts", "contacts")}
        if not rows.keys() <= set(ids):
            return {}, self._read_singly(ids)  # the server ignores `ids[]`
        total = total_of(body)
        if total is not None and total > len(rows) < len(ids):
            rows |= self._read_singly([native_id for native_id in ids if native_id not in rows])
        return body, rows

    def _exclude(self, relation: str) -> None:
        if relation in self._included:
            logger.info("This account does not send %s with contacts", relation)
            self._included.remove(relation)

    def _read_singly(self, ids: list[str]) -> dict[str, NativeRow]:
        rows: dict[str, NativeRow] = {}

        def read(contact: str) -> None:
            with contextlib.suppress(NotFound):
                row = self._client.get(f"contacts/{contact}").body.get("contact")
                if isinstance(row, dict):
                    rows[contact] = row

        self._pool.each([partial(read, native_id) for native_id in ids])
        return rows

    # --- relations on their own -------------------------------------------------------------

    def _read_separately(
        self, relation: str, contacts: list[str], found: dict[str, ContactValues]
    ) -> None:
        """Read one relation of these contacts: one request each or the collection, if fewer."""
        if len(contacts) > MAX_READ_SINGLY:
            total = total_of(self._client.get(relation, [("limit", 1)]).body)
            if total == 0:
                return
            if total is not None and total / FULL_PAGE + 1 < len(contacts):
                wanted = set(contacts)
                for page in walk_offset(self._client, relation, relation):
                    for row in page.rows:
                        if str(row.get("contact")) in wanted:
                            found[str(row["contact"])].add(relation, row)
                return
        self._pool.each(
            [partial(self._read_nested, relation, contact, found) for contact in contacts]
        )

    def _read_nested(self, relation: str, contact: str, found: dict[str, ContactValues]) -> None:
        pages = walk_offset(self._client, f"contacts/{contact}/{relation}", relation, lean=True)
        try:
            for page in pages:
                for row in page.rows:
                    found[contact].add(relation, row)
        except NotFound as problem:
            if problem.is_endpoint:
                raise
            found.pop(contact, None)  # it was deleted in between


def _add_included(
    relation: str,
    rows: Mapping[str, NativeRow],
    body: dict[str, Any],
    found: dict[str, ContactValues],
) -> list[str]:
    """Add the rows of a relation in a response; return the contacts that may have more of them.

    A contact's row lists the ids of its related rows. Where it does not, the contacts from the last
    contact with rows on may have lost some.
    """
    included: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(body, relation):
        contact = str(row.get("contact"))
        if contact in rows:
            found[contact].add(relation, row)
            included[contact].add(str(row.get("id")))
    last = max((at for at, place in enumerate(rows) if place in included), default=0)
    short = []
    for at, (contact_id, row) in enumerate(rows.items()):
        listed = row.get(relation)
        if isinstance(listed, list):
            if not {str(each) for each in listed} <= included[contact_id]:
                short.append(contact_id)
        elif at >= last:
            short.append(contact_id)
    return short


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
