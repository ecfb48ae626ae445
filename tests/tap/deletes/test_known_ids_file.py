"""The file of known ids is the user's own, and a file of another kind is an error."""

from __future__ import annotations

import sqlite3
import stat

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError


def test_the_file_is_the_users_own_and_holds_ids_alone(account, run, tmp_path):
    """The file of known ids has mode 0600 and contains no name and no e-mail address."""
    run()
    path = tmp_path / "known.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    for contact in account.world.tables["contacts"]:
        assert contact.email.encode() not in content
        assert not contact.lastName or contact.lastName.encode() not in content


@pytest.mark.parametrize("content", [b"no database at all, but long enough", b""])
def test_a_file_of_another_kind_is_one_error_line(run, tmp_path, content):
    """The error names a file of another kind; an empty file counts as new."""
    (tmp_path / "odd").write_bytes(content * 100)
    if not content:
        assert run(known_ids_path=str(tmp_path / "odd")).code == 0
        return
    with pytest.raises(SettingsError) as caught:
        run(known_ids_path=str(tmp_path / "odd"))
    assert "known_ids_path" in str(caught.value)


def test_a_file_of_a_newer_version_is_left_alone(run, tmp_path):
    """An older program rejects a file of a newer version and does not change it."""
    path = tmp_path / "known.sqlite"
    run()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(SettingsError) as caught:
        run()
    assert "newer version" in str(caught.value)
