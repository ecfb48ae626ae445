"""A table of many accounts: each target writes only the rows of its own account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL = "account_label"


def person(name: str, label: Any) -> dict[str, Any]:
    """Return a contact's row; ``label`` None leaves the column null."""
    return {"id": None, "email": f"{name}@shop.example", LABEL: label}


def test_rows_of_other_accounts_are_skipped_and_say_so(runner: TargetRunner) -> None:
    """A row of another account is skipped without a request; its result has the full key."""
    rows = [person("mine", "acme"), person("theirs", "other"), person("also-mine", " acme ")]
    run = runner.run(
        *stream_of("crm_contacts", *rows, keys=["email", LABEL]), state_of(1), account_label="acme"
    )
    assert run.code == 0
    assert run.actions == ["created", "skipped", "created"]
    assert run.reason(2) == "account_label: the row is another account's"
    assert run.results[0]["key"] == {"email": "theirs@shop.example", LABEL: "other"}
    assert runner.world.find_contact("theirs@shop.example") is None
    assert runner.world.find_contact("mine@shop.example") is not None
    assert run.states == [{"bookmarks": {"at": 1}}]
    assert "ignored" not in (run.reason(1) + run.reason(3))


@pytest.mark.parametrize("row", [person("who", None), {"email": "who@shop.example"}])
def test_a_row_that_does_not_say_whose_it_is_is_rejected(
    runner: TargetRunner, row: dict[str, Any]
) -> None:
    """With the setting, a row without a label is rejected."""
    run = runner.send("crm_contacts", row, account_label="acme")
    assert run.actions == ["rejected"]
    assert run.reason().startswith("account_label: missing")
    assert run.writes == []


@pytest.mark.parametrize(
    "stream", ["crm_accounts", "marketing_tags", "crm_notes", "raw_requests", "crm_opportunities"]
)
def test_no_stream_is_written_for_another_account(runner: TargetRunner, stream: str) -> None:
    """Rows of every stream, raw requests and deletes too, are skipped for another account."""
    rows = [
        {"id": "1", "name": "x", LABEL: "other"},
        {"id": "1", LABEL: "other", "_sdc_deleted_at": "2031-01-01T00:00:00+00:00"},
        {"method": "DELETE", "path": "contacts/1", LABEL: "other"},
    ]
    settings: dict[str, Any] = {"delete_mode": "delete", "max_deletes": 9}
    run = runner.send(stream, *rows, account_label="acme", allow_raw_requests=True, **settings)
    assert run.actions == ["skipped"] * 3
    assert run.requests == []


def test_without_the_setting_one_accounts_rows_are_written_and_never_two_accounts(
    runner: TargetRunner,
) -> None:
    """Without the setting, rows of one label are written; a row of a second label is rejected."""
    rows = [person("a", "acme"), person("b", None), person("c", "other"), person("d", "acme")]
    run = runner.send("crm_contacts", *rows)
    assert run.actions == ["created", "created", "rejected", "created"]
    assert run.reason(3).startswith("account_label: rows of several accounts")
    assert runner.world.find_contact("c@shop.example") is None


def test_a_row_is_the_same_row_with_and_without_its_label(runner: TargetRunner) -> None:
    """A deal is not created again when its table and key get the label.

    Deals without a key are known by all their values, and the label is not one of them.
    """
    deal = {
        "name": "Deal",
        "contact": {"email": "contact1@sandbox.example"},
        "amount": 5,
        "currency": "EUR",
        "stage": {"name": "To Contact"},
        "pipeline": {"name": "Sales"},
    }
    runner.world.edit_contact(1, email="contact1@sandbox.example")
    plain = runner.run(*stream_of("crm_opportunities", deal), state_of(1))
    assert plain.actions == ["created"]
    marked = deal | {LABEL: "acme"}
    for keys in ([], [LABEL]):
        again = runner.run(
            *stream_of("crm_opportunities", marked, keys=keys), state_of(2), account_label="acme"
        )
        assert again.actions == ["unchanged"]
        assert again.requests == []


def test_a_failed_row_keeps_its_label_until_it_is_sent_again(
    make_runner: Callable[..., TargetRunner],
) -> None:
    """A row of the retry file still has its label when the next run sends it."""
    runner = make_runner()
    path = str(runner.folder / "retry.jsonl")
    runner.world.faults.server_error("/contact/sync", times=None)
    settings: dict[str, Any] = {"retry_path": path, "account_label": "acme"}
    run = runner.send("crm_contacts", person("a", "acme"), max_retry_seconds=1, **settings)
    assert run.actions == ["failed"]
    runner.world.faults.clear()
    later = runner.send("crm_contacts", **settings)
    assert [result["action"] for result in later.results] == ["created"]
    assert runner.world.find_contact("a@shop.example") is not None
