"""Connection check: tests an account and its key, and prints the table of `--test`.

Each probe sends one or two requests. If the response proves nothing, the result is "unknown". For
example, an account without tags cannot prove that it sends the sideload of tags.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from tap_activecampaign_unified.endpoints.endpoint_table import (
    COMMERCE_ENDPOINTS,
    DEFAULT_ENDPOINTS,
)
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
from .client.graphql.changed_rows import ChangeFinder
from .client.graphql.request import PATH as GRAPHQL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .client import ApiResponse, Client
    from .client.graphql.search_walk import Search

Document = dict[str, dict[str, Any]]
Params = tuple[tuple[str, str | int], ...]

FAR_FUTURE = "2999-01-01"
#: The number of rows in a page that tests a sideload.
SAMPLE_ROWS = 20
#: Seconds after which the account's count of one second has none of the tap's requests.
QUIET_SECONDS = 1.5
ONE: Params = (("limit", 1),)
BY_ID: Params = (("orders[id]", "ASC"),)
YES, NO, UNKNOWN = "yes", "no", "unknown"
#: The topic of the collections that the key may read.
MAY_READ = "may read"
ANYTHING = {"query": "{ __typename }"}
CUSTOM_FIELDS = ("accountCustomFieldMeta", "dealCustomFieldMeta")

#: The values of `--test`.
ALL, AS_JSON, SCHEMA, OFF = "all", "json", "schema", "disabled"


def describe_test_option(command: click.Command) -> None:
    """Set the values and the help text of the option ``--test``."""
    option: Any = next(param for param in command.params if param.name == "test")
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

    It prints at the end, because the log would otherwise scroll the document off the screen.
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
        self._note(MAY_READ, self._collections())
        self._note("filters", self._filters())
        self._note("sideloads", self._sideloads())
        self._note("store changes", self._store_changes())
        self._note("clock", self._clock())
        self._note("budget", self._budget())

    def _note(self, topic: str, findings: Iterator[tuple[str, Any]]) -> None:
        results = self.document.setdefault(topic, {})
        for name, value in findings:
            results[name] = value

    def _request(self, path: str, params: Params = ()) -> ApiResponse | str:
        """Return the response, or a short text with the reason for no response."""
        try:
            return self._request_twice(path, params)
        except PermissionDenied:
            return "no: 403, the plan or the key's user group"
        except NotFound:
            return "no: 404, not on this account"
        except RequestError as problem:
            return f"{UNKNOWN}: {problem}"

    def _request_twice(self, path: str, params: Params) -> ApiResponse:
        try:
            return self._client.get(path, params, patience=0)
        except ServerError:
            return self._client.get(path, params, patience=0)

    def _rows(self, path: str, params: Params) -> list[dict[str, Any]] | None:
        """Return a page's rows, None if the request fails."""
        response = self._request(path, params)
        return None if isinstance(response, str) else rows_of(response.body, path)

    # --- the probes -------------------------------------------------------------------------

    def _key(self) -> Iterator[tuple[str, Any]]:
        user = self._client.get("users/me").body.get("user")
        if not isinstance(user, dict):
            yield "is good", f"{UNKNOWN}: the account does not name its user"
            return
        yield "is good", YES
        yield "user", f"{user.get('username') or user.get('email')} (id {user.get('id')})"
        group = self._request(f"users/{user.get('id')}/userGroup")
        member = {} if isinstance(group, str) else group.body.get("userGroup")
        if isinstance(member, dict) and member.get("group"):
            yield "group", f"id {member['group']}"

    def _collections(self) -> Iterator[tuple[str, Any]]:
        endpoints = DEFAULT_ENDPOINTS.values()
        related = [
            relation
            for endpoint in endpoints
            for relation in endpoint.relations
            if relation.has_collection
        ]
        collections = [relation.collection for relation in related]
        for path in sorted({*DEFAULT_ENDPOINTS, *collections, *CUSTOM_FIELDS}):
            response = self._request(path, ONE)
            if isinstance(response, str):
                yield path, response
                continue
            total = total_of(response.body)
            yield path, YES if total is None else f"{YES}, {total:,} rows"

    def _filters(self) -> Iterator[tuple[str, Any]]:
        contacts = self._rows("contacts", (("limit", 2), ("status", -1), *BY_ID))
        for path, name in (
            ("contacts", "updated_after"),
            ("contacts", "created_after"),
            ("deals", "updated_after"),
        ):
            rows = contacts if path == "contacts" else self._rows(path, ONE)
            rows_of_future = self._rows(path, (("limit", 1), (f"filters[{name}]", FAR_FUTURE)))
            yield f"{path} {name}", _filter_result(rows, rows_of_future)
        yield "contacts id_greater", self._keyset(contacts)

    def _keyset(self, contacts: list[dict[str, Any]] | None) -> str:
        if not contacts or len(contacts) < 2:
            return f"{UNKNOWN}: fewer than two contacts"
        first, second = (str(row.get("id")) for row in contacts)
        rows_above = self._rows("contacts", (*ONE, ("status", -1), *BY_ID, ("id_greater", first)))
        return YES if rows_above and str(rows_above[0].get("id")) == second else NO

    def _sideloads(self) -> Iterator[tuple[str, Any]]:
        for path, endpoint in DEFAULT_ENDPOINTS.items():
            for relation in endpoint.relations:
                if relation.include is not None and relation.has_collection:
                    yield f"{path} {relation.include}", self._sideload(path, relation)

    def _sideload(self, path: str, relation: Any) -> str:
        response = self._request(path, (("limit", SAMPLE_ROWS), ("include", relation.include)))
        if isinstance(response, str):
            return response
        if response.body.get(relation.collection):
            return YES
        has_rows = self._rows(relation.collection, ONE)
        return NO if has_rows else f"{UNKNOWN}: the account has none"

    def _store_changes(self) -> Iterator[tuple[str, Any]]:
        """Yield (type of rows, way to find changes) for each GraphQL search."""
        for endpoint in COMMERCE_ENDPOINTS.values():
            if endpoint.search is not None:
                yield endpoint.search.type_name, self._change_search(endpoint.search)

    def _change_search(self, search: Search) -> str:
        try:
            # The first request shows whether the account has the store, without long retries.
            self._client.send("POST", GRAPHQL, json=ANYTHING, repeatable=True, patience=0)
            description = ChangeFinder(self._client, search).describe()
        except (InvalidRequest, PermissionDenied, NotFound) as problem:
            return f"no: {problem.problem}"
        except RequestError as problem:
            return f"{UNKNOWN}: {problem}"
        return description or f"{UNKNOWN}: the account has none"

    def _clock(self) -> Iterator[tuple[str, Any]]:
        client = self._client
        rows = self._rows("contacts", (("limit", 1), ("status", -1))) or []
        offset = offset_of(rows[0].get("cdate")) if rows else None
        yield (
            "offset of a contact's times",
            f"{UNKNOWN}: no contact" if offset is None else _offset_text(offset),
        )
        if client.server_now is not None:
            difference = (client.clock.now() - client.server_now).total_seconds()
            yield "seconds ahead of ActiveCampaign", round(difference)

    def _budget(self) -> Iterator[tuple[str, Any]]:
        client = self._client
        traffic = client.traffic
        if traffic.reported_limit is None:
            others = f"{UNKNOWN}: the account sends no count"
        else:
            # The next request is the tap's only request in its second, so others sent the rest.
            client.clock.sleep(QUIET_SECONDS)
            self._request("users/me")
            limit, remaining = traffic.reported_limit
            others = f"{max(0, limit - remaining - 1)} of {limit} in the last second"
        yield "used by other programs", others
        yield "requests of this test", traffic.requests
        yield "refused (429)", traffic.by_status["429"]
        yield "seconds waited for the rate limit", round(traffic.waited, 1)


def lines_of(document: Document) -> list[str]:
    """Return the lines of a table of results."""
    width = max((len(name) for part in document.values() for name in part), default=0)
    lines = []
    for topic, results in document.items():
        lines.append(topic)
        lines += [f"  {name:<{width}}  {value}" for name, value in results.items()]
    return lines


def _filter_result(rows: list[Any] | None, rows_of_future: list[Any] | None) -> str:
    """Return whether a filter by a time in the far future excludes all rows, as it should."""
    if rows is None or rows_of_future is None:
        return f"{UNKNOWN}: the key may not read it"
    if not rows:
        return f"{UNKNOWN}: there are no rows"
    return NO if rows_of_future else YES


def _offset_text(offset: dt.tzinfo) -> str:
    return str(dt.datetime.now(offset).isoformat()[-6:])
