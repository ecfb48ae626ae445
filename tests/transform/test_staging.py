"""The staging layer is rendered from the code and equals the account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.resources import by_name
from tests.demo.account import ROOT

from . import staging
from .project import by

if TYPE_CHECKING:
    from tests.end_to_end.loaders import Row

    from .conftest import History
    from .staging import Column

#: Fields that change without a date of their record; the week's sweep emits those.
UNDATED = {
    *("contact_count", "deal_count", "subscriber_count"),
    *("last_open_at", "last_click_at", "last_activity_at"),
}
#: Fields without an expectation from the account.
SCORES = {"scores", "score_values"}


def test_the_files_are_what_the_code_renders() -> None:
    """Each stream has a model, each model a stream, and `make render` changes nothing."""
    folder = ROOT / staging.FOLDER
    stored = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.iterdir()
    }
    assert stored == staging.files()


def value_at(record: dict[str, Any], column: Column) -> Any:
    """Return the value of a record at the path of a staging column."""
    name, is_first, part = re.fullmatch(r"(\w+)(\[0\])?(?:\.(\w+))?", column.path).groups()  # type: ignore[union-attr]
    value = record[name]
    if is_first:
        value = value[0] if value else None
    if part:
        value = value[part] if value else None
    if column.name == "custom_fields":  # a field without a value may be null or absent
        return {key: item for key, item in value.items() if item not in (None, [])}
    return value


@pytest.mark.long
@pytest.mark.meltano
@pytest.mark.slow
def test_every_staging_model_holds_what_the_account_holds(history: History) -> None:
    """Each row and column of each stream is in its model, typed, without deleted rows.

    Streams without an expectation from the account are compared with the emitted records.
    """
    for day in history.days:
        # A contact's deletion changes no date of its account, an open none of its contact.
        skipped = set() if day is history.days[0] else UNDATED
        worked_out = day.expected.streams
        assert worked_out
        for stream, emitted in day.emitted.items():
            chosen = [
                column for column in staging.columns(by_name[stream]) if column.name not in skipped
            ]
            rows = day.staging[f"{staging.PREFIX}{stream}"]
            wanted = {
                key: record | {name: emitted[key][name] for name in SCORES & record.keys()}
                for key, record in worked_out.get(stream, emitted).items()
            }
            compare(stream, rows, wanted, chosen)
    for stream, rows in history.days[0].emitted.items():
        assert rows, f"{stream}: the account has none"


def compare(
    stream: str, rows: list[Row], records: dict[tuple[str, ...], Row], columns: list[Column]
) -> None:
    """Compare a staging view with the records of its stream."""
    held = by(rows, *staging.keys(by_name[stream]))
    held = {key if isinstance(key, tuple) else (key,): row for key, row in held.items()}
    assert held.keys() == records.keys(), stream
    for key, record in records.items():
        for column in columns:
            found, wanted = held[key][column.name], value_at(record, column)
            if column.name == "custom_fields":
                found = {name: item for name, item in found.items() if item not in (None, [])}
            assert found == wanted, f"{stream} {key} {column.name}"
