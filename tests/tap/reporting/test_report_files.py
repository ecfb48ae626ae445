"""A report that cannot be written costs a warning and leaves no part of a file."""

from __future__ import annotations

import json
import resource
import signal
from typing import TYPE_CHECKING

import pytest

from tap_activecampaign_unified.reporting.report_files import write_report

if TYPE_CHECKING:
    from pathlib import Path


def test_a_full_disk_leaves_the_old_report_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full disk the old report stays, no temporary file is left, and one warning is logged."""
    path = tmp_path / "report.json"
    write_report(path, {"old": True})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    quiet = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        write_report(path, {"new": "x" * 100_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, quiet)
    assert json.loads(path.read_text()) == {"old": True}
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["report.json"]
    assert "could not be written" in caplog.text


@pytest.mark.parametrize(
    "name", ["report\0.json", "x" * 300, "report.json/report.json", "/proc/x/y"]
)
def test_an_unusable_report_path_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """An unusable report path costs one warning.

    It is an invalid name, a file in place of a folder, or a read-only folder.
    """
    (tmp_path / "report.json").write_text("")
    write_report(tmp_path / name, {})
    assert caplog.text.count("could not be written") == 1
