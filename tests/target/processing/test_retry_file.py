"""Which rows stay in the file of failed rows until they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.target.runner import stream_of

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

ADDRESSES = ("a@shop.example", "b@shop.example")


def fail(runner: TargetRunner, *records: dict[str, Any]) -> str:
    """Let these rows of contacts fail; return the path of the file that keeps them."""
    path = str(runner.folder / "retry.jsonl")
    runner.world.faults.server_error("/contact/sync", times=None)
    messages = stream_of("crm_contacts", *records, keys=["email"])
    run = runner.run(*messages, retry_path=path, max_retry_seconds=1)
    assert set(run.actions) == {"failed"}
    runner.world.faults.clear()
    return path


def test_a_failed_row_that_a_limit_holds_back_is_sent_by_the_run_after(
    runner: TargetRunner,
) -> None:
    """`max_changes` holds a row of the file back: it stays there, as no state brings it again."""
    path = fail(runner, *({"email": address} for address in ADDRESSES))
    limited = runner.run(retry_path=path, max_changes=1)
    assert limited.actions == ["created", "skipped"]
    later = runner.run(retry_path=path)
    assert later.actions == ["created"]
    assert all(runner.world.find_contact(address) for address in ADDRESSES)
    assert runner.run(retry_path=path).results == []


def test_a_rejected_row_leaves_the_values_of_an_earlier_failed_row(runner: TargetRunner) -> None:
    """A later row that is rejected has written nothing: the failed row keeps its values."""
    path = fail(runner, {"email": "a@shop.example", "first_name": "Ada"})
    runner.world.faults.server_error("/contact/sync", times=None)
    segments = [{"name": "VIP", "status": "maybe"}]
    faulty = {"email": "a@shop.example", "first_name": "Eva", "segments": segments}
    messages = stream_of("crm_contacts", faulty, keys=["email"])
    run = runner.run(*messages, retry_path=path, max_retry_seconds=1)
    assert run.actions == ["failed", "rejected"]
    runner.world.faults.clear()
    assert runner.run(retry_path=path).actions == ["created"]
    assert runner.world.find_contact("a@shop.example").firstName == "Ada"


def test_a_rejected_row_of_the_file_is_sent_again_only_with_on_reject_fail(
    runner: TargetRunner,
) -> None:
    """A rejection is final, unless `on_reject` is `fail`: then the row is decided again."""
    path = fail(runner, {"email": "a@shop.example"})
    runner.world.faults.refuse("/contact/sync", {"message": "No"}, times=None)
    assert runner.run(retry_path=path, on_reject="fail").actions == ["rejected"]
    assert runner.run(retry_path=path).actions == ["rejected"]
    assert runner.run(retry_path=path).results == []
