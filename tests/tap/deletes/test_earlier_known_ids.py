"""Known ids that version 0.1.0 wrote on 28 November 2026 have the same meaning today.

That version swept contacts 1, 2, 3 and 10. An hour later 2 was gone, and 10 was looked up and
found. Then it read the pairs of contacts 1 and 2. ``known_ids.sql`` is what pg_dump wrote.
"""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_activecampaign_unified.deletes.known_ids import KnownIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import Database

DATA = Path(__file__).parent / "data"
FIRST, SECOND = (f"2026-11-20T0{hour}:00:00.000000+00:00" for hour in (8, 9))
NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


@pytest.fixture(params=["a file", "PostgreSQL"])
def known(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Database
) -> Iterator[KnownIds]:
    """The known ids of an earlier version."""
    place = str(tmp_path / "known_ids.sqlite")
    if request.param == "PostgreSQL":
        postgres_database.rows((DATA / "known_ids.sql").read_text())
        place = postgres_database.url()
    else:
        content = gzip.decompress((DATA / "known_ids.sqlite.gz").read_bytes())
        Path(place).write_bytes(content)
    opened = KnownIds(place, "acme")
    yield opened
    opened.close()


def test_ids_of_an_earlier_version_are_known(known: KnownIds) -> None:
    """Ids, users, times and pairs are as the earlier version left them."""
    assert [known.count(kind) for kind in ("contacts", "contactTags", "tags")] == [3, 3, 0]
    assert known.missing_rows("contacts", "1", SECOND) == ["1", "3"]
    assert known.missing_rows("contacts", "1", NOW.isoformat()) == ["1", "3", "10"]
    assert known.count_missing("contacts", "2") == 0
    assert known.gone_since("contacts", FIRST) == [(("", "2"), SECOND)]
    assert known.gone_since("contacts", SECOND) == []
    assert known.reappeared("contacts", ["1", "2"]) == {"2"}
    assert known.last_comparison("contacts") == SECOND
    assert known.pairs_of_gone("contactTags", "contacts") == [("2", "7")]


def test_a_comparison_goes_on_where_an_earlier_version_stopped(known: KnownIds) -> None:
    """A row that is missing now counts as deleted; a row that exists again is known again."""
    known.record_seen("contacts", [("", key) for key in ("2", "3", "10")])
    assert known.missing_rows("contacts", "1", NOW.isoformat()) == ["1"]
    known.commit_comparison("contacts", "1", NOW, [("", "1")], [])
    assert known.gone_since("contacts", "") == [(("", "1"), NOW.isoformat(timespec="microseconds"))]
    assert known.count("contacts") == 3
