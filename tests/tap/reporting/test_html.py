"""The report page: how a browser shows it, and that its numbers are those of the report."""

from __future__ import annotations

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
from tests.tap.reporting.html_pages import BOTH, Document, reading, writing
from tests.tap.running import Account
from tests.target.runner import TargetRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


#: The setting `api_url`, as a text, and what an SVG's elements are called by.
ACCOUNT = "https://acme.api-us1.com"
EVENT_URL = "https://trackcmp.net/event"  # the default of the setting event_url
NAMESPACES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink")


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
        row = text.rpartition(f'"reason">{reason}')[2].partition("</tr>")[0]
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
    assert caplog.messages == [
        f"The run report {tmp_path / 'r.html'} could not be rendered: KeyError"
    ]
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
