"""Times and dates in rows to write."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.times import FORMS, parse_date, parse_time

FIRST, LAST = (dt.datetime.fromisoformat(day) for day in ("1900-01-01", "2999-01-01"))
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02 03:04:05 UTC",
        "2026-01-02 03:04:05",
        "2026-01-02 03:04:05+00",
        "2026-01-02 03:04:05 +0000",
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T05:04:05+02:00",
        "2026-01-01T21:34:05-0530",
        "2026/01/02 03:04:05",
        "20260102T030405Z",
        "2026-01-02T03:04:05.000000000Z",
        " 2026-01-02T03:04:05Z ",
    ],
)
def test_one_moment_in_the_forms_of_databases(text: str) -> None:
    """A moment as PostgreSQL, DuckDB, BigQuery, Snowflake or ISO 8601 print it is that moment."""
    assert parse_time(text) == MOMENT


def test_a_fraction_is_kept_to_microseconds() -> None:
    """Fractions of a second are kept to microseconds; more digits are cut."""
    found = parse_time("2026-01-02 03:04:05.678901234 +0000")
    assert found == MOMENT.replace(microsecond=678901)


@pytest.mark.parametrize("value", ["2026-01-02", "2026/01/02", "20260102", 20260102], ids=repr)
def test_a_date_is_its_midnight_in_utc(value: Any) -> None:
    """A date in a column of times is midnight in UTC."""
    assert parse_time(value) == dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert parse_date(value) == dt.date(2026, 1, 2)


def test_a_time_in_a_date_column_is_its_day_as_written() -> None:
    """A time in a column of dates is its day as written: the offset does not move it."""
    assert parse_date("2026-01-02T23:30:00-05:00") == dt.date(2026, 1, 2)


@pytest.mark.parametrize(
    "value",
    [
        "1712011230123",
        "1712011230",
        1712011230,
        1712011230.5,
        "20261345",
        "2026-13-01",
        "2026-02-30",
        "02/01/2026",
        "2.1.2026",
        "Jan 2, 2026",
        "2026-W01-1",
        "2026-01",
        "2026-01-02T25:00:00Z",
        "2026-01-02 03:04:05 Europe/Berlin",
        "0000-00-00 00:00:00",
        "0001-01-01T00:00:00Z",
        "yesterday",
        True,
        [],
    ],
    ids=repr,
)
def test_every_other_value_is_refused(value: Any) -> None:
    """An epoch, a local order of day and month, or half a date is an error."""
    for parse in (parse_time, parse_date):
        with pytest.raises(InvalidValue) as caught:
            parse(value)
        assert FORMS in str(caught.value)


@given(
    st.datetimes(FIRST, LAST),
    st.integers(-23 * 60, 23 * 60),
    st.sampled_from(["T", " "]),
    st.sampled_from(["", " "]),
    st.sampled_from(["+00:00", "+0000"]),
)
def test_any_moment_with_any_offset_survives(
    moment: dt.datetime, minutes: int, mark: str, gap: str, form: str
) -> None:
    """Every spelling of a moment in ISO 8601 and its relatives is that moment."""
    zoned = moment.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    text = zoned.strftime("%Y-%m-%dT%H:%M:%S.%f").replace("T", mark)
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    offset = f"{sign}{size // 60:02}{':' if ':' in form else ''}{size % 60:02}"
    assert parse_time(text + gap + offset) == zoned
