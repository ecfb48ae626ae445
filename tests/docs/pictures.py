"""Draws the pictures in docs/images: ``make images``.

One run of the tap against a sandbox account gives both: what the terminal showed in the middle of
the run, as SVG, and the report of the run as a browser shows it, as PNG.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.render import ROOT
from tests.sandbox import World, serve
from tests.tap.reporting import browser as browsers
from tests.tap.reporting.terminal import Terminal

if TYPE_CHECKING:
    from pyte.screens import Char

IMAGES = ROOT / "docs" / "images"
TAP = Path(sys.executable).with_name("tap-activecampaign-unified")
KEY = "sandbox-key"
COLUMNS, LINES = 112, 22
WIDTH, HEIGHT = 1000, 900
# The part of the run after which the terminal is drawn.
MOMENT = 0.48
# As rich draws it, without the fonts that it would fetch from another server.
SVG = CONSOLE_SVG_FORMAT[: CONSOLE_SVG_FORMAT.index("    @font-face")] + (
    CONSOLE_SVG_FORMAT[CONSOLE_SVG_FORMAT.index("    .{unique_id}-matrix") :].replace(
        "Fira Code", "ui-monospace, Menlo, Consolas"
    )
)


def main() -> int:
    """Run the tap and draw both pictures; return 1 where there is no browser."""
    command = browsers.find()
    if command is None:
        sys.stderr.write(f"{browsers.MISSING}\n")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output = run(folder)
        IMAGES.mkdir(exist_ok=True)
        (IMAGES / "live-view.svg").write_text(view(output), encoding="utf-8")
        browser = browsers.Browser(command, folder / "profile")
        try:
            (IMAGES / "report.png").write_bytes(page(browser, folder / "report.html"))
        finally:
            browser.close()
    return 0


def run(folder: Path) -> bytes:
    """Run the tap on a terminal; return what it wrote there. Its report is in the folder."""
    world = World(contacts=2400, deals=300, accounts=60, api_key=KEY, requests_per_second=5, seed=7)
    world.faults.server_error("/notes", times=2)
    terminal = Terminal(COLUMNS, LINES)
    with serve(world) as served:
        settings = {
            "api_url": served.url,
            "api_key": KEY,
            "requests_per_second": 5,
            "run_report_html_path": str(folder / "report.html"),
        }
        (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        arguments = [str(TAP), "--config", str(folder / "config.json")]
        code = terminal.run(arguments, environment, folder / "out.jsonl")
    terminal.close()
    if code:
        raise SystemExit(f"the tap ended with exit code {code}: {terminal.output[-2000:].decode()}")
    return terminal.output


def view(output: bytes) -> str:
    """Return the terminal in the middle of a run, as SVG."""
    screen = pyte.Screen(COLUMNS, LINES)
    screen.set_mode(pyte.modes.LNM)
    stream = pyte.ByteStream(screen)
    start = int(len(output) * MOMENT)
    # To the end of a frame: the next frame begins by erasing the last.
    end = output.find(b"\x1b[J", start)
    stream.feed(output[: end if end > 0 else len(output)])
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256"
    )
    rows = [[screen.buffer[row][column] for column in range(COLUMNS)] for row in range(LINES)]
    while rows and not "".join(cell.data for cell in rows[-1]).strip():
        rows.pop()
    # The last lines of the log, then the view.
    for row in rows:
        line = Text()
        for style, cells in itertools.groupby(row, key=style_of):
            line.append("".join(cell.data for cell in cells), style)
        line.rstrip()
        console.print(line, no_wrap=True, crop=True, highlight=False)
    return console.export_svg(title="tap-activecampaign-unified", code_format=SVG)


def style_of(cell: Char) -> Style:
    """Return the style of a cell of the terminal."""
    named = None if cell.fg == "default" else cell.fg
    if (
        named
        and len(named) == len("d7af00")
        and all(character in "0123456789abcdef" for character in named)
    ):
        named = f"#{named}"
    return Style(color={"brown": "yellow"}.get(named or "", named), bold=cell.bold)


def page(browser: browsers.Browser, report: Path) -> bytes:
    """Return the top of the report page, as PNG."""
    with browsers.tab(browser, width=WIDTH, height=HEIGHT) as tab:
        tab._ask("Emulation.setScrollbarsHidden", hidden=True)
        tab.open(report)
        taken = tab._ask("Page.captureScreenshot")
    return base64.b64decode(taken["data"])


if __name__ == "__main__":
    sys.exit(main())
