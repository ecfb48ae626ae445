"""`--test` prints the features of the account."""

from __future__ import annotations

import json

import pytest

from tap_activecampaign_unified import connection_check as checkup
from tap_activecampaign_unified.client import AuthenticationError, ConnectionFailed
from tests.sandbox import Shape
from tests.tap.client.clients import KEY


def checked(make_world, make_client, **options):
    """Return the document of a check, and the account."""
    world = make_world(**({"contacts": 40, "deals": 12, "accounts": 6} | options))
    found: checkup.Document = {}
    checkup.ConnectionCheck(make_client(world), found).run()
    return found, world


def print_check(world, make_client, form):
    """Run a check and print it to stderr, as the program does."""
    with checkup.shown(form) as findings:
        checkup.ConnectionCheck(make_client(world), findings).run()


def test_an_account_that_does_everything(make_world, make_client):
    """The check shows the user of the key, the numbers of rows, and the supported features."""
    found, world = checked(make_world, make_client)
    assert found["key"]["is good"] == "yes"
    assert "(id 1)" in found["key"]["user"]
    assert found["may read"]["contacts"] == "yes, 40 rows"
    assert set(found["filters"].values()) == {"yes"}
    assert found["sideloads"]["contacts contactTags"] == "yes"
    assert found["clock"]["offset of a contact's times"] in {"-05:00", "-06:00"}
    assert abs(found["clock"]["seconds ahead of ActiveCampaign"]) <= 1
    assert found["budget"]["requests of this test"] == len(world.log)
    assert found["budget"]["used by other programs"].startswith("unknown")


@pytest.mark.parametrize(
    ("switches", "topic", "name"),
    [
        ({"date_filters": "ignored"}, "filters", "contacts updated_after"),
        ({"id_greater": False}, "filters", "contacts id_greater"),
        ({"include": "none"}, "sideloads", "contacts contactTags"),
        ({"include": frozenset({"contactLists"})}, "sideloads", "contacts fieldValues"),
    ],
)
def test_ignored_features_are_shown(make_world, make_client, switches, topic, name):
    """The check shows "no" for a filter without effect and a sideload without rows."""
    found, _ = checked(make_world, make_client, **switches)
    assert found[topic][name] == "no"


@pytest.mark.parametrize(
    ("switches", "way"),
    [
        ({}, "by storeModifiedDate, newest first"),
        ({"ecommerce_sort": "ignored"}, "day by day of storeModifiedDate"),
        ({"ecommerce_sort": "ignored", "text_filters": "ignored"}, "by reading all rows"),
        ({"ecommerce": "closed"}, "no: 403"),
        ({"ecommerce": "closed", "ecommerce_closed": "errors"}, "no: "),
    ],
)
def test_it_says_how_changes_in_the_store_are_found(make_world, make_client, switches, way):
    """The check shows how changes in the store are found: sorted, day by day, or by a full read.

    A closed store costs no long retries.
    """
    is_open = switches.get("ecommerce") != "closed"
    shape = Shape(stores=1, products=120, subscriptions=120) if is_open else Shape()
    found, world = checked(make_world, make_client, shape=shape, **switches)
    assert found["store changes"]["RecurringPayment"].startswith(way)
    assert "Product" in found["store changes"]
    assert world.count("POST", "ecom/graphql") <= 16


def test_features_of_an_empty_account_are_unknown(make_world, make_client):
    """The check shows "unknown" for filters and sideloads of an empty account."""
    options = {"contacts": 0, "deals": 0, "accounts": 0, "ecommerce": "served"}
    found, _ = checked(make_world, make_client, **options)
    assert all(value.startswith("unknown") for value in found["filters"].values())
    assert all(value.startswith("unknown") for value in found["sideloads"].values())
    assert set(found["store changes"].values()) == {"unknown: the account has none"}


def test_forbidden_collections_are_named_and_a_glitch_is_not(make_world, make_client):
    """The check names collections that answer 403 twice or 404; a single 403 is not shown."""
    world = make_world(contacts=5)
    world.faults.forbid("/deals")
    world.faults.not_found("/notes")
    world.faults.forbid("/tags", times=1)
    found: checkup.Document = {}
    checkup.ConnectionCheck(make_client(world), found).run()
    assert found["may read"]["deals"].startswith("no: 403")
    assert found["may read"]["notes"].startswith("no: 404")
    assert found["may read"]["tags"].startswith("yes")
    assert found["filters"]["deals updated_after"].startswith("unknown")


@pytest.mark.parametrize("others", [0, 2])
def test_the_check_shows_the_requests_of_other_programs(make_world, make_client, others):
    """The check shows other programs' share of the rate limit where the account counts it."""
    world = make_world(contacts=40, ratelimit_headers=True, requests_per_second=5)

    @world.before_request
    def they_ask_too(world, _, path, __):
        for _ in range(others if path.endswith("/users/me") else 0):
            world.window.admits(world.clock())

    found: checkup.Document = {}
    checkup.ConnectionCheck(make_client(world), found).run()
    assert found["budget"]["used by other programs"] == f"{others} of 5 in the last second"


def test_an_error_follows_what_the_check_knows(make_world, make_client, capsys):
    """With a bad key or a dead server the table shows what is known, then the error."""
    world = make_world(contacts=5)
    world.api_key = "another"
    with pytest.raises(AuthenticationError):
        print_check(world, make_client, "all")
    assert "answers" in capsys.readouterr().err
    world = make_world(contacts=5)
    world.faults.reset(times=None)
    with pytest.raises(ConnectionFailed):
        print_check(world, make_client, "json")
    assert "url" in json.loads(capsys.readouterr().err)


def test_it_is_a_table_or_a_line_of_json_without_the_key(make_world, make_client, capsys):
    """Table and JSON line have the same content and not the key."""
    print_check(make_world(contacts=5), make_client, "all")
    table = capsys.readouterr().err
    print_check(make_world(contacts=5), make_client, "json")
    line = capsys.readouterr().err
    document = json.loads(line)
    assert line.count("\n") == 1
    for topic, part in document.items():
        assert f"{topic}\n" in table
        for name in part:
            assert f"  {name} " in table
    assert KEY not in table + line
