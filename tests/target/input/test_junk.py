"""Any row ends as exactly one result, and the other rows are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from target_activecampaign.sinks.registry import SINKS
from tests import length
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, stream_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 40)
    | st.floats(allow_nan=False)
    | st.sampled_from(
        [
            "",
            " ",
            "1",
            "0",
            "x",
            "a@shop.example",
            "[1]",
            '{"id": 1}',
            "2031-01-01",
            "\x00",
            "-1",
            "é" * 300,
        ]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["id", "name", "email", "status", "amount", "currency", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=4,
)
CUSTOM = ("custom_fields__lead_score", "custom_fields__interests", "custom_fields__new_one")


def columns_of(stream: str) -> list[str]:
    """Return known and unknown columns of a stream."""
    sink = SINKS[stream]
    names = set(sink.writable) | {"id", "password", "unknown", "account__name", "contact__email"}
    names |= {name for columns in sink.key_columns for name in columns} | set(CUSTOM)
    return sorted(names | {"stage__name", "owner", "_sdc_deleted_at", "deleted"})


@pytest.mark.parametrize("stream", sorted(SINKS))
@settings(
    max_examples=length.of(40, 800),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    data=st.data(),
    options=st.fixed_dictionaries(
        {
            "source_ids": st.sampled_from(["own", "foreign"]),
            "null_policy": st.sampled_from(["ignore", "clear"]),
            "create_missing_fields": st.booleans(),
            "allow_raw_requests": st.booleans(),
            "dry_run": st.booleans(),
            "run_automations": st.booleans(),
            "delete_mode": st.sampled_from(["ignore", "delete"]),
            "bulk_import": st.sampled_from(["auto", "always", "never"]),
        }
    ),
)
def test_any_row_ends_as_one_result(
    tmp_path_factory: pytest.TempPathFactory,
    stream: str,
    data: st.DataObject,
    options: dict[str, Any],
) -> None:
    """Junk in every column under every setting gives one result, no failure and no traceback."""
    clock = ManualClock()
    runner = TargetRunner(
        world_of(clock, contacts=3, deals=2, accounts=2), clock, tmp_path_factory.mktemp("runner")
    )
    record = st.dictionaries(st.sampled_from(columns_of(stream)), VALUES, max_size=6)
    records = data.draw(st.lists(record, min_size=1, max_size=4))
    run = runner.run(*stream_of(stream, *records), max_deletes=50, **options)
    assert len(run.results) == len(records)
    assert {r["row"] for r in run.results} == set(range(1, len(records) + 1))
    assert "failed" not in run.actions
    if options["dry_run"]:
        assert run.writes == []
