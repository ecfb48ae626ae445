"""The drawing of the live view fits any terminal and changes no line of the log."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.reporting.live_view import Screen
from tap_activecampaign_unified.reporting.progress_rows import (
    ProgressRow,
    ProgressStatus,
    ProgressView,
)
from tests import length
from tests.tap.reporting import terminal
from tests.tap.reporting.test_live_view import STREAMS


class DrawnScreen:
    """A screen of any size that draws into a terminal of that size, without a process."""

    def __init__(self, columns: int, lines: int, encoding: str = "utf-8") -> None:
        """Open it."""
        self.terminal = terminal.Screen(columns, lines)
        feed = self.terminal.feed

        class Stream(io.TextIOWrapper):
            def write(self, text: str) -> int:
                feed(text.encode(encoding, "backslashreplace"))
                return len(text)

        self.stream = Stream(io.BytesIO(), encoding=encoding)
        self.screen = Screen(self.stream)


LINES = st.lists(
    st.builds(
        ProgressRow,
        st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(STREAMS),
        st.sampled_from(ProgressStatus),
        st.integers(0, 10**9),
        st.none() | st.integers(0, 10**9),
        st.text(st.characters(codec="utf-8"), max_size=80),
    ),
    max_size=45,
)
GLANCES = st.builds(
    ProgressView, st.just("tap  acme  0:42"), LINES, st.lists(st.text(max_size=40), max_size=9)
)
WORDS = st.text("abc |0", min_size=1, max_size=90).map(lambda text: f"x{text.strip()}x")


@settings(max_examples=length.of(60, 2000))
@given(
    columns=st.integers(1, 200),
    lines=st.integers(1, 40),
    encoding=st.sampled_from(["utf-8", "ascii", "iso-8859-1"]),
    steps=st.lists(GLANCES | WORDS, max_size=8),
)
def test_the_log_is_what_it_would_be_without_the_view(
    columns: int, lines: int, encoding: str, steps: list[ProgressView | str]
) -> None:
    """The view changes no line of the log, for any screen size, language and stream."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", str(columns))
        environment.setenv("LINES", str(lines))
        drawn = DrawnScreen(columns, lines, encoding)
        bare = terminal.Screen(columns, lines)
        with drawn.screen:
            for step in steps:
                if isinstance(step, str):
                    drawn.screen.write(step + "\n")
                    bare.feed(step.encode() + b"\n")
                else:
                    drawn.screen.draw(step)
                    height = len(drawn.screen.rendered(step))
                    assert height <= max(lines - 2, 0)
    assert drawn.terminal.all == bare.all


@given(steps=st.lists(GLANCES | WORDS, max_size=8))
@settings(max_examples=length.of(30, 1000))
def test_lines_of_another_program_are_not_erased(steps: list[ProgressView | str]) -> None:
    """The view does not erase lines of a loader at the other end of the pipe."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", "100")
        environment.setenv("LINES", "24")
        drawn = DrawnScreen(100, 24)
        written = []
        with drawn.screen:
            for step in steps:
                if isinstance(step, str):
                    drawn.terminal.feed(step[:99].encode() + b"\x1b[K\n")
                    written.append(step[:99].rstrip())
                    drawn.screen.draw(ProgressView("tap", [], []))
                else:
                    drawn.screen.draw(step)
    assert drawn.terminal.all == written


@pytest.mark.parametrize("columns", [24, 40, 64, 80, 120, 200])
def test_numbers_are_whole_at_every_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow terminal loses bars, notes and ends of names, and never digits of a number."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "24")
    drawn = DrawnScreen(columns, 24)
    left = "about 1:02:03 left"
    lines = [
        ProgressRow("marketing_segment_memberships", ProgressStatus.UNDER_WAY, 4300, 10_000, left),
        ProgressRow(
            "crm_notes", ProgressStatus.FAILED, 12, None, "the server answers 502 whatever is asked"
        ),
    ]
    with drawn.screen:
        drawn.screen.draw(
            ProgressView("tap  acme  0:42", lines, ["4.9 of 5 requests/s", "213 requests"])
        )
        shown = drawn.terminal.shown
    assert any("4,300 of 10,000" in line for line in shown)
    assert any(re.search(r"cr\S*.* 12( |$)", line) for line in shown)
    assert any("4.9 of 5 requests/s" in line for line in shown)
    assert any(left in line for line in shown) is (columns >= 64)
    assert any("━" in line for line in shown) is (columns >= 80)


def test_streams_under_way_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred streams a small terminal shows those that are read now."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "12")
    drawn = DrawnScreen(80, 12)
    statuses = (
        [ProgressStatus.DONE] * 70 + [ProgressStatus.UNDER_WAY] + [ProgressStatus.WAITING] * 29
    )
    lines = [ProgressRow(f"raw_{n}", status, n) for n, status in enumerate(statuses)]
    with drawn.screen:
        drawn.screen.draw(ProgressView("tap", lines, ["5 of 5 requests/s"]))
        shown = "\n".join(drawn.terminal.shown)
    assert "raw_70" in shown
    assert "more above" in shown
    assert "more below" in shown
    assert "5 of 5 requests/s" in shown
