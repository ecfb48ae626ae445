"""SIGTERM and SIGINT while people leave an audience."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.target.stops import SIGNALS, stopped_at

from .test_kills import HAD, KEPT, STEP, Story

if TYPE_CHECKING:
    import signal
    from pathlib import Path


@pytest.mark.parametrize("people", [4, pytest.param(14, marks=pytest.mark.long)])
@pytest.mark.parametrize("signum", SIGNALS, ids=["SIGTERM", "SIGINT"])
def test_a_signal_while_people_leave_ends_the_run_in_order(
    tmp_path: Path, people: int, signum: signal.Signals
) -> None:
    """The run ends with 128 plus the signal, one line and no second result; the next one finishes.

    A state covers only rows with a result.
    """
    number = 1
    while True:
        story = Story(tmp_path / f"{number}", people, number)
        stay = [story.people[0], *story.people[2:]]  # the last one is new, the second one leaves
        story.run(*story.people[:-1], HAD, KEPT)
        story.scene.send(story.other[1], stream="buyers")
        with stopped_at(story.scene.runner, number, signum) as seen:
            run = story.run(*stay)
        if run.code == 0:
            assert seen[0] <= number  # A signal during the last request comes too late.
            break
        assert run.code == 128 + signum, number
        assert run.last_word.count("\n") == 0
        assert run.last_word
        rows = Counter(one["row"] for one in run.results if one["row"] is not None)
        left = Counter(str(one["key"]) for one in run.results if one["row"] is None)
        assert max([*rows.values(), *left.values()], default=1) == 1
        assert not run.states or len(rows) == len(stay)
        assert story.run(*stay).code == 0
        story.check(set(stay))
        number += STEP
    assert number > 8
