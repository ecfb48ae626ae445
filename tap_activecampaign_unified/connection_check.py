"""Connection check: tests an account and its key, and prints the table of `--test`.

Each probe sends one or two requests. If the response proves nothing, the result is "unknown": an
account without tags cannot prove that it honours the sideload of tags.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from tap_activecampaign_unified.endpoints.table import COMMERCE, DEFAULT_ENDPOINTS
from tap_activecampaign_unified.resources.time_codecs import offset_of

from .client import (
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RequestError,
    ServerError,
    rows_of,
    total_of,
)
from .client.graphql import PATH as GRAPHQL
from .client.pagination.graphql_changes import ChangeFinder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .client import ApiResponse, Client
    from .client.pagination.graphql_walk import Search

Document = dict[str, dict[str, Any]]
Params = tuple[tuple[str, str | int], ...]

BEYOND = "2999-01-01"
WITNESSES = 20
#: Seconds after which the tap's own requests are out of the second that the account counts.
QUIET_SECONDS = 1.5
ONE: Params = (("limit", 1),)
BY_ID: Params = (("orders[id]", "ASC"),)
YES, NO, UNKNOWN = "yes", "no", "unknown"
ANYTHING = {"query": "{ __typename }"}
CUSTOM_FIELDS = ("accountCustomFieldMeta", "dealCustomFieldMeta")

#: The values of `--test`.
ALL, AS_JSON, SCHEMA, OFF = "all", "json", "schema", "disabled"


def describe(option: Any) -> None:
    """Set the values and the help text of the option ``--test``."""
    option.type = click.Choice([ALL, AS_JSON, SCHEMA, OFF])
    option.metavar = f"[{AS_JSON}|{SCHEMA}]"
    option.help = (
        "Print on stderr what the account supports and what the key may read, as a table or with "
        f"--test={AS_JSON} as a line of JSON, and read one record of each stream. "
        f"--test={SCHEMA} only writes the schemas."
    )


@contextlib.contextmanager
def shown(form: str) -> Iterator[Document]:
    """Yield a document for the results. Print it on stderr at the end, also after an error.

    It comes last because the log would push it off the screen.
    """
    document: Document = {}
    try:
        yield document
    finally:
        text = json.dumps(document) if form == AS_JSON else "\n".join(lines_of(document))
        sys.stderr.write(f"{text}\n")


class ConnectionCheck:
    """Probes an account. `document` holds the results so far, by topic."""

    def __init__(self, client: Client, document: Document) -> None:
        self._client = client
        self.document = document

    def run(self) -> None:
        """Run all probes. Raises `FatalError` if the account or the key cannot be used."""
        self.document["url"] = {"answers": self._client.address.origin}
        self._note("key", self._key())
        self._note("may read", self._collections())
        self._note("filters", self._filters())
        self._note("sideloads", self._sideloads())
        self._note("store changes", self._store_changes())
        self._note("clock", self._clock())
        self._note("budget", self._budget())

    def _note(self, topic: str, found: Iterator[tuple[str, Any]]) -> None:
        part = self.document.setdefault(topic, {})
        for name, value in found:
            part[name] = value

    def _ask(self, path: str, params: Params = ()) -> ApiResponse | str:
        """Return the response, or a short text that says why there is none."""
        try:
            return self._ask_twice(path, params)
        except PermissionDenied:
            return "no: 403, the plan or the key's user group"
        except NotFound:
            return "no: 404, not on this account"
        except RequestError as problem:
            return f"{UNKNOWN}: {problem}"

    def _ask_twice(self, path: str, params: Params) -> ApiResponse:
        try:
            return self._client.get(path, params, patience=0)
        except ServerError:
            return self._client.get(path, params, patience=0)

    def _rows(self, path: str, params: Params) -> list[dict[str, Any]] | None:
        """Return a page's rows, None if the request fails."""
        answer = self._ask(path, params)
        return None if isinstance(answer, str) else rows_of(answer.body, path)

    # --- the probes -------------------------------------------------------------------------

    def _key(self) -> Iterator[tuple[str, Any]]:
        user = self._client.get("users/me").body.get("user")
        if not isinstance(user, dict):
            yield "is good", f"{UNKNOWN}: the account does not name its user"
            return
        yield "is good", YES
        yield "user", f"{user.get('username') or user.get('email')} (id {user.get('id')})"
        group = self._ask(f"users/{user.get('id')}/userGroup")
        found = {} if isinstance(group, str) else group.body.get("userGroup")
        if isinstance(found, dict) and found.get("group"):
            yield "group", f"id {found['group']}"

    def _collections(self) -> Iterator[tuple[str, Any]]:
        endpoints = DEFAULT_ENDPOINTS.values()
        related = [
            relation
            for endpoint in endpoints
            for relation in endpoint.relations
            if relation.is_listed
        ]
        collections = [relation.collection for relation in related]
        for path in sorted({*DEFAULT_ENDPOINTS, *collections, *CUSTOM_FIELDS}):
            answer = self._ask(path, ONE)
            if isinstance(answer, str):
                yield path, answer
                continue
            total = total_of(answer.body)
            yield path, YES if total is None else f"{YES}, {total:,} rows"

    def _filters(self) -> Iterator[tuple[str, Any]]:
        contacts = self._rows("contacts", (("limit", 2), ("status", -1), *BY_ID))
        for path, name in (
            ("contacts", "updated_after"),
            ("contacts", "created_after"),
            ("deals", "updated_after"),
        ):
            some = contacts if path == "contacts" else self._rows(path, ONE)
            later = self._rows(path, (("limit", 1), (f"filters[{name}]", BEYOND)))
            yield f"{path} {name}", _honoured(some, later)
        yield "contacts id_greater", self._keyset(contacts)

    def _keyset(self, contacts: list[dict[str, Any]] | None) -> str:
        if not contacts or len(contacts) < 2:
            return f"{UNKNOWN}: fewer than two contacts"
        first, second = (str(row.get("id")) for row in contacts)
        behind = self._rows("contacts", (*ONE, ("status", -1), *BY_ID, ("id_greater", first)))
        return YES if behind and str(behind[0].get("id")) == second else NO

    def _sideloads(self) -> Iterator[tuple[str, Any]]:
        for path, endpoint in DEFAULT_ENDPOINTS.items():
            for relation in endpoint.relations:
                if relation.include is not None and relation.is_listed:
                    yield f"{path} {relation.include}", self._sideload(path, relation)

    def _sideload(self, path: str, relation: Any) -> str:
        answer = self._ask(path, (("limit", WITNESSES), ("include", relation.include)))
        if isinstance(answer, str):
            return answer
        if answer.body.get(relation.collection):
            return YES
        some = self._rows(relation.collection, ONE)
        return NO if some else f"{UNKNOWN}: there are none"

    def _store_changes(self) -> Iterator[tuple[str, Any]]:
        """Say how the tap finds what changed in the GraphQL store, which filters no date."""
        for endpoint in COMMERCE.values():
            if endpoint.search is not None:
                yield endpoint.search.type_name, self._way_of_changes(endpoint.search)

    def _way_of_changes(self, search: Search) -> str:
        try:
            # The first request shows whether the account has the store, without long retries.
            self._client.send("POST", GRAPHQL, json=ANYTHING, repeatable=True, patience=0)
            way = ChangeFinder(self._client, search).describe()
        except (InvalidRequest, PermissionDenied, NotFound) as problem:
            return f"no: {problem.problem}"
        except RequestError as problem:
            return f"{UNKNOWN}: {problem}"
        return way or f"{UNKNOWN}: there are none"

    def _clock(self) -> Iterator[tuple[str, Any]]:
        client = self._client
        rows = self._rows("contacts", (("limit", 1), ("status", -1))) or []
        offset = offset_of(rows[0].get("cdate")) if rows else None
        yield (
            "offset of a contact's times",
            f"{UNKNOWN}: no contact" if offset is None else _written(offset),
        )
        if client.server_now is not None:
            apart = (client.clock.now() - client.server_now).total_seconds()
            yield "seconds ahead of ActiveCampaign", round(apart)

    def _budget(self) -> Iterator[tuple[str, Any]]:
        client = self._client
        traffic = client.traffic
        if traffic.counted is None:
            others = f"{UNKNOWN}: the account sends no count"
        else:
            # The next request is the tap's only one in its second. All others are not the tap's.
            client.clock.sleep(QUIET_SECONDS)
            self._ask("users/me")
            limit, left = traffic.counted
            others = f"{max(0, limit - left - 1)} of {limit} in the last second"
        yield "used by other programs", others
        yield "requests of this test", traffic.requests
        yield "refused (429)", traffic.by_status["429"]
        yield "seconds waited for it", round(traffic.waited, 1)


def lines_of(document: Document) -> list[str]:
    """Return the lines of a table of results."""
    width = max((len(name) for part in document.values() for name in part), default=0)
    found = []
    for topic, part in document.items():
        found.append(topic)
        found += [f"  {name:<{width}}  {value}" for name, value in part.items()]
    return found


def _honoured(some: list[Any] | None, later: list[Any] | None) -> str:
    """Return whether a filter works that no row can pass."""
    if some is None or later is None:
        return f"{UNKNOWN}: it may not be read"
    if not some:
        return f"{UNKNOWN}: there are no rows"
    return NO if later else YES


def _written(offset: dt.tzinfo) -> str:
    return str(dt.datetime.now(offset).isoformat()[-6:])
