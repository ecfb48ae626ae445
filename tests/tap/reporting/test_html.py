"""The report page: how a browser shows it, and that its numbers are those of the report."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.reporting.html import page_of
from tap_activecampaign_unified.reporting.html.table_data import text_of
from tap_activecampaign_unified.reporting.report_files import write_page
from tests import length
from tests.tap.client.clients import KEY, ManualClock, world_of
from tests.tap.running import Account
from tests.target.runner import TargetRunner, schema_of, state_of, stream_of

from . import browser as browsers
from .browser import tab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .browser import Browser, Tab

Document = dict[str, Any]
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x00\ud800</style>{{ 7*7 }}"
)
#: Tables in which a part of a text is not visible.
CLIPPED = """
[...document.querySelectorAll('table.folds')].map(table => table.parentElement)
  .filter(box => box.scrollWidth > box.clientWidth).map(box => box.innerHTML)
"""
#: The setting `api_url`, as a text, and what an SVG's elements are called by.
ACCOUNT = "https://acme.api-us1.com"
EVENT_URL = "https://trackcmp.net/event"  # the default of the setting event_url
NAMESPACES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink")
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


def reading(folder: Path) -> tuple[Document, Path]:
    """Run a tap with faults of many kinds; return its report and the page."""
    account = Account(contacts=230, deals=40, accounts=20)
    for number in (3, 4):
        account.world.tables["contacts"].get(number).bounced_hard = "Augusta"
    account.world.faults.throttle(prefix="/tags", times=2, retry_after=3)
    account.world.faults.server_error(prefix="/lists", times=2)
    account.world.faults.forbid("/notes", times=None)
    paths = {"run_report_path": folder / "r.json", "run_report_html_path": folder / "r.html"}
    first = account.run(**{name: str(path) for name, path in paths.items()})
    account.wait(hours=2)
    for number in range(3, 9):
        account.world.touch(number)
    account.run(first.state, **{name: str(path) for name, path in paths.items()})
    return json.loads((folder / "r.json").read_text()), folder / "r.html"


def writing(folder: Path) -> tuple[Document, Path]:
    """Run a target with rows of every result; return its report and the page."""
    clock = ManualClock()
    world = world_of(clock, contacts=30)
    world.faults.server_error(prefix="/tags", status=502, times=3)
    runner = TargetRunner(world, clock, folder)
    people = [{"email": f"p{n}@shop.example", "tags": ["a", "b"]} for n in range(40)]
    bad = [{"email": "no address"}, {"last_name": "Augusta"}, {"email": "x@y.example", "owner": 3}]
    notes = [{"content": "hello", "contact": [{"email": "nobody@shop.example"}]}]
    runner.run(
        *stream_of("crm_contacts", *people, *bad, *people[:5]),
        *stream_of("crm_notes", *notes),
        *stream_of(HOSTILE[:40].replace("\ud800", ""), {"id": 1}),
        schema_of("crm_notes"),
        state_of(1),
        run_report_html_path=str(folder / "r.html"),
        requests_per_second=5,
    )
    return json.loads((folder / "report.json").read_text()), folder / "r.html"


BOTH = pytest.mark.parametrize("run", [reading, writing], ids=["tap", "target"])


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


# --- in a browser ---------------------------------------------------------------------------------


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
        what: text_of(n) for what, n in traffic["faults"].items()
    }
    for name, stream in document["streams"].items():
        reasons = stream.get("reasons") or {
            f"{what}: {why}": n
            for what, place in (("left out", "rows_left_out"), ("field unreadable", "faults"))
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


# --- as a text ------------------------------------------------------------------------------------


@BOTH
def test_the_page_names_no_key_and_no_person(
    tmp_path: Path, run: Callable[[Path], tuple[Document, Path]]
) -> None:
    """The page has no key, no address and no name, and mode 0600."""
    _, path = run(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    page = path.read_text(encoding="utf-8")
    for private in (KEY, "shop.example", "y.example", "Augusta"):
        assert private not in page
    assert set(re.findall(r"\w+://[^\"'<\s]*", page)) <= {ACCOUNT, EVENT_URL, *NAMESPACES}


def test_the_samples_of_a_dry_run_are_left_out(tmp_path: Path) -> None:
    """The page of a dry run has the plan and its counts, and no sample."""
    clock = ManualClock()
    runner = TargetRunner(world_of(clock, contacts=5), clock, tmp_path)
    rows = [{"email": "ada.lovelace@shop.example", "first_name": "Augusta", "tags": ["vip"]}]
    page = tmp_path / "r.html"
    ran = runner.send("crm_contacts", *rows, dry_run=True, run_report_html_path=str(page))
    assert "Augusta" in json.dumps(ran.report["plan"]["samples"])
    text = page.read_text(encoding="utf-8")
    assert "The plan of this dry run" in text
    needed = text.partition("requests needed")[2].partition("</tr>")[0]
    assert f">{ran.report['plan']['requests']}</td>" in needed
    assert ": dry run done</title>" in text
    assert "Augusta" not in text
    assert "shop.example" not in text


def test_the_page_names_the_run_and_what_was_held(tmp_path: Path) -> None:
    """The page has the run's id and the rows of the control group and of the contact limit."""
    clock = ManualClock()
    runner = TargetRunner(world_of(clock, contacts=5), clock, tmp_path)
    runner.world.contact_limit = 6
    rows = [{"email": f"p{n}@shop.example"} for n in range(20)]
    page = tmp_path / "r.html"
    ran = runner.send("crm_contacts", *rows, holdout_percent=50, run_report_html_path=str(page))
    text = page.read_text(encoding="utf-8")
    assert f", run {ran.report['run']}</p>" in text
    for reason in ("held out", "respect_contact_limit: the contact limit is reached"):
        count = sum((result["reason"] or "").startswith(reason) for result in ran.results)
        assert count
        row = text.rpartition(f'"why">{reason}')[2].partition("</tr>")[0]
        assert f">{count}</td>" in row
    runner.send("crm_contacts", *rows, dry_run=True, run_report_html_path=str(page))
    text = page.read_text(encoding="utf-8")
    assert "contacts within the contact limit" in text


@pytest.mark.parametrize("code", [0, 1, 2, 130, 143])
def test_every_ending_has_a_page(tmp_path: Path, code: int) -> None:
    """A run without streams, requests or account has a page too."""
    document, _ = reading(tmp_path)
    document |= {"exit_code": code, "streams": {}, "account": None, "problem": None}
    document["rows"] = dict.fromkeys(document["rows"], 0)
    document["traffic"] |= {"by_endpoint": {}, "by_status": {}, "faults": {}, "requests": 0}
    document["traffic"]["over_time"] |= {"requests": [], "faults": []}
    page = page_of(document)
    words = {0: "done", 1: "failed, exit code 1", 2: "failed, exit code 2"}
    assert f": {words.get(code, f'stopped, exit code {code}')}</title>" in page
    assert "No request was sent." in page


def test_a_short_run_shows_no_average_rate(tmp_path: Path) -> None:
    """A run of seconds shows no average: its first requests would exceed the limit."""
    document, _ = reading(tmp_path)
    average = document["traffic"]["requests"] / document["seconds"]
    assert f"On average {average:.1f}, at most 5.0 a second" in page_of(document)
    document["seconds"] = 3
    assert "On average" not in page_of(document)
    assert "At most 5.0 a second over 2 seconds; the limit is 5." in page_of(document)


def test_the_page_shows_skipped_rows_and_streams_at_the_top(tmp_path: Path) -> None:
    """A successful run with skipped rows or streams does not look complete."""
    document, path = writing(tmp_path)
    assert document["exit_code"] == 0
    assert "done, except some rows" in path.read_text(encoding="utf-8")
    document, path = reading(tmp_path)
    assert document["exit_code"] == 0
    assert document["streams"]["crm_notes"]["outcome"] == "skipped"
    assert "done, except some streams" in path.read_text(encoding="utf-8")


@given(values=st.lists(st.text() | st.integers() | st.floats() | st.booleans() | st.none()))
@settings(max_examples=length.of(50, 2000))
def test_any_value_can_be_shown(values: list[Any]) -> None:
    """The cell of any setting is one line of printable characters."""
    shown = text_of(values)
    assert shown
    assert shown.isprintable()
    shown.encode("utf-8")


def test_a_report_that_cannot_be_rendered_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A report that cannot be rendered costs one warning, and no partial page is left."""
    write_page(tmp_path / "r.html", {"exit_code": 0})
    assert caplog.messages == [f"The run report {tmp_path / 'r.html'} could not be drawn: KeyError"]
    assert not (tmp_path / "r.html").exists()


def test_a_page_that_cannot_be_written_costs_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A page that cannot be written costs one warning; the exit code stays the same."""
    (tmp_path / "file").write_text("")
    account = Account(contacts=5)
    ran = account.run(only=["crm_users"], run_report_html_path=str(tmp_path / "file" / "r.html"))
    assert ran.code == 0
    assert caplog.text.count("could not be written") == 1
