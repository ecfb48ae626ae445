"""Any request is answered, and the tables stay consistent."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import length
from tests.sandbox.shown import SHOW
from tests.sandbox_tests.caller import Caller, caller_of
from tests.sandbox_tests.shape_calls import WRITES

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "0", "1", "a@b.example", "||a||", "2031-01-01", "ä/“"]),
    st.text(max_size=5),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def caller() -> Caller:
    return caller_of(contacts=30, deals=10, accounts=8)


def spots(value, path=()):
    """Return the path of each part of a document."""
    yield path
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield from spots(inner, (*path, key))


@settings(max_examples=length.of(300, 3000), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(WRITES), st.data())
def test_no_body_breaks_the_account(caller, write, data):
    """A valid body with one part replaced by any value is processed or refused."""
    call, path, body = write
    body = copy.deepcopy(body)
    spot = data.draw(st.sampled_from(sorted(spots(body), key=str)))
    value = data.draw(JSON)
    if not spot:
        body = value
    else:
        inner = body
        for key in spot[:-1]:
            inner = inner[key]
        inner[spot[-1]] = value
    answer = caller.call(call.split()[0], path.replace("{note}", "1"), body)
    assert answer.status_code in (200, 201, 400, 403, 404, 422)
    caller.world.settle(at_once=True)


def test_everything_can_still_be_read(caller):
    """Every row of every table can be read afterwards."""
    for name, table in caller.world.tables.items():
        for row in table:
            assert SHOW[name](caller.world, row)["id"] == str(row.id)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff"])
def test_no_json_is_no_crash(caller, body):
    """Bodies that are no objects are refused."""
    headers = {"Api-Token": "sandbox-key"}
    for call, path, _ in WRITES:
        if call.startswith("POST"):
            status, _, _ = caller.world.answer("POST", f"/api/3{path}", [], headers, body)
            assert status in (400, 403, 404, 422), call


@given(st.dictionaries(st.sampled_from(["limit", "offset", "id_greater", "ids[]"]), st.text()))
def test_no_parameter_breaks_a_page(caller, params):
    """Senseless parameters leave the page as it is, or empty it."""
    for path in ("/contacts", "/deals", "/tags", "/fieldValues", "/contactTags"):
        query = [*params.items(), ("filters[updated_after]", "x"), ("filters[tag]", "y")]
        headers = {"Api-Token": "sandbox-key"}
        assert caller.world.answer("GET", f"/api/3{path}", query, headers)[0] == 200
