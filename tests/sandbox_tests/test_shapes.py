"""The sandbox's answers have the documented keys, or a reason for the difference."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.sandbox import endpoints, routes
from tests.sandbox_tests.caller import Caller, caller_of
from tests.sandbox_tests.shape_calls import WRITES

SHAPES = json.loads((Path(endpoints.__file__).parent / "shapes.json").read_text())
LIVE = "recorded live answers do not have it; the documentation is older"

# documented call -> documented keys that the sandbox leaves out, with the reason
EXCEPTIONS: dict[str, dict[str, str]] = {
    "GET /accountContacts": {"meta.queryLog": "a debugging aid that only the documentation shows"},
    "GET /accountContacts/{id}": {"meta": "a debugging aid that only the documentation shows"},
    "GET /contacts/{id}": {"geoAddresses": "there only when the contact has any; none has here"},
    "GET /contacts/{id}/contactDeals": {"contacts.email_empty": LIVE},
    "GET /deals": {"deals.nextTask": "there only when the deal has a next task; none has here"},
    "PUT /contacts/{id}": {"fieldValues": "live it is there only when values were sent"},
    "POST /fields": {
        "fieldOptions": "the example is a list response by mistake; live it is one short `field`",
        "fieldRels": "as fieldOptions",
        "fields": "as fieldOptions",
        "meta": "as fieldOptions",
    },
    "POST /deals": {"deal.percent": LIVE},
    "PUT /deals/{id}": {"contacts": LIVE},
    "PUT /dealStages/{id}/deals": {"deals.nextTask": "as GET /deals"},
    "PUT /dealGroups/{id}": {
        "dealGroupUsers": "there only when users were sent",
        "dealGroupGroups": "there only when groups were sent",
        "dealGroup.dealGroupUsers": "the ids of sideloads that were not asked for",
        "dealGroup.dealGroupGroups": "the ids of sideloads that were not asked for",
    },
    "POST /dealGroups": {
        "dealGroupUsers": "there only when users were sent",
        "dealGroupGroups": "there only when groups were sent",
        "dealGroup.dealGroupUsers": "the ids of sideloads that were not asked for",
        "dealGroup.dealGroupGroups": "the ids of sideloads that were not asked for",
    },
    "PUT /deals/{id}/notes/{noteId}": {"deals.nextTask": "as GET /deals"},
    "POST /import/bulk_import": {"Success": "live it is written in lower case"},
}
# documented call -> (documented status, the sandbox's), where live evidence differs
STATUSES: dict[str, tuple[int, int]] = {
    "POST /lists": (200, 201),
    "POST /dealGroups": (200, 201),
    "POST /dealStages": (200, 201),
    "POST /contactLists": (200, 201),
    "POST /fieldValues": (200, 201),
    "POST /dealCustomFieldMeta": (200, 201),
    "POST /groups": (200, 201),
}


@pytest.fixture
def caller() -> Caller:
    made = caller_of(contacts=30, deals=10, accounts=8)
    world = made.world
    for deal in (1, 2):
        world.edit_deal(deal, status=1 - world.tables["deals"][deal].status // 1)
    contact = world.add_contact("shape@x.example").id
    world.add_deal("Shape", contact=contact)
    return made


def keys_of(value):
    """Return the keys of an object, or of all objects of an array together."""
    if isinstance(value, dict):
        return set(value)
    if isinstance(value, list):
        return {key for row in value if isinstance(row, dict) for key in row}
    return set()


def lacking(call, status, document):
    """Return the documented keys that an answer does not have."""
    documented = SHAPES[call].get("response", {}).get(str(status), {})
    found = set()
    for key, inner in documented.items():
        if key not in document:
            found.add(key)
        elif document[key] not in ([], {}):
            found |= {f"{key}.{name}" for name in set(inner) - keys_of(document[key])}
    return found - EXCEPTIONS.get(call, {}).keys()


def path_of(call):
    """Return an existing path for a documented path."""
    path = call.split()[1]
    path = path.replace("{email}", "admin@acme.example").replace("{username}", "admin")
    return re.sub(r"\{\w+\}", "1", path)


@pytest.mark.parametrize("call", sorted(SHAPES))
def test_every_documented_call_has_a_handler(call):
    """Every documented request of the products has a handler."""
    method, path = call.split()
    assert routes.find(method, re.sub(r"\{\w+\}", "1", path)) is not None


@pytest.mark.parametrize("call", sorted(call for call in SHAPES if call.startswith("GET ")))
def test_reads_have_the_documented_keys(caller, call):
    """Every documented key is in the answer or in the list of exceptions."""
    params = {"batchId": "x"} if call.endswith("/info") else {"limit": 100}
    status, document = caller.ask("GET", path_of(call), **params)
    assert status == 200
    assert lacking(call, 200, document) == set()


@pytest.mark.parametrize(("call", "path", "body"), WRITES, ids=[entry[0] for entry in WRITES])
def test_writes_have_the_documented_status_and_keys(caller, call, path, body):
    """Each documented write succeeds with its keys and its documented or live status."""
    documented = [int(code) for code in SHAPES[call].get("response", {}) if code < "300"]
    if "{note}" in path:
        caller.ask("POST", path.removesuffix("/{note}"), body)
        path = path.replace("{note}", str(caller.world.tables["notes"].last_id))
    status, document = caller.ask(call.split()[0], path, body)
    expected = STATUSES.get(call, (documented[0] if documented else 200,) * 2)
    assert expected[0] in (documented or [200])
    assert status == expected[1], document
    assert lacking(call, expected[0], document) == set()


@pytest.mark.parametrize(("call", "path", "body"), WRITES, ids=[entry[0] for entry in WRITES])
def test_write_bodies_are_documented(call, path, body):
    """Bodies of these tests have documented keys alone."""
    documented = SHAPES[call].get("request", {})
    if isinstance(body, list):
        assert keys_of(body) <= set(documented.get("array", []))
        return
    for key, inner in body.items():
        assert key in documented
        assert keys_of(inner) <= set(documented[key])


def test_every_exception_is_needed(caller):
    """Each exception names a documented key that differs."""
    for call, keys in EXCEPTIONS.items():
        response = SHAPES[call]["response"]
        names = {k for shape in response.values() for k in shape}
        names |= {f"{k}.{n}" for shape in response.values() for k, v in shape.items() for n in v}
        assert keys.keys() <= names
