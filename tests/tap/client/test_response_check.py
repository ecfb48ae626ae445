"""Final answers: 402, the meanings of 403, 404, and the shapes of a refusal."""

from __future__ import annotations

import pytest

from tap_activecampaign_unified.client import (
    AuthenticationError,
    FatalError,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    RequestError,
)

from .clients import Script

GOOD = (200, {})


def test_an_unpaid_account_ends_the_run(world, make_client, clock):
    """A 402 ends the run without a retry, with one sentence that names the fix."""
    world.faults.lapsed()
    with pytest.raises(PaymentRequired, match="Billing"):
        make_client(world).get("contacts")
    assert clock.slept == []


def test_a_403_that_goes_away_was_a_glitch(world, make_client):
    """A 403 is retried first, because ActiveCampaign refuses valid keys now and then."""
    world.faults.forbid("/contacts", times=3)
    assert make_client(world).get("contacts").body["contacts"]


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "DELETE"])
def test_a_403_that_stays_while_the_key_is_good_is_the_plan(world, make_client, verb):
    """After 20 seconds of 403 the client checks the key elsewhere.

    With a valid key only the call fails.
    """
    world.faults.no_crm()
    with pytest.raises(PermissionDenied) as forbidden:
        make_client(world).send(verb, "deals")
    assert not isinstance(forbidden.value, FatalError)
    assert (forbidden.value.path, forbidden.value.status) == ("deals", 403)
    assert world.count(prefix="/users/me") == 1


def test_a_403_is_retried_for_twenty_seconds(world, make_client, clock):
    """A 403 is retried for 20 seconds at most, whatever `max_retry_seconds` is."""
    world.faults.no_crm()
    started = clock.monotonic()
    with pytest.raises(PermissionDenied):
        make_client(world).get("deals")
    assert clock.monotonic() - started == pytest.approx(20, abs=1)


def test_a_known_403_is_not_retried(world, make_client, clock):
    """A second 403 of a forbidden path is not retried."""
    world.faults.no_crm()
    client = make_client(world)
    for _ in range(2):
        with pytest.raises(PermissionDenied):
            client.get("deals")
    assert sum(clock.slept) == pytest.approx(20, abs=1)


def test_a_path_that_answers_again_is_no_longer_forbidden(world, make_client):
    """After a path answered again, its next 403 is retried like the first."""
    client = make_client(world)
    first = world.faults.forbid("/deals")
    with pytest.raises(PermissionDenied):
        client.get("deals")
    world.faults.rules.remove(first)
    client.get("deals")
    world.faults.forbid("/deals", times=2)
    assert client.get("deals").body["deals"]


def test_waiting_for_a_429_does_not_shorten_the_retries_of_a_403(world, make_client):
    """A 403 after a long rate limit pause is still retried for 20 seconds."""
    world.faults.throttle(prefix="/contacts", times=2, retry_after=45)
    world.faults.forbid("/contacts", times=3)
    assert make_client(world).get("contacts").body["contacts"]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("path", ["contacts", "users/me"])
def test_a_key_that_reads_nothing_ends_the_run(world, make_client, clock, path, status):
    """If the call and `/users/me` both answer 403, the run ends within 30 seconds."""
    world.switches.bad_key_status = status
    started = clock.monotonic()
    with pytest.raises(AuthenticationError, match="copy api_key again") as bad:
        make_client(world, key="wrong-key").get(path)
    assert "wrong-key" not in str(bad.value)
    assert clock.monotonic() - started < 30


def test_a_key_that_cannot_be_checked_counts_as_valid(make_client):
    """If `/users/me` is missing, only the call is forbidden."""

    def answer(request):
        return (404, b"<html>") if request.url.endswith("users/me") else (403, b"")

    with pytest.raises(PermissionDenied):
        make_client(Script(answer)).get("deals")


def test_a_missing_row_differs_from_a_missing_endpoint(world, make_client):
    """A 404 with JSON is a missing row; a 404 with HTML is a missing endpoint."""
    client = make_client(world)
    with pytest.raises(NotFound, match="no such row"):
        client.get("contacts/99999")
    with pytest.raises(NotFound, match="no such endpoint"):
        client.get("unheardOf")


SHAPES = {
    "title, code and pointer": (
        {
            "errors": [
                {
                    "title": "The name was not provided.",
                    "detail": "",
                    "code": "field_missing",
                    "error": "widget_name_was_not_provided",
                    "source": {"pointer": "/data/attributes/name"},
                }
            ]
        },
        [("The name was not provided.", "field_missing", "name")],
    ),
    "no source": (
        {"errors": [{"title": "t", "detail": "d", "code": "duplicate"}]},
        [("d", "duplicate", "")],
    ),
    "status": ({"errors": [{"status": 422, "title": "Missing"}]}, [("Missing", "", "")]),
    "detail alone": ({"errors": [{"detail": "wrong type"}]}, [("wrong type", "", "")]),
    "one text": ({"errors": "no options"}, [("no options", "", "")]),
    "texts": ({"errors": ["one", "two"]}, [("one", "", ""), ("two", "", "")]),
    "the database speaks": (
        {"message": "Could not process request", "error": "Duplicate entry"},
        [("Could not process request: Duplicate entry", "", "")],
    ),
    "the parameter of a request": (
        {
            "errors": [
                {
                    "title": "Invalid value for query parameter contactTag.tag",
                    "detail": "No tag id provided",
                    "source": {"parameter": "contactTag.tag"},
                }
            ]
        },
        [("No tag id provided", "", "contactTag.tag")],
    ),
    "a pointer as a value": (
        {"errors": [{"title": "t", "source": {"type": "pointer", "value": "/fields/1"}}]},
        [("t", "", "/fields/1")],
    ),
    "a number for a code": ({"errors": [{"title": "t", "code": 422}]}, [("t", "422", "")]),
    "the importer": (
        {"success": 0, "message": "no", "failureReasons": ["20 per minute"]},
        [("20 per minute", "", "")],
    ),
    "the importer, by contact": (
        {"failureReasons": [{"contact": 3, "failureReason": "bad email"}]},
        [("bad email", "", "contacts/3")],
    ),
    "nothing": ({}, []),
    "empty objects": ({"errors": [{}, None, ""], "message": "no"}, [("no", "", "")]),
    "no lists": ({"errors": 5, "failureReasons": True, "message": "no"}, [("no", "", "")]),
}


@pytest.mark.parametrize(("body", "reasons"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("status", [400, 422])
def test_every_shape_of_a_refusal_is_read(make_client, body, reasons, status):
    """The client reads text, code and attribute of a refusal in each known shape."""
    with pytest.raises(InvalidRequest) as refused:
        make_client(Script((status, body))).send("POST", "contacts", json={})
    found = [(reason.text, reason.code, reason.attribute) for reason in refused.value.reasons]
    assert found == reasons
    assert refused.value.status == status


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[1]", b'"no"', b"null"])
def test_a_refusal_without_a_text_is_still_a_refusal(make_client, body):
    """A 400 with `{}` or any other body is a refusal."""
    with pytest.raises(InvalidRequest) as refused:
        make_client(Script((400, body))).get("contacts")
    assert refused.value.reasons == ()
    assert str(refused.value) == "GET contacts: refused (400)"


def test_an_error_names_the_call_and_the_answer(make_client):
    """An error names verb, path, status and ActiveCampaign's text in one sentence."""
    body = {"errors": [{"title": "taken", "code": "duplicate", "source": {"pointer": "x"}}]}
    with pytest.raises(InvalidRequest) as refused:
        make_client(Script((422, body))).send("POST", "contacts", json={})
    assert str(refused.value) == "POST contacts: refused (422): taken (duplicate, x)"


def test_a_call_error_is_never_the_end_of_the_run():
    """A handler of errors of one call does not catch errors that end the run."""
    assert not issubclass(FatalError, RequestError)
    assert not issubclass(RequestError, FatalError)


def test_errors_that_have_only_a_message_are_no_data(make_client):
    """A 200 with errors, each with only a `message`, and without data is tried again."""
    broken = (200, {"errors": [{"message": "Exception while fetching data"}], "data": None})
    client = make_client(Script(broken, (200, {"tags": []})))
    assert client.get("tags").body == {"tags": []}
