"""An input that may be incomplete removes no contact from an audience."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import schema_of, state_of, stream_of

from .scene import Scene, leavers, messages_of, row_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import Run

A, B = "ada@shop.example", "ben@shop.example"
REJECTED = "a row of it was rejected or failed"
UNREADABLE = "a line of the input could not be read"
RECORD = {"type": "RECORD", "stream": "trial", "record": {"email": A, "tags": ["trial"]}}


def version(stream: str = "trial") -> dict[str, Any]:
    """Return an ACTIVATE_VERSION."""
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": 1}


def check_that_none_left(scene: Scene, run: Run) -> str:
    """Check that B is still a member with a tag; return the reason."""
    assert leavers(run) == []
    assert scene.tags(B) == {"trial"}
    why = str(run.report["audiences"]["trial"]["reason"])
    scene.send(A)
    assert scene.tags(B) == set()  # by the next complete input
    return why


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"type": "RECORD", "stream": "trial", "rec\n', UNREADABLE),
        ("[1, 2]\n", UNREADABLE),
        ("WARNING the source says something\n", UNREADABLE),
        ({"type": "RECORD", "stream": "trial"}, UNREADABLE),
        ({**RECORD, "record": {"email": "no address"}}, REJECTED),
        ({**RECORD, "record": {"first_name": "Nobody"}}, REJECTED),
        ({**RECORD, "record": {"email": A, "tags": ["x" * 300]}}, REJECTED),
    ],
)
def test_after_a_broken_or_rejected_row_no_contact_leaves(
    scene: Scene, line: Any, why: str
) -> None:
    """After a broken line or a rejected row no contact leaves: the row may be any contact."""
    scene.send(A, B)
    run = scene.run(*stream_of("trial", RECORD["record"]), line, state_of(1))
    assert check_that_none_left(scene, run) == why


def test_after_a_failed_row_contacts_leave_in_the_next_run(scene: Scene) -> None:
    """After a failed row no contact leaves, kept in the retry file or not; the next run removes."""
    scene.send(A, B)
    retry = {"retry_path": str(scene.runner.folder / "retry.jsonl"), "max_retry_seconds": 1}
    scene.world.faults.server_error("/contact/sync", times=None)
    run = scene.send(A, "new@shop.example", **retry)
    assert run.code == 1
    scene.world.faults.clear()
    assert leavers(run) == []
    assert run.report["audiences"]["trial"]["reason"] == REJECTED
    again = scene.send(A, **retry)
    assert again.code == 0
    # The row of the file is written, and is not part of this input.
    assert len(leavers(again)) == 2
    assert scene.tags("new@shop.example") == scene.tags(B) == set()


def test_a_rejected_row_of_another_stream_keeps_no_contact(scene: Scene) -> None:
    """Only rejected rows of the audience's own stream keep its contacts."""
    scene.send(A, B)
    others = stream_of("crm_contacts", {"email": "no address"})
    run = scene.run(*messages_of(A), *others, state_of(2))
    assert len(leavers(run)) == 1


def test_batches_leave_an_audience_as_it_is(scene: Scene) -> None:
    """BATCH messages, whose files the target does not read, remove no contact."""
    scene.send(A, B)
    batch = {"type": "BATCH", "stream": "trial", "encoding": {"format": "jsonl"}, "manifest": []}
    run = scene.run(*stream_of("trial", RECORD["record"]), batch, state_of(1))
    assert run.code == 1
    assert "BATCH" in check_that_none_left(scene, run)


def syncing(stream: str) -> dict[str, Any]:
    """Return a state that taps of the SDK send before a stream is complete."""
    return {"type": "STATE", "value": {"bookmarks": {stream: {"progress_markers": {"at": 1}}}}}


@pytest.mark.parametrize(
    ("messages", "is_complete"),
    [
        pytest.param(lambda row: [*row], True, id="no state"),
        pytest.param(lambda row: [*row, state_of(1)], True, id="state at the end"),
        pytest.param(lambda row: [state_of(1), *row], False, id="state before"),
        pytest.param(lambda row: [state_of(1), *row, state_of(2)], True, id="states around"),
        pytest.param(
            lambda row: [*row, {"type": "STATE", "value": {"currently_syncing": "trial"}}],
            False,
            id="still syncing",
        ),
        pytest.param(lambda row: [*row, syncing("trial")], False, id="progress markers"),
        pytest.param(lambda row: [*row, syncing("other")], True, id="markers of another stream"),
        pytest.param(lambda row: [state_of(1), *row, version()], True, id="version after the row"),
        pytest.param(
            lambda row: [version(), state_of(1), *row], False, id="version at the beginning"
        ),
        pytest.param(
            lambda row: [state_of(1), *row, version("other")], False, id="version of another stream"
        ),
        pytest.param(lambda row: [version(), *row], True, id="version and no state"),
        pytest.param(
            lambda row: [*row, state_of(1), *stream_of("crm_notes", {"content": "x"})],
            True,
            id="another stream behind",
        ),
    ],
)
def test_the_source_must_have_come_to_its_end(
    scene: Scene, messages: Callable[..., list[Any]], is_complete: bool
) -> None:
    """Contacts leave only if a STATE or ACTIVATE_VERSION follows the last row.

    A source without any STATE needs none.
    """
    scene.run(*stream_of("trial", *map(row_of, (A, B))))
    schema, row = schema_of("trial"), [RECORD]
    run = scene.run(schema, *messages(row))
    if is_complete:
        assert len(leavers(run)) == 1
        assert scene.tags(B) == set()
    else:
        assert "interrupted" in check_that_none_left(scene, run)


@pytest.mark.parametrize("end", [state_of(1), version()], ids=["state", "version"])
def test_a_source_that_marks_the_end_must_do_so_again(scene: Scene, end: Any) -> None:
    """If an input ended with STATE or ACTIVATE_VERSION, one without either was interrupted.

    ACTIVATE_VERSION at the beginning, or in the middle, marks no end; the last one counts.
    """
    everyone = stream_of("trial", *map(row_of, (A, B)))
    schema, row = schema_of("trial"), RECORD
    starts = ([row], [version(), row], [row, version(), row], [row, version(), version(), row])
    for messages in starts:
        scene.run(*everyone, end)
        reason = check_that_none_left(scene, scene.run(schema, *messages))
        assert "ended without STATE and ACTIVATE_VERSION" in reason
    scene.run(*everyone, end)
    assert len(leavers(scene.run(schema, version(), row, version(), version()))) == 1


def test_an_input_without_rows_is_no_audience_unless_it_may_be(scene: Scene) -> None:
    """Without rows no contact leaves, also with ACTIVATE_VERSION; with `allow_empty` all leave."""
    scene.run(*stream_of("trial", *map(row_of, (A, B))))
    for messages in ([], [version()], [state_of(1)]):
        run = scene.run(schema_of("trial"), *messages)
        assert run.code == 0
        assert run.report["audiences"]["trial"]["reason"] == (
            "no row of it came, and allow_empty is not set"
        )
    scene.settings["audiences"]["trial"]["allow_empty"] = True
    interrupted = {"type": "STATE", "value": {"currently_syncing": "trial"}}
    run = scene.run(schema_of("trial"), version(), interrupted)
    assert leavers(run) == []
    assert len(leavers(scene.run(schema_of("trial"), state_of(1)))) == 2
    assert scene.tags(A) == scene.tags(B) == set()


def test_an_input_without_the_stream_says_so(scene: Scene) -> None:
    """A run of other streams does not change the audience, and the report says so."""
    scene.send(A, B)
    run = scene.run(*stream_of("crm_accounts", {"name": "Fjord"}), state_of(1))
    assert run.code == 0
    assert scene.tags(B) == {"trial"}
    reason = "the input does not have this stream; its members stay"
    assert run.report["audiences"]["trial"]["reason"] == reason


def test_more_than_max_leave_share_never_leave_at_once(scene: Scene) -> None:
    """Beyond max_leave_share the run is refused with exit code 1, and so is the next run."""
    people = [f"p{n}@shop.example" for n in range(10)]
    scene.settings["audiences"]["trial"]["max_leave_share"] = 0.3
    scene.send(*people)
    joined = [f"q{n}@shop.example" for n in range(20)]
    for _ in range(2):
        run = scene.send(*people[4:], *joined)
        assert run.code == 1
        assert leavers(run) == []
        assert run.report["problem"] == (
            "audience trial: 4 of 10 members would leave; max_leave_share is 0.3, which lets 3 "
            "leave at once: no one left; check the query, or set max_leave_share to 0.4"
        )
        assert run.states == [{"bookmarks": {"at": 1}}]
    assert scene.tags(people[0]) == {"trial"}
    assert len(leavers(scene.send(*people[3:], *joined))) == 3
    assert scene.tags(people[0]) == set()


def test_who_joined_in_an_incomplete_input_leaves_by_the_next_complete_one(scene: Scene) -> None:
    """What an incomplete input gave is removed by the next complete one."""
    scene.send(A)
    run = scene.run(*stream_of("trial", {"email": B, "tags": ["trial"]}), "broken\n")
    assert run.report["audiences"]["trial"]["left"] == 0
    assert scene.tags(B) == {"trial"}
    assert len(leavers(scene.send(A))) == 1
    assert scene.tags(B) == set()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"audiences": {"crm_notes": {}}}, "an audience must be crm_contacts"),
        ({"audiences": {"trial": ["remove_tags"]}}, "must be an object"),
        ({"audiences": {"trial": {"on_leav": []}}}, "audiences.trial.on_leav is unknown"),
        ({"audiences": {"trial": {"on_leave": ["delete"]}}}, "on_leave must be an array of"),
        ({"audiences": {"trial": {"on_leave": []}}}, "on_leave must be an array of"),
        ({"audiences": {"trial": {"max_leave_share": 30}}}, "must be a number between 0 and 1"),
        ({"audiences": {"trial": {"max_leave_share": "x"}}}, "must be a number between 0 and 1"),
        ({"audiences": {"trial": {"allow_empty": "maybe"}}}, "must be true or false"),
        (
            {"audiences": {"trial": {"on_leave": "leave_automations"}}, "allow_automations": False},
            "leave_automations needs allow_automations",
        ),
    ],
)
def test_a_wrong_setting_is_one_line(scene: Scene, given: dict[str, Any], line: str) -> None:
    """Each wrong setting is one line with its place and the possible values."""
    with pytest.raises(Exception, match="audiences") as caught:
        scene.send(A, **given)
    assert line in str(caught.value)
