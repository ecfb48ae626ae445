"""CONTRIBUTING names only paths that exist and answers where things are."""

from __future__ import annotations

import re

from tests.render import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGES = ("tap_activecampaign_unified", "target_activecampaign")
MIN_ANSWERS = 20


def test_every_path_exists() -> None:
    """Each path is a file or folder of the project or of one of its packages."""
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)*(?:\.(?:py|md|json|yml|yaml)|/))`", TEXT)
    assert len(named) > MIN_ANSWERS
    places = (ROOT, *(ROOT / package for package in PACKAGES))
    missing = [path for path in named if not any((place / path).exists() for place in places)]
    assert missing == []


def test_where_is_answers_with_a_path() -> None:
    """At least twenty questions are answered with a path from the project's root."""
    answers = re.findall(r"^\| Where .*\? \| (.*) \|$", TEXT, re.MULTILINE)
    assert len(answers) >= MIN_ANSWERS
    for answer in answers:
        assert any((ROOT / path).exists() for path in re.findall(r"`([\w./-]+)`", answer)), answer


def test_each_list_says_what_fails() -> None:
    """Each list for a field, resource, sink, raw stream, setting or quirk says what fails."""
    for task in ("add a field", "add a resource", "add a sink", "add a raw stream"):
        part = TEXT.partition(f"## To {task}\n")[2].partition("\n## ")[0]
        assert "\n1. " in part, task
        assert "| forgotten | what fails |" in part, task
    assert "## To add a setting" in TEXT
    assert "## To record a quirk" in TEXT
