"""The programs' files have mode 0600, and links are not followed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from tap_activecampaign_unified.client import FileBudgetStore
from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.reporting.report_files import write_report
from tap_activecampaign_unified.storage.private_files import open_private
from tests.target.runner import stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tap.client.clients import ManualClock
    from tests.target.runner import TargetRunner

ROW = {"email": "mila@fjord.example"}
OURS = (
    *("results.jsonl", "ledger.sqlite", "ledger.sqlite.lock", "report.json", "rate.json", "retry"),
    "undo.sqlite",
)


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """An open umask, the usual umask, and an umask that denies the user everything."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_every_file_of_a_run_is_its_users_alone(runner: TargetRunner) -> None:
    """Every file of a run of the target has mode 0600 under any umask."""
    runner.run(
        *stream_of("crm_contacts", ROW),
        retry_path=str(runner.folder / "retry"),
        undo_path=str(runner.folder / "undo.sqlite"),
        requests_per_second=5,
    )
    left = {path.name: path for path in runner.folder.iterdir() if path.is_file()}
    assert set(OURS) <= left.keys()
    for name, path in left.items():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, name


def test_a_file_that_was_open_to_all_is_closed(runner: TargetRunner) -> None:
    """An existing file with another mode gets mode 0600."""
    for name in ("results.jsonl", "report.json"):
        (runner.folder / name).touch()
        (runner.folder / name).chmod(0o666)
    runner.run(*stream_of("crm_contacts", ROW))
    for name in ("results.jsonl", "report.json"):
        assert stat.S_IMODE((runner.folder / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["results.jsonl", "ledger.sqlite", "ledger.sqlite.lock", "retry"])
def test_a_link_in_place_of_a_file_is_refused(runner: TargetRunner, name: str) -> None:
    """A link in place of a file ends the run with one line, and its target is unchanged."""
    victim = runner.folder / "victim"
    victim.write_text("precious")
    (runner.folder / (name if name != "retry" else "retry.new")).symlink_to(victim)
    with pytest.raises(SettingsError, match=r"_path.* cannot be"):
        runner.run(*stream_of("crm_contacts", ROW), retry_path=str(runner.folder / "retry"))
    assert victim.read_text() == "precious"
    assert [entry for entry in runner.world.log if entry.method != "GET"] == []


def test_a_link_in_place_of_the_report_costs_the_report(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A link in place of the report is a warning, and its target is unchanged."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "report.json").symlink_to(victim)
    write_report(tmp_path / "report.json", {})
    assert victim.read_text() == "precious"
    assert "could not be written" in caplog.text


def test_a_link_in_place_of_the_rate_file_is_not_followed(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With a link in place of the rate file the limit is kept by this process, with a warning."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "rate.json").symlink_to(victim)
    FileBudgetStore(clock, tmp_path / "rate.json").do("paused")
    assert victim.read_text() == "precious"
    assert "cannot be used" in caplog.text


def test_devices_keep_their_mode(tmp_path: Path) -> None:
    """A pipe or /dev/null keeps its mode, also through a link."""
    os.mkfifo(tmp_path / "pipe", 0o622)
    (tmp_path / "pipe").chmod(0o622)
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    os.close(open_private(tmp_path / "link", os.O_RDWR))
    assert stat.S_IMODE((tmp_path / "pipe").stat().st_mode) == 0o622
