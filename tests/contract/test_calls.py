"""Requests of tap and target, and answers of the sandbox, one by one against the table."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.sinks.registry import SINKS
from tests.contract import derive
from tests.contract.exchanges import (
    ACCOUNTS,
    DELETES,
    READS,
    ROWS,
    SETTINGS,
    Exchange,
    many_people,
    read,
    write,
)
from tests.sandbox_tests.shape_calls import WRITES

if TYPE_CHECKING:
    from collections.abc import Iterator

# On one worker: its exchanges take six seconds.
pytestmark = pytest.mark.xdist_group("exchanges")

TABLE: dict[str, Any] = json.loads(derive.TABLE.read_text())

# requests that the documentation does not list, with the reason for them
UNDOCUMENTED = {
    "GET /contactTags": "the collection is linked from contacts and answers live",
    "GET /contactLists": "the collection is linked from contacts and answers live",
    "GET /groups/{id}/userGroups": "linked from groups; who is in which group stands nowhere else",
    "GET /users/{id}/userGroup": "linked from users; asked where the groups do not tell",
    "GET /deals/{id}/dealCustomFieldData": "linked from deals, for a deal with many values",
    "GET /accounts/{id}/accountCustomFieldData": "linked from accounts; shows what a page brings",
    "PATCH /lists/{id}": "answers live; no way to rename a list is documented",
    "GET /contacts/{id}/contactTags": "linked from contacts; documented for writing alone",
    "GET /settings/account": "answers live; gives the contact limit and the contacts there are",
}

# parameters that every collection accepts, though few list them
GENERAL = re.compile(r"limit|offset|include|orders\[\w+\]")

# bodies without documentation, with the reason
BODIES = {"PATCH /lists/{id}": UNDOCUMENTED["PATCH /lists/{id}"]}

# undocumented keys of bodies, with the reason
BODY_KEYS: dict[str, dict[str, str]] = {
    "POST /import/bulk_import": {
        "exclude_automations": "documented for a contact, observed beside them: sent at both places"
    },
}

# types of the sandbox's answers beyond the documented types, with the reason
ANSWER_TYPES: dict[str, str] = {
    "fieldValue": "a field of several choices has an array, which other pages document",
    "meta.currencies": "live it is an empty array where there are no deals",
    "account.links": "the example is an empty list; there are links",
}
FAMILY = {"integer": "text", "number": "text", "string": "text"}


@cache
def templates() -> list[tuple[str, re.Pattern[str], str]]:
    """Return verb, pattern and call of every documented call, literal paths first."""
    found = []
    for call in sorted([*TABLE, *UNDOCUMENTED], key=lambda call: call.count("{")):
        verb, path = call.split()
        found.append((verb, re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), call))
    return found


def call_of(method: str, path: str) -> str:
    """Return the documented call of a request, or the request itself where there is none."""
    for verb, pattern, call in templates():
        if verb == method and pattern.fullmatch(path):
            return call
    return f"{method} {path}"


def misfits(
    shape: dict[str, Any], value: Any, where: str = "", *, may_be_null: bool = False
) -> Iterator[tuple[str, str]]:
    """Return the places in a value that the shape does not permit, with ``key`` or the type.

    A number may be text and text a number: ActiveCampaign accepts and returns ids in both types. In
    its answers any column may be empty, so null has no type in table and answer.
    """
    kind = derive.type_of(value)
    known = {FAMILY.get(kind, kind) for kind in shape["types"]} - (
        {"null"} if may_be_null else set()
    )
    is_empty = may_be_null and value is None
    if known and not is_empty and FAMILY.get(kind, kind) not in known:
        yield where, kind
        return
    for name, part in value.items() if isinstance(value, dict) else ():
        spot = f"{where}.{name}".lstrip(".")
        if name in shape.get("keys", {}):
            yield from misfits(shape["keys"][name], part, spot, may_be_null=may_be_null)
        elif shape.get("keys"):
            yield spot, "key"
    for part in value if isinstance(value, list) else ():
        if "items" in shape:
            yield from misfits(shape["items"], part, where, may_be_null=may_be_null)


@pytest.fixture(scope="module")
def reading() -> Exchange:
    """All requests of the tap, under every setting and for accounts that lack features."""
    exchange = Exchange()
    for settings in READS.values():
        read(exchange, settings, {})
    for switches in ACCOUNTS.values():
        read(exchange, {}, switches)
    return exchange


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """All requests of the target, for all streams and under every setting."""
    exchange = Exchange()
    for settings in SETTINGS.values():
        write(exchange, tmp_path_factory.mktemp("runner"), ROWS, **settings)
    for count in (3, 260):
        rows = {"crm_contacts": many_people(count)}
        write(exchange, tmp_path_factory.mktemp("runner"), rows)
    folder = tmp_path_factory.mktemp("runner")
    write(exchange, folder, DELETES, delete_mode="delete")
    return exchange


@pytest.fixture(params=["reading", "writing"])
def exchange(request: pytest.FixtureRequest) -> Exchange:
    """The exchange of the tap, then that of the target."""
    return request.getfixturevalue(request.param)


# Their requests are not in the provider's description; other tests cover them.
NOT_DOCUMENTED = {
    "crm_tasks",
    "marketing_events",
    *(f"commerce_{noun}" for noun in ("stores", "products", "orders", "order_lines")),
    "commerce_subscriptions",
}


def test_every_stream_is_written(writing: Exchange) -> None:
    """The rows cover every stream and each kind of write."""
    assert set(ROWS) | NOT_DOCUMENTED == set(SINKS)
    made = {call_of(method, path) for method, path, *_ in writing.calls}
    for call in (
        "POST /import/bulk_import",
        "POST /contact/sync",
        "POST /deals",
        "POST /accounts",
        "POST /notes",
        "POST /fieldRels",
        "POST /accountContacts",
        "DELETE /contacts/{id}",
        "DELETE /tags/{id}",
    ):
        assert call in made


def test_every_call_is_documented(exchange: Exchange) -> None:
    """Verb and path of each request are in the table or in the list of exceptions."""
    made = {call_of(method, path) for method, path, *_ in exchange.calls}
    assert made - TABLE.keys() - UNDOCUMENTED.keys() == set()


def test_every_parameter_is_documented(exchange: Exchange) -> None:
    """Each query parameter is listed, or common to all collections."""
    found = set()
    for method, path, names, *_ in exchange.calls:
        call = call_of(method, path)
        known = set(TABLE.get(call, {}).get("query", ()))
        for name in names:
            plain = name.removesuffix("[]")
            if not GENERAL.fullmatch(plain) and plain not in known and call in TABLE:
                found.add((call, name))
    assert found == set()


def test_every_body_is_documented(exchange: Exchange) -> None:
    """Keys and types of each body are documented at every depth."""
    found = set()
    for method, path, _, body, *_ in exchange.calls:
        call = call_of(method, path)
        shape = TABLE.get(call, {}).get("request")
        if body is None or call in BODIES:
            continue
        if shape is None:
            found.add((call, "", "body"))
            continue
        for where, misfit in misfits(shape, body):
            if misfit != "key" or where not in BODY_KEYS.get(call, {}):
                found.add((call, where, misfit))
    assert found == set()


def test_every_answer_is_as_documented(exchange: Exchange) -> None:
    """Each documented key of the sandbox's answers has its documented type."""
    found = set()
    for method, path, _, _, status, document in exchange.calls:
        call = call_of(method, path)
        shapes = TABLE.get(call, {}).get("response", {})
        shape = shapes.get(str(status)) or next(iter(shapes.values()), None)
        if shape is None or status >= 300 or document is None:
            continue
        for where, misfit in misfits(shape, document, may_be_null=True):
            if misfit != "key" and not where.endswith(tuple(ANSWER_TYPES)):
                found.add((call, where, misfit))
    assert found == set()


def test_every_exception_is_needed(reading: Exchange, writing: Exchange) -> None:
    """Every exception belongs to a request that the programs send."""
    calls = [*reading.calls, *writing.calls]
    made = {call_of(method, path) for method, path, *_ in calls}
    assert set(UNDOCUMENTED) <= made
    assert set(BODIES) | set(BODY_KEYS) <= made


def test_the_table_holds_facts_only() -> None:
    """The table has names and types, and no sentence of the provider."""
    text = derive.TABLE.read_text()
    for word in set(re.findall(r'"([^"]*)"', text)):
        assert " " not in word or re.fullmatch(r"[A-Z]+ /\S+", word), word


def test_the_table_is_derived_as_the_script_says() -> None:
    """The script takes types of schemas and examples, and no headers, failures or sentences."""
    schema = {"type": "object", "properties": {"a": {"type": "integer", "description": "A b"}}}
    example = {"one": {"value": '{"a": "7", "b": [{"c": null}]}'}}
    openapi = {
        "paths": {
            "/things/{id}": {
                "put": {
                    "parameters": [{"in": "query", "name": "q"}, {"in": "header", "name": "h"}],
                    "requestBody": {
                        "content": {"application/json": {"schema": schema, "examples": example}}
                    },
                    "responses": {"422": {"content": {"application/json": {"schema": schema}}}},
                }
            },
            "/campaigns": {"get": {}},
        }
    }
    c = {"types": ["object"], "keys": {"c": {"types": ["null"]}}}
    assert derive.documented(openapi) == {
        "PUT /things/{id}": {
            "query": ["q"],
            "request": {
                "types": ["object"],
                "keys": {
                    "a": {"types": ["integer", "string"]},
                    "b": {"types": ["array"], "items": c},
                },
            },
        }
    }


def test_the_sandboxs_own_good_calls_are_in_the_table() -> None:
    """The table of key names and this table come from the same document."""
    assert {call for call, _, _ in WRITES} <= set(TABLE)
