"""Streams that deliver the same rows: each of them is known to give what a row gives."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import state_of, stream_of

from .scene import Scene, leavers, messages_of, row_of

if TYPE_CHECKING:
    from tests.target.runner import Run

A, B, C = "ada@shop.example", "ben@shop.example", "cy@shop.example"
PLAIN = {"stream_aliases": {"trial": "crm_contacts"}}


@pytest.fixture
def one_name(scene: Scene) -> Scene:
    """An account whose two audiences are rows of one stream of the target."""
    scene.settings["stream_aliases"] = {"trial": "crm_contacts", "buyers": "crm_contacts"}
    return scene


def deliver(scene: Scene, *people: str) -> Run:
    """Send the rows of an audience as rows of a stream that is none."""
    rows = [row_of(one) for one in people]
    return scene.runner.run(*stream_of("crm_contacts", *rows), state_of(1))


@pytest.mark.parametrize("has_setting", [True, False])
def test_the_same_row_of_another_stream_keeps_what_it_gives(
    scene: Scene, *, has_setting: bool
) -> None:
    """A row that the audience confirmed is sent for the other stream too, once; the tag stays."""
    scene.send(A, B)
    settings = scene.settings if has_setting else {}
    for action in ("updated", "unchanged"):
        rows = stream_of("crm_contacts", row_of(A))
        assert scene.runner.run(*rows, state_of(1), **settings).actions == [action]
    run = scene.send(B)
    assert [one["kept"] for one in leavers(run)] == [
        "the target keeps what another stream grants too"
    ]
    assert scene.tags(A) == {"trial"}


def test_what_another_stream_wrote_first_is_not_the_audiences(scene: Scene) -> None:
    """Of a row that another stream wrote before, the audience sends and takes back nothing."""
    deliver(scene, A, B)
    assert scene.send(A, B).writes == []
    assert deliver(scene, A).actions == ["updated"]
    assert deliver(scene, A).actions == ["unchanged"]
    scene.send(B)
    assert scene.tags(A) == {"trial"}


@pytest.mark.parametrize("is_one_run", [True, False])
def test_two_audiences_with_the_same_rows_are_two_givers(
    one_name: Scene, *, is_one_run: bool
) -> None:
    """Two audiences of one stream of the target, with equal rows: the last one takes the tag."""

    def send(trial: list[str], buyers: list[str]) -> list[dict[str, Any]]:
        parts = [
            stream_of(name, *map(row_of, people))
            for name, people in (("trial", trial), ("buyers", buyers))
        ]
        if is_one_run:
            return leavers(one_name.run(*parts[0], *parts[1], state_of(1)))
        return [one for part in parts for one in leavers(one_name.run(*part, state_of(1)))]

    assert send([A, B], [A, B]) == []
    assert [one["audience"] for one in send([B], [A, B])] == ["trial"]
    assert one_name.tags(A) == {"trial"}
    assert [one["audience"] for one in send([B], [B])] == ["buyers"]
    assert one_name.tags(A) == set()


# --- runs without the setting ---------------------------------------------------------------------


def test_a_run_without_the_setting_says_so_and_lets_no_one_leave(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning names the stream once; no one leaves, and unchanged rows give nothing."""
    scene.send(A, B)
    caplog.clear()
    run = scene.runner.run(*messages_of(A, C), **PLAIN)
    [warning] = [one for one in caplog.records if "audiences" in one.getMessage()]
    assert warning.levelno == logging.WARNING
    assert warning.getMessage() == (
        "Stream trial was an audience in an earlier run, and audiences does not name it: no one "
        "leaves, and the target keeps what this run grants"
    )
    assert (run.actions, scene.tags(B)) == (["unchanged", "created"], {"trial"})
    caplog.clear()
    deliver(scene, A)
    scene.send(A, B, C)
    assert [one for one in caplog.records if "was an audience" in one.getMessage()] == []


def test_after_a_run_without_the_setting_the_right_people_leave(scene: Scene) -> None:
    """Who joined in between has not left, and later loses nothing; members lose what was given."""
    scene.send(A, B)
    scene.runner.run(*messages_of(A, B, C), **PLAIN)
    assert leavers(scene.send(A, B, C)) == []
    assert len(leavers(scene.send(A))) == 2
    assert [scene.tags(one) for one in (A, B, C)] == [{"trial"}, set(), {"trial"}]


def test_an_empty_ledger_takes_nothing(scene: Scene) -> None:
    """With a lost ledger the audience has no members: the next inputs take back nothing."""
    scene.send(A, B)
    (scene.runner.folder / "ledger.sqlite").unlink()
    assert leavers(scene.send(B)) == []
    assert leavers(scene.send(B, C)) == []
    assert scene.tags(A) == {"trial"}
