"""Present values of contacts by id: fields, tags, list statuses and account links.

A request reads a hundred contacts with all these values. If the server leaves out rows of a
relation, the target requests the same contacts again, then reads the relation on its own.
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
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool

NativeRow = dict[str, Any]
Params = list[tuple[str, "str | int"]]

logger = logging.getLogger(__name__)

#: The most contacts with missing rows that are read one by one.
MAX_READ_SINGLY = 3
#: Relations in the order of the `include` parameter.
RELATIONS = ("fieldValues", "contactTags", "contactLists", "accountContacts")


@dataclass(frozen=True)
class ListStatus:
    """A contact's status on a list, as ActiveCampaign sends it.

    ``status`` is a number as text: 0 unconfirmed, 1 active, 2 unsubscribed, 3 bounced. The times
    are ActiveCampaign's text. ``source`` is the `sourceid` of the last change.
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
    """A contact's link to an account: the id of the link, and the job title."""

    id: str
    title: str | None


@dataclass
class ContactValues:
    """All values that the account has of a contact.

    ``row`` is the contact's own row. ``tags`` maps a tag's id to the id of its association, and
    ``tagged_at`` maps it to the association's time, as ActiveCampaign sends it.
    ``fields`` maps a custom field's id to its value, ``value_ids`` to the id of the value's row.
    The keys of ``lists`` are ids of lists, those of ``accounts`` are ids of accounts.
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

    An object serves one run. It caches which relations the server sends with contacts, and no
    values.
    """

    def __init__(self, client: Client, pool: CooperativePool) -> None:
        self._client, self._pool = client, pool
        self._included = list(RELATIONS)

    def read(self, ids: Iterable[str]) -> dict[str, ContactValues]:
        """Return the values of these contacts by id, without the ids that do not exist.

        Raises `RequestError` if a request fails.
        """
        wanted = sorted({native_id for native_id in ids if native_id.isdigit()}, key=int)
        values_by_id: dict[str, ContactValues] = {}
        separate: dict[str, list[str]] = defaultdict(list)
        chunks = [wanted[at : at + FULL_PAGE] for at in range(0, len(wanted), FULL_PAGE)]
        self._pool.each(
            [partial(self._read_chunk, chunk, values_by_id, separate) for chunk in chunks]
        )
        for relation, contacts in separate.items():
            self._read_separately(relation, contacts, values_by_id)
        return {
            native_id: values_by_id[native_id] for native_id in wanted if native_id in values_by_id
        }

    # --- contacts with their related rows ---------------------------------------------------

    def _read_chunk(
        self,
        chunk: list[str],
        values_by_id: dict[str, ContactValues],
        separate: dict[str, list[str]],
    ) -> None:
        """Read up to a hundred contacts; add contacts with missing rows to ``separate``.

        A limit of the server on included rows cuts off the rows of the last contacts. The target
        requests these contacts again, without the other contacts.
        """
        missing, relations = chunk, list(RELATIONS)
        while missing:
            body, rows = self._request(missing)
            for native_id, row in rows.items():
                if native_id not in values_by_id:
                    values_by_id[native_id] = ContactValues(native_id, row)
            to_repeat: set[str] = set()
            for relation in list(relations):
                cut_off = _add_included(relation, rows, body, values_by_id)
                if len(cut_off) <= MAX_READ_SINGLY or len(rows) - len(cut_off) < MAX_READ_SINGLY:
                    separate[relation] += cut_off
                    relations.remove(relation)
                    if cut_off and not rows_of(body, relation):
                        self._exclude(relation)
                else:
                    to_repeat.update(cut_off)
            missing = [contact for contact in missing if contact in to_repeat]

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
                # The server does not know a relation: leave out the last, least documented name.
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
        self, relation: str, contacts: list[str], values_by_id: dict[str, ContactValues]
    ) -> None:
        """Read a relation of these contacts: by contact, or as a collection for fewer requests."""
        if len(contacts) > MAX_READ_SINGLY:
            total = total_of(self._client.get(relation, [("limit", 1)]).body)
            if total == 0:
                return
            if total is not None and total / FULL_PAGE + 1 < len(contacts):
                wanted = set(contacts)
                for page in walk_offset(self._client, relation, relation):
                    for row in page.rows:
                        if str(row.get("contact")) in wanted:
                            values_by_id[str(row["contact"])].add(relation, row)
                return
        self._pool.each(
            [partial(self._read_nested, relation, contact, values_by_id) for contact in contacts]
        )

    def _read_nested(
        self, relation: str, contact: str, values_by_id: dict[str, ContactValues]
    ) -> None:
        pages = walk_offset(self._client, f"contacts/{contact}/{relation}", relation, lean=True)
        try:
            for page in pages:
                for row in page.rows:
                    values_by_id[contact].add(relation, row)
        except NotFound as problem:
            if problem.is_endpoint:
                raise
            values_by_id.pop(
                contact, None
            )  # another client deleted the contact since the first request


def _add_included(
    relation: str,
    rows: Mapping[str, NativeRow],
    body: dict[str, Any],
    values_by_id: dict[str, ContactValues],
) -> list[str]:
    """Add the rows of a relation in a response; return the contacts that may have more rows.

    A contact's row lists the ids of its related rows. Without such a list, rows may be missing for
    the last contact with rows and for all contacts after it.
    """
    included: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(body, relation):
        contact = str(row.get("contact"))
        if contact in rows:
            values_by_id[contact].add(relation, row)
            included[contact].add(str(row.get("id")))
    last = max((at for at, contact in enumerate(rows) if contact in included), default=0)
    cut_off = []
    for at, (contact_id, row) in enumerate(rows.items()):
        listed = row.get(relation)
        if isinstance(listed, list):
            if not set(map(str, listed)) <= included[contact_id]:
                cut_off.append(contact_id)
        elif at >= last:
            cut_off.append(contact_id)
    return cut_off


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
