"""The page of a report in a real browser: no requests, no errors, readable at any width."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from tap_activecampaign_unified.reporting.html.table_data import text_of
from tap_activecampaign_unified.reporting.report_files import write_page
from tests.tap.reporting import browser as browsers
from tests.tap.reporting.browser import tab
from tests.tap.reporting.html_pages import BOTH, HOSTILE, Document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tap.reporting.browser import Browser, Tab

#: Tables in which a part of a text is not visible.
CLIPPED = """
[...document.querySelectorAll('table.folds')].map(table => table.parentElement)
  .filter(box => box.scrollWidth > box.clientWidth).map(box => box.innerHTML)
"""
SCREENS = [(1200, "light"), (1200, "dark"), (360, "light"), (360, "dark")]

#: The least contrast between any text of the page and what is behind it.
CONTRAST = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  let least = 21;
  document.querySelectorAll('details').forEach(details => details.open = true);
  for (const element of document.body.querySelectorAll('*')) {
    const has = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!has || element.closest('style') || element.getClientRects().length === 0) continue;
    let behind = element, found = [0, 0, 0, 0];
    while (behind && found[3] === 0) {
      found = rgba(getComputedStyle(behind).backgroundColor); behind = behind.parentElement;
    }
    const style = getComputedStyle(element);
    const ink = element.namespaceURI.endsWith('svg') ? style.fill : style.color;
    const [a, b] = [light(rgba(ink)), light(found)].sort((x, y) => y - x);
    least = Math.min(least, (a + 0.05) / (b + 0.05));
  }
  return least;
})()
"""


def hostile(document: Document) -> Document:
    """Return a report in which every text from outside is an attack."""
    found = copy.deepcopy(document)
    found["account"] = found["problem"] = HOSTILE
    found["streams"] = {HOSTILE + name: stream for name, stream in found["streams"].items()}
    for stream in found["streams"].values():
        for place in ("rows_left_out", "faults"):
            stream[place] = {HOSTILE: 3}
        stream["problem"] = HOSTILE
        if "reasons" in stream:
            stream["reasons"] = {f"rejected: {HOSTILE}": 3, f"updated: {HOSTILE}": 2}
    found["traffic"]["faults"] = {HOSTILE: 7}
    found["traffic"]["by_endpoint"] = {HOSTILE: {HOSTILE: 5}}
    found["traffic"]["by_status"] = {HOSTILE: 5}
    found["settings"]["user_agent"] = HOSTILE
    found["bookmarks_before"] = {HOSTILE: {"replication_key_value": HOSTILE}}
    found["left_out"] = [HOSTILE]
    return found


def long(document: Document) -> Document:
    """Return a report of one day, with long words."""
    found = copy.deepcopy(document)
    counts = [1200 - 13 * (n % 40) for n in range(360)]
    faults = [int(n % 50 == 0) for n in range(360)]
    width = 240
    found["seconds"] = 86_400
    found["traffic"]["over_time"] |= {"bucket_seconds": width, "requests": counts, "faults": faults}
    found["settings"]["rate_limit"] = "w" * 300
    found["problem"] = "/a/path/without/end" * 30
    found["account"] = "a" * 120
    return found


def check(opened: Tab, path: Path, width: int) -> None:
    """Check the properties that every page must have."""
    assert opened.requested == [path.as_uri()]
    assert opened.complaints == []
    assert opened.overflow() <= 0
    assert opened.value("document.scripts.length + document.images.length") == 0
    assert opened.value("document.querySelectorAll('[href],[src],iframe,object').length") == 0
    assert opened.value("document.characterSet") == "UTF-8"
    assert opened.value(CONTRAST) >= 4.5
    assert opened.overflow() <= 0  # with everything unfolded
    if width < 600:
        assert opened.value("document.querySelectorAll('table.folds').length") > 2
        assert opened.value(CLIPPED) == []


@BOTH
@pytest.mark.parametrize(
    "make", [lambda found: found, hostile, long], ids=["real", "hostile", "long"]
)
def test_a_browser_shows_the_page_without_requests_or_errors(
    browser: Browser,
    tmp_path: Path,
    run: Callable[[Path], tuple[Document, Path]],
    make: Callable[[Document], Document],
) -> None:
    """A page fetches and runs nothing, logs no error, and is not wider than the screen.

    On screens of 1,200 and 360 pixels, in both colour schemes, every text has contrast. On the
    small screen texts are visible without scrolling sideways. This holds for any report.
    """
    document, path = run(tmp_path)
    made = make(document)
    if made is not document:
        write_page(path, made)
    assert path.stat().st_size < 300_000
    for width, scheme in SCREENS:
        with tab(browser, width=width, scheme=scheme) as opened:
            opened.open(path)
            check(opened, path, width)
            assert opened.value("getComputedStyle(document.body).backgroundColor") == (
                "rgb(17, 21, 27)" if scheme == "dark" else "rgb(246, 247, 249)"
            )
            drawn = opened.value(
                "[...document.querySelectorAll('.chart svg')]"
                ".filter(element => element.getBoundingClientRect().width > 0).length"
            )
            assert drawn == 1


@BOTH
def test_the_page_has_the_numbers_of_the_report(
    browser: Browser, tmp_path: Path, run: Callable[[Path], tuple[Document, Path]]
) -> None:
    """Title, tables and tiles have the numbers of the JSON report."""
    document, path = run(tmp_path)
    with tab(browser) as opened:
        opened.open(path)
        assert opened.value("document.title").startswith(f"{document['program']}, acme: ")
        streams = opened.table("streams")
        endpoints = opened.table("endpoints")
        over_time = opened.table("over_time")
        faults = opened.table("faults")
        undone = opened.table("undone")
        tiles = dict(
            opened.value(
                "[...document.querySelectorAll('.tiles div')]"
                ".map(row => [...row.children].map(part => part.textContent))"
            )
        )
    traffic, rows = document["traffic"], document["rows"]
    head, *body, foot = streams
    assert [row[0] for row in body] == list(document["streams"])
    for row in body:
        stream = document["streams"][row[0]]
        shown = dict(zip(head, row, strict=True))
        if "actions" in stream:
            expected = {"rows": stream["rows"]} | {
                k: n for k, n in stream["actions"].items() if k in shown
            }
            assert all(not n for k, n in stream["actions"].items() if k not in shown)
        else:
            left_out = sum(stream["rows_left_out"].values())
            expected = {
                "how it ended": stream["outcome"],
                "rows": stream["rows_read"],
                "emitted": stream["rows_emitted"],
                "unchanged": stream["rows_suppressed"],
                "requests": stream["requests"],
                "seconds": round(stream["seconds"], 1),
            }
            assert shown.get("left out", "0") == text_of(left_out)
            assert shown.get("faulty", "0") == text_of(stream["rows_faulty"])
        assert {name: shown[name] for name in expected} == {
            k: text_of(n) for k, n in expected.items()
        }
    assert dict(zip(head, foot, strict=True))["rows"] == text_of(rows["read"])
    assert tiles["Rows read"] == text_of(rows["read"])
    assert tiles["Requests"] == text_of(traffic["requests"])
    assert tiles["Sent again"] == text_of(traffic["repeats"])
    reported_endpoints = {
        row[0]: {status: n for status, n in zip(endpoints[0][2:], row[2:], strict=True) if n != "0"}
        for row in endpoints[1:-1]
    }
    assert reported_endpoints == {
        name: {status: text_of(n) for status, n in by.items()}
        for name, by in traffic["by_endpoint"].items()
    }
    assert [row[1] for row in over_time[1:]] == [
        text_of(n) for n in traffic["over_time"]["requests"]
    ]
    assert [row[3] for row in over_time[1:]] == [text_of(n) for n in traffic["over_time"]["faults"]]
    assert {row[0]: row[1] for row in faults[1:]} == {
        fault: text_of(n) for fault, n in traffic["faults"].items()
    }
    for name, stream in document["streams"].items():
        reasons = stream.get("reasons") or {
            f"{kind}: {why}": n
            for kind, place in (("left out", "rows_left_out"), ("field unreadable", "faults"))
            for why, n in stream[place].items()
        }
        shown = {f"{row[1]}: {row[2]}": row[3] for row in undone[1:] if row[0] == name}
        for reason, count in reasons.items():
            if reason.partition(":")[0] in {
                "rejected",
                "failed",
                "skipped",
                "left out",
                "field unreadable",
            }:
                assert shown[reason] == text_of(count)


def test_a_chromium_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing Chromium that CHROMIUM names is an error; no other program is used."""
    monkeypatch.setenv("CHROMIUM", "/no/such/chromium")
    assert browsers.find() is None
