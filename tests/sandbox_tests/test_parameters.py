"""Every documented query parameter has an effect, or is on the list of parameters without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sandbox import endpoints
from tests.sandbox_tests.caller import Caller, caller_of

SHAPES = json.loads((Path(endpoints.__file__).parent / "shapes.json").read_text())
# values with an effect, for parameters on which an invented value has none
VALUES = {
    "ids": "3",
    "exclude": "1",
    "status": "3",
    "id_greater": "5",
    "id_less": "5",
    "in_group_lists": "true",
    "count_deals": "true",
    "limit": "1",
    "segmentid": "1",
    "filters[have_stages]": "0",
    "filters[maximum_value]": "1",
    "filters[minimum_value]": "99999999",
    "filters[nextdate_range]": "upcoming",
    "filters[created_after]": "2090-01-01",
    "filters[updated_after]": "2090-01-01",
    "filters[created_before]": "1990-01-01",
    "filters[updated_before]": "1990-01-01",
    "filters[score]": "2:101",
    "filters[score_greater_than]": "2:101",
    "filters[score_less_than]": "2:0",
}
NONSENSE = "99999999"
IGNORED = {
    "forceQuery": "segments are worked out at once here",
    "organization": "deprecated",
    "filters[search_field]": "only says where filters[search] looks",
    "filters[tasktype]": "this account has no task of any deal",
    "exclude": "on dealActivities it names types that are not recorded",
    "filters[data_type]": "activities are asked by deal",
    "filters[data_id]": "activities are asked by deal",
    "orders[popular]": "popularity is not measured",
    "sortId": "only says which score orders[score] means",
}
CALLS = [
    (call, name)
    for call, shape in sorted(SHAPES.items())
    if call.startswith("GET ") and "{" not in call and "/import/" not in call
    for name in shape.get("query", [])
    if not (name in IGNORED and not (name == "exclude" and "/contacts" in call))
]


@pytest.fixture(scope="module")
def caller() -> Caller:
    made = caller_of(contacts=40, deals=30, accounts=20)
    made.world.tables["dealStages"].delete(1)
    made.world.add_contact("on.no.list@x.example")
    return made


@pytest.mark.parametrize(("call", "name"), CALLS)
def test_documented_parameters_have_effect(caller, call, name):
    """An answer with the parameter differs from an answer without it; both orders differ."""
    path = call.split()[1]
    key = path.strip("/")
    if name.startswith("orders["):
        pair = [caller.get(path, **{name: way})[key] for way in ("ASC", "DESC")]
    else:
        sent = {"ids": "ids[]"}.get(name, name.replace("[<operator>]", "[eq]"))
        value = VALUES.get(name, NONSENSE)
        whole = {"limit": 100}
        pair = [caller.get(path, **params)[key] for params in (whole, whole | {sent: value})]
    assert pair[0] != pair[1]
