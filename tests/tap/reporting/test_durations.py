"""Durations are shown as hours, minutes and seconds."""

from __future__ import annotations

import pytest

from tap_activecampaign_unified.reporting.durations import clock_time


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (65, "1:05"), (7200, "2:00:00")]
)
def test_durations_read_like_a_clock(seconds: float, shown: str) -> None:
    """Durations are shown as minutes and seconds, with hours where there are any."""
    assert clock_time(seconds) == shown
