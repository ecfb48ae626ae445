"""How streams end that the key may not read or that the account does not have."""

import pytest

DONE = ["STARTED", "RUNNING", "COMPLETE"]


def test_a_stream_that_may_not_be_read_is_never_complete(account, connector):
    """With `on_forbidden: skip` the run ends with 0 and the stream is INCOMPLETE.

    Airbyte therefore does not empty its table.
    """
    catalog = connector.configured(["crm_notes", "marketing_tags"])
    account.world.faults.forbid("/notes")
    answer = connector.read(catalog)
    assert answer.code == 0
    assert answer.statuses["crm_notes"] == ["STARTED", "INCOMPLETE"]
    assert answer.statuses["marketing_tags"] == DONE
    assert answer.errors == []
    failed = connector.read(catalog, on_forbidden="fail")
    assert failed.code == 1
    assert failed.errors == [("crm_notes", "config_error")]


def test_a_stream_that_the_account_does_not_have_is_empty(account, connector):
    """An undocumented collection without an endpoint here is COMPLETE without rows."""
    account.world.faults.not_found("/audiences", None)
    answer = connector.read(connector.configured(["raw_audiences"]))
    assert answer.code == 0
    assert answer.statuses == {"raw_audiences": ["STARTED", "COMPLETE"]}


@pytest.mark.parametrize(
    ("answer", "stream", "path"),
    [
        ("forbidden", "raw_audiences", "/audiences"),
        ("refused", "raw_audiences", "/audiences"),
        ("no such row", "raw_audiences", "/audiences"),
        ("no rows", "raw_goals", "/goals"),
        ("forbidden", "marketing_engagements", "/"),
        ("no such endpoint", "crm_notes", "/notes"),
    ],
)
def test_a_stream_that_may_have_rows_is_never_complete_without_them(
    account, connector, answer, stream, path
):
    """Only a 404 of an undocumented collection proves that the account has no rows."""
    faults = account.world.faults
    if answer == "forbidden":
        if stream == "marketing_engagements":
            faults.not_found("/logs")
            for name in ("bounceLogs", "linkData", "mppLinkData"):
                faults.forbid(f"/{name}")
        else:
            faults.forbid(path)
    elif answer == "no such endpoint":
        faults.not_found(path)
    elif answer == "no rows":
        faults.refuse(path, {"meta": {}}, None, status=200)
    else:
        status = 400 if answer == "refused" else 404
        faults.refuse(path, {"message": "No Result found"}, None, status=status)
    read = connector.read(connector.configured([stream]))
    assert read.code == 0
    assert read.statuses == {stream: ["STARTED", "INCOMPLETE"]}
