"""`make bench` fails on a regression, and not on noise or on slower machines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bench import __main__ as bench
from bench.comparison import Kept, compare, normal
from bench.figures import TOLERANCE, Figure, Found, Yardstick, but_for
from bench.measuring import pace_of
from bench.read_speed import PARTS
from tests.sources import PRODUCT, ROOT, TAP

QUICK = Yardstick(0.1, 0.1)
SLOW = Yardstick(0.2, 0.2)


def found(*figures, claims=()):
    """Return the result of a script."""
    return Found("Made up", figures, tuple(claims))


class Runs:
    """`python -m bench` over a made-up script and a file of kept figures."""

    def __init__(self, tmp_path, monkeypatch):
        """Keep nothing yet."""
        self.file = tmp_path / "figures.json"
        self.yardstick = QUICK
        self._patch = monkeypatch
        monkeypatch.setattr(bench, "FILE", self.file)
        monkeypatch.setattr(bench, "SCRIPTS", ("made_up",))
        monkeypatch.setattr(bench, "speed", lambda: (self.yardstick.seconds, self.yardstick.cpu))

    def __call__(self, *measured, options=()):
        """Run; the script returns each result in turn, and then the last result again."""
        script = ModuleType("bench.made_up")
        waiting = list(measured)

        def measure(*, short):
            assert short
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        script.measure = measure
        self._patch.setitem(sys.modules, "bench.made_up", script)
        self._patch.setattr(sys, "argv", ["bench", *options])
        return bench.main()


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Return a runner of made-up scripts."""
    return Runs(tmp_path, monkeypatch)


BEFORE = {
    "count": (Figure("requests", 100, "count"), Figure("requests", 101, "count")),
    "pace": (
        Figure("per second", 4.9, "pace", more_is_better=True),
        Figure("per second", 4.6, "pace", more_is_better=True),
    ),
    "memory": (Figure("MB", 60, "memory"), Figure("MB", 75, "memory")),
    "rate": (
        Figure("records", 6000, "rate", more_is_better=True),
        Figure("records", 4500, "rate", more_is_better=True),
    ),
    "cpu": (Figure("CPU", 2.0, "cpu"), Figure("CPU", 2.6, "cpu")),
    "seconds": (Figure("start-up", 1.0, "seconds"), Figure("start-up", 1.4, "seconds")),
}


def test_every_kind_is_tried():
    """The table below has every kind."""
    assert BEFORE.keys() == TOLERANCE.keys()


@pytest.mark.parametrize("kind", TOLERANCE)
def test_a_regression_fails_and_is_named(kind, runs, capsys):
    """A figure that is worse than noise ends with 1 and a line with both values."""
    kept, worse = BEFORE[kind]
    assert runs(found(kept), options=["--keep"]) == 0
    assert runs(found(worse)) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("WORSE")]
    assert len(lines) == 1
    for text in ("made_up", worse.name, "kept", "measured", "worse"):
        assert text in lines[0]


@pytest.mark.parametrize("kind", sorted(set(TOLERANCE) - {"count"}))
def test_noise_passes(kind, runs):
    """Half of the tolerance is no regression."""
    kept, _ = BEFORE[kind]
    runs(found(kept), options=["--keep"])
    share = 1 + TOLERANCE[kind] / 2
    value = kept.value / share if kept.more_is_better else kept.value * share
    assert runs(found(Figure(kept.name, value, kind, None, kept.more_is_better))) == 0


@pytest.mark.parametrize("kind", TOLERANCE)
def test_an_improvement_passes(kind, runs):
    """An improvement of any size is no failure."""
    worse, better = reversed(BEFORE[kind])
    runs(found(worse), options=["--keep"])
    assert runs(found(better)) == 0


@pytest.mark.parametrize("kind", ["rate", "cpu", "seconds"])
def test_a_slower_machine_is_no_regression(kind, runs):
    """Half the speed on a machine of half the speed is no regression; on the same machine it is."""
    kept, _ = BEFORE[kind]
    value = kept.value / 2 if kept.more_is_better else kept.value * 2
    half = Figure(kept.name, value, kind, None, kept.more_is_better)
    runs(found(kept), options=["--keep"])
    assert runs(found(half)) == 1
    runs.yardstick = SLOW
    assert runs(found(half)) == 0


@pytest.mark.parametrize("kind", ["rate", "cpu", "seconds"])
def test_a_quicker_machine_hides_no_regression(kind, runs):
    """The same speed on a machine of twice the speed is a regression."""
    kept, _ = BEFORE[kind]
    runs.yardstick = SLOW
    runs(found(kept), options=["--keep"])
    runs.yardstick = QUICK
    assert runs(found(kept)) == 1


def test_a_noisy_figure_is_measured_once_more_and_a_count_is_not_excused(runs):
    """A bad speed is measured again; a bad count fails at once."""
    rate, slow = BEFORE["rate"]
    count, more = BEFORE["count"]
    runs(found(rate, count), options=["--keep"])
    assert runs(found(slow, count), found(rate, count)) == 0
    assert runs(found(slow, count), found(slow, count)) == 1
    assert runs(found(rate, more), found(rate, count)) == 1
    assert runs(found(slow, count), found(rate, more)) == 1


def test_bars_are_bars(runs, capsys):
    """A bar that is missed twice fails; a count over its bar or a false claim fails at once."""
    low = Figure("records", 10, "rate", 20, more_is_better=True)
    good = Figure("records", 30, "rate", 20, more_is_better=True)
    over, within = Figure("refused", 1, "count", 0), Figure("refused", 0, "count", 0)
    assert runs(found(low)) == 1
    assert "records: 10, bar 20" in capsys.readouterr().out
    assert runs(found(low), found(good)) == 0
    assert runs(found(over), found(within)) == 1
    assert runs(found(good, claims=[(False, "every record once")]), found(good)) == 1
    assert "WORSE  made_up: every record once" in capsys.readouterr().out


def test_a_figure_cannot_vanish(runs, capsys):
    """A stored figure that is no longer measured is named."""
    kept = BEFORE["count"][0]
    runs(found(kept), options=["--keep"])
    assert runs(found(Figure("another", 1, "count"))) == 1
    assert "requests: kept, but no longer measured" in capsys.readouterr().out


def test_a_script_that_breaks_off_fails_and_the_run_goes_on(runs, capsys):
    """A script that raises fails with its error, and the other scripts run."""
    assert runs(SystemExit("the sandbox did not start")) == 1
    assert "made_up: did not end: the sandbox did not start" in capsys.readouterr().out


def test_keeping_keeps_the_others(runs):
    """Storing one script's figures keeps the others."""
    runs.file.write_text(
        json.dumps({"measured": "then", "figures": {"other": {"x": {"value": 1, "normal": 1}}}})
    )
    assert runs(found(BEFORE["cpu"][0]), options=["made_up", "--keep"]) == 0
    figures = json.loads(runs.file.read_text())["figures"]
    assert figures["other"] == {"x": {"value": 1, "normal": 1}}
    assert figures["made_up"] == {"CPU": {"value": 2.0, "normal": 20.0}}


def test_a_bar_missed_is_not_kept_in_silence(runs):
    """Storing a figure that misses its bar ends with 1."""
    assert runs(found(Figure("refused", 1, "count", 0)), options=["--keep"]) == 1


def test_a_new_figure_is_no_regression_and_a_figure_above_zero_is():
    """A new figure is no regression; a figure above a stored zero is."""
    assert not compare(Figure("new", 5, "count"), None, QUICK).is_regression
    assert compare(Figure("refused", 1, "count"), 0, QUICK).is_regression
    assert not compare(Figure("refused", 0, "count"), 0, QUICK).is_regression


def test_counts_know_no_yardstick():
    """Counts are compared without the yardstick."""
    for kind in ("count", "pace", "memory"):
        assert normal(Figure("any", 7, kind), SLOW) == 7


def test_a_count_may_be_let_off_so_many_requests_and_no_more():
    """With a tolerance of one request, one more is no regression and two are."""
    for value, is_worse in ((22, False), (23, False), (24, True)):
        figure = Figure("requests", value, "count", tolerance=but_for(1, value))
        assert compare(figure, 22, QUICK).is_regression is is_worse


def test_pace_is_counted_between_the_first_and_the_last():
    """Eleven requests with ten gaps of 0.2 seconds are five per second."""
    assert pace_of({"requests": 11, "first": 100.0, "last": 102.0}) == pytest.approx(5)
    assert pace_of({"requests": 1, "first": 100.0, "last": 100.0}) == 0
    assert pace_of({"requests": 0, "first": None, "last": None}) == 0


SOURCES = {
    path.stem
    for path in Path(bench.__file__).parent.glob("*.py")
    if "def measure(" in path.read_text() and path.stem != "figures"
}


def test_every_script_is_run_and_kept():
    """`make bench` runs every script, and each has stored figures."""
    assert set(bench.SCRIPTS) == SOURCES
    assert set(Kept.load(bench.FILE).figures) == SOURCES


def test_the_profile_of_reading_names_files_that_exist():
    """Each file or folder of this project that the profile looks for exists."""
    paths = [f"/{path.relative_to(ROOT).as_posix()}" for path in PRODUCT]
    marks = {mark for marks in PARTS.values() for mark in marks}
    own = {mark for mark in marks if mark.endswith(".py") or "/sync/" in mark or f"/{TAP}/" in mark}
    assert len(own) >= 8
    assert not {mark for mark in own if not any(mark in path for path in paths)}
