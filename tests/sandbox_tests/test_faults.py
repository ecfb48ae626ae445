"""Limits, credentials and faults."""

from __future__ import annotations

import pytest
import requests

from tests.sandbox_tests.caller import Caller, caller_of


@pytest.fixture
def caller() -> Caller:
    return caller_of(contacts=5)


def test_a_sixth_request_within_any_second_is_refused():
    """The window rolls, refusals do not count, and every arrival is logged."""
    caller = caller_of(requests_per_second=5)
    clock = caller.world.clock
    for wait, status in [(0.2, 200)] * 5 + [(0, 200), (0.2, 429), (0, 200)]:
        assert caller.call("GET", "/users/me").status_code == status
        clock.advance(wait)
    refused = next(entry for entry in caller.world.log if entry.status == 429)
    assert refused.path == "/api/3/users/me"
    assert caller.world.count("GET", "/users") == 8
    assert caller.world.busiest_second() == 6


def test_throttled_answer_has_the_documented_headers():
    """A 429 has Retry-After and RateLimit headers; its body is undocumented."""
    caller = caller_of(requests_per_second=1, retry_after=7, throttle_body="<p>slow</p>")
    caller.call("GET", "/users/me")
    answer = caller.call("GET", "/users/me")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert answer.text == "<p>slow</p>"


def test_a_wrong_key_is_forbidden(caller):
    """A wrong key is 403 with Forbidden, or 401 by a switch."""
    caller.session.headers["Api-Token"] = "wrong"
    assert caller.ask("GET", "/users/me") == (403, {"message": "Forbidden"})
    caller.world.switches.bad_key_status = 401
    assert caller.call("GET", "/users/me").status_code == 401


def test_unknown_routes_and_doubled_prefixes_are_html(caller):
    """An unknown route answers HTML, and so does a doubled /api/3."""
    for path in ("/nothing", "/api/3/contacts", "/contacts/1/nothing/more"):
        answer = caller.call("GET", path)
        assert (answer.status_code, answer.headers["Content-Type"][:9]) == (404, "text/html")


def test_a_lapsed_account_says_nothing(caller):
    """A lapsed account answers 402 with an empty body to everything."""
    caller.world.faults.lapsed()
    answer = caller.call("GET", "/users/me")
    assert (answer.status_code, answer.content) == (402, b"")


def test_a_fault_affects_the_configured_requests(caller):
    """Prefix, method, after and times choose the requests of a fault."""
    caller.world.faults.server_error("/contacts", 503, times=1, method="GET", after=1)
    statuses = [caller.call("GET", "/contacts").status_code for _ in range(3)]
    assert statuses == [200, 503, 200]
    assert caller.call("GET", "/tags").status_code == 200


def test_spoiled_bodies(caller):
    """Empty, truncated and foreign bodies have status 200."""
    faults = caller.world.faults
    faults.empty_body("/contacts")
    faults.truncated_json("/contacts")
    faults.html_200("/contacts")
    empty, cut, foreign = (caller.call("GET", "/contacts") for _ in range(3))
    assert (empty.status_code, empty.content) == (200, b"")
    with pytest.raises(ValueError, match=r".+"):
        cut.json()
    assert (foreign.status_code, foreign.text[:6]) == (200, "<html>")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", requests.ConnectionError),
        ("chunk", requests.exceptions.ChunkedEncodingError),
        ("timeout", requests.ReadTimeout),
    ],
)
def test_a_lost_answer_was_still_applied(caller, kind, error):
    """A lost answer's write is done; after a plain reset it is not."""
    body = {"contact": {"email": "new@x.example"}}
    caller.world.faults.reset_after_apply("/contact/sync", kind=kind)
    with pytest.raises(error):
        caller.call("POST", "/contact/sync", body)
    assert caller.ask("POST", "/contact/sync", body)[0] == 200
    caller.world.faults.reset("/tags")
    with pytest.raises(requests.ConnectionError):
        caller.call("POST", "/tags", {"tag": {"tag": "never", "tagType": "contact"}})
    assert caller.rows("/tags", search="never") == []


def test_slowness_is_on_the_clock(caller):
    """A late answer advances the clock. An answer after the timeout is lost; its write is done."""
    before = caller.world.clock()
    caller.world.faults.slow(5, "/users")
    assert caller.call("GET", "/users/me").status_code == 200
    assert (caller.world.clock() - before).total_seconds() == 5
    caller.world.faults.slow(500, "/contact/sync")
    with pytest.raises(requests.ReadTimeout):
        caller.call("POST", "/contact/sync", {"contact": {"email": "new@x.example"}})
    assert len(caller.world.tables["contacts"]) == 6


def test_trouble_may_come_after_the_write(caller):
    """A 524 may follow a write that is done; a refusal's write is not."""
    body = {"tag": {"tag": "late", "tagType": "contact"}}
    caller.world.faults.late_trouble("/tags", method="POST")
    answer = caller.call("POST", "/tags", body)
    assert (answer.status_code, answer.text[:6]) == (524, "<html>")
    assert [row["tag"] for row in caller.rows("/tags", search="late")] == ["late"]
    caller.world.faults.refuse("/tags", {"errors": "no"}, method="POST")
    assert caller.ask("POST", "/tags", {"tag": {"tag": "x"}}) == (422, {"errors": "no"})
    assert caller.rows("/tags", search="x") == []


def test_an_answer_may_be_changed_on_its_way(caller):
    """A fault may change an answer's document, or only its content type."""
    caller.world.faults.rewrite("/users/me", lambda document: document.update(new=1), times=1)
    assert caller.get("/users/me")["new"] == 1
    caller.world.faults.foreign_type("/users/me")
    answer = caller.call("GET", "/users/me")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.json()["user"]["id"] == "1"


def test_parameters_may_be_ignored(caller):
    """Parameters with a prefix are ignored until the faults are removed."""
    caller.world.faults.deaf("email", "limit")
    assert len(caller.rows("/contacts", email="nobody@x.example", limit=1)) == 5
    caller.world.faults.clear()
    assert caller.rows("/contacts", email="nobody@x.example") == []


def test_redirects_lead_away(caller):
    """A redirect names another host and has no content."""
    caller.world.faults.redirect("/contacts", "https://elsewhere.example/")
    answer = caller.call("GET", "/contacts")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://elsewhere.example/")


def test_the_log_has_hosts_headers_and_bodies(caller):
    """The log shows a client that follows a redirect with its key, and what it sent."""
    caller.world.faults.redirect("/contacts", "https://elsewhere.example/api/3/users/me")
    caller.session.get(f"{caller.world.base_url}/api/3/contacts", timeout=5)
    first, followed = caller.world.log
    assert (first.host, followed.host) == ("acme.api-us1.com", "elsewhere.example")
    assert followed.headers["Api-Token"] == caller.world.api_key
    caller.call("POST", "/contact/sync", {"contact": {"email": "a@x.example"}})
    assert caller.world.log[-1].document == {"contact": {"email": "a@x.example"}}


def test_a_plan_without_crm(caller):
    """Without the CRM deals, tasks, accounts and notes are forbidden, contacts are not."""
    caller.world.faults.no_crm()
    for path in ("/deals", "/dealTasks", "/dealStages", "/accounts", "/notes"):
        assert caller.call("GET", path).status_code == 403
    assert caller.call("GET", "/contacts").status_code == 200


def test_a_mix_of_faults_repeats_itself():
    """The same seed gives the same faults."""

    def statuses():
        caller = caller_of()
        caller.world.faults.mix(0.5, seed=3, kinds=("throttle", "forbid", "server_error"))
        return [caller.call("GET", "/users/me").status_code for _ in range(40)]

    first = statuses()
    assert first == statuses()
    assert {200, 403, 429, 502} == set(first)


def test_hooks_change_rows_between_pages(caller):
    """A hook runs before each answer and may delete rows of it."""

    def hook(world, method, path, query):
        if path.endswith("/contacts") and ("offset", "2") in query:
            world.delete_contact(1)

    caller.world.before_request(hook)
    first = caller.rows("/contacts", limit=2, **{"orders[id]": "ASC"})
    second = caller.rows("/contacts", limit=2, offset=2, **{"orders[id]": "ASC"})
    assert [row["id"] for row in first + second] == ["1", "2", "4", "5"]
