"""The importer: few requests, bad rows rejected alone, automations excluded."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox import importer
from tests.sandbox.limits import RollingWindow
from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox import World
    from tests.target.runner import TargetRunner


ALONE: dict[str, Any] = {"bulk_import": "always"}


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    """Return rows of new contacts with three fields, two tags and a list each."""
    return [
        {
            "email": f"p{n}@warehouse.example",
            "first_name": f"P{n}",
            "custom_fields": {"alpha": f"a{n}", "beta": n, "gamma": "2031-03-03"},
            "tags": ["imported", "score:high"],
            "segments": ["News"],
            **more,
        }
        for n in range(count)
    ]


def prepare(world: World) -> int:
    """Create three fields and a list in the account; return the list's id."""
    for title, kind in (("Alpha", "text"), ("Beta", "number"), ("Gamma", "date")):
        world.add_field(title, kind, title.upper())
    return int(world.add_list("News").id)


@pytest.mark.long
@pytest.mark.parametrize("success_key", ["Success", "success"])
def test_ten_thousand_new_contacts_take_at_most_110_requests(
    make_runner: Callable[..., TargetRunner], success_key: str
) -> None:
    """10,000 new contacts take at most 110 requests.

    Writing them again takes none, and with 2 % changed at most 20.
    """
    runner = make_runner(requests_per_second=5, import_success_key=success_key)
    list_id = prepare(runner.world)
    rows = people(10_000)
    run = runner.send("crm_contacts", *rows)
    assert run.code == 0
    assert set(run.actions) == {"created"}
    assert len(run.requests) <= 110
    assert sum(path == "import/bulk_import" and m == "POST" for m, path in run.requests) == 40
    assert runner.world.busiest_second() <= 5
    member = runner.world.find_contact("p77@warehouse.example")
    assert runner.world.membership(member.id, list_id).status == 1
    assert len(runner.world.tables["contactTags"].by("contact", member.id)) == 2
    again = runner.send("crm_contacts", *rows)
    assert set(again.actions) == {"unchanged"}
    assert again.requests == []
    for row in rows[:200]:
        row["custom_fields"]["beta"] += 1
    changed = runner.send("crm_contacts", *rows)
    assert len(changed.requests) <= 20
    assert changed.actions.count("unchanged") == 9_800


@pytest.mark.long
def test_every_result_has_its_id_within_215_requests(runner: TargetRunner) -> None:
    """With look_up_ids each result has its id, for one request per 100 new contacts more."""
    prepare(runner.world)
    run = runner.send("crm_contacts", *people(10_000), look_up_ids=True)
    assert len(run.requests) <= 215
    ids = {r["id"] for r in run.results}
    assert len(ids) == 10_000
    result = next(r for r in run.results if r["row"] == 500)
    assert runner.world.tables["contacts"][result["id"]].email == result["key"]["email"]


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("bad", [[0], [5], [249], [3, 4, 100], [248, 249]])
def test_one_bad_row_rejects_only_itself(
    runner: TargetRunner, monkeypatch: pytest.MonkeyPatch, base: int, bad: list[int]
) -> None:
    """Only refused contacts are rejected, whether ActiveCampaign counts rows from 0 or 1."""
    names = {f"p{n}@warehouse.example" for n in bad}

    def fault(w: Any, contact: dict[str, Any]) -> str | None:
        return "This contact is not welcome." if contact["email"] in names else None

    monkeypatch.setattr(importer, "_fault_of", fault)
    refused = importer._refused

    def shifted(message: str, reasons: list[Any] | None = None) -> Any:
        moved = [
            {**r, "contact": r["contact"] + base} if isinstance(r, dict) else r
            for r in reasons or []
        ]
        return refused(message, moved)

    monkeypatch.setattr(importer, "_refused", shifted)
    prepare(runner.world)
    run = runner.send("crm_contacts", *people(300))
    rejected = {r["key"]["email"] for r in run.results if r["action"] == "rejected"}
    assert rejected == names
    arrived = [c.email for c in runner.world.tables["contacts"] if c.email.startswith("p")]
    assert len([e for e in arrived if e.endswith("@warehouse.example")]) == 300 - len(names)


def test_an_unanswered_batch_is_sent_again_and_creates_no_contact_twice(
    runner: TargetRunner,
) -> None:
    """A batch whose answer is lost is sent again, and each row has one result."""
    prepare(runner.world)
    runner.world.faults.reset_after_apply("/import/bulk_import", times=2, method="POST")
    run = runner.send("crm_contacts", *people(40))
    assert run.code == 0
    assert set(run.actions) <= {"created", "updated"}
    assert len(run.results) == 40
    emails = [c.email for c in runner.world.tables["contacts"]]
    assert len(emails) == len(set(emails))


def test_a_long_wait_for_imports_is_logged_with_its_reason(
    make_runner: Callable[..., TargetRunner], caplog: pytest.LogCaptureFixture
) -> None:
    """No line within ten seconds, then one line for each doubling of the time."""
    for seconds, most in ((4, 0), (30, 3), (300, 7)):
        caplog.clear()
        runner = make_runner(import_seconds=seconds)
        prepare(runner.world)
        with caplog.at_level(logging.INFO):
            run = runner.send(
                "crm_contacts", *people(600), ledger_path=str(runner.folder / str(seconds))
            )
        assert set(run.actions) == {"created"}
        lines = [
            message
            for message in caplog.messages
            if message.startswith("Waiting for ActiveCampaign")
        ]
        assert min(most, 1) <= len(lines) <= most
        assert all("finish 3 accepted import batches" in line for line in lines)


def test_a_long_wait_for_the_importers_limit_is_logged_with_its_reason(
    make_runner: Callable[..., TargetRunner], caplog: pytest.LogCaptureFixture
) -> None:
    """The importer takes 20 batches of one contact per minute."""
    runner = make_runner(import_seconds=0)
    runner.batch_rows = 1
    with caplog.at_level(logging.INFO):
        runner.send("crm_contacts", *[{"email": f"s{n}@x.example"} for n in range(25)], **ALONE)
    lines = [message for message in caplog.messages if "for the next import batch" in message]
    assert lines
    assert all("batches of one contact per minute" in line for line in lines)


@pytest.mark.parametrize("outcome", ["failed", "interrupted"])
def test_a_batch_that_is_never_processed_is_written_one_by_one(
    make_runner: Callable[..., TargetRunner], outcome: str
) -> None:
    """A batch that is never processed is sent again once, then its contacts one by one."""
    runner = make_runner(import_outcome=outcome)
    prepare(runner.world)
    run = runner.send("crm_contacts", *people(12))
    assert run.code == 0
    assert all(runner.world.find_contact(f"p{n}@warehouse.example") for n in range(12))


def test_the_importers_own_limits_are_kept(make_runner: Callable[..., TargetRunner]) -> None:
    """The target sends at most 100 batches and 20 single rows per minute."""
    runner = make_runner()
    prepare(runner.world)
    runner.run(*_rows(25), bulk_import="always", run_automations=False)
    singles = [e for e in runner.world.log if e.path.endswith("bulk_import") and e.method == "POST"]
    assert len(singles) == 25
    assert all(entry.status == 200 for entry in singles)


UNLIMITED: dict[str, Any] = {"api_url": "http://localhost", "requests_per_second": 0}


@pytest.mark.parametrize("limits", [True, False])
def test_without_a_limit_of_requests_the_importers_hold_once_it_names_them(
    make_runner: Callable[..., TargetRunner], limits: bool
) -> None:
    """Without a rate limit the importer's limits apply once a refusal names them."""
    runner = make_runner(requests_per_second=0, import_seconds=0)
    prepare(runner.world)
    if not limits:
        runner.world.import_windows = (RollingWindow(0, 60), RollingWindow(0, 60))
    run = runner.run(*_rows(45), bulk_import="always", run_automations=False, **UNLIMITED)
    assert set(run.actions) == {"created"}
    sent = [e for e in runner.world.log if e.path.endswith("bulk_import") and e.method == "POST"]
    assert [e.status for e in sent].count(400) == (1 if limits else 0)
    seconds = (sent[-1].time - sent[0].time).total_seconds()
    assert (seconds > 120) == limits


def _rows(count: int) -> list[Any]:
    found: list[Any] = []
    for n in range(count):
        found += stream_of("crm_contacts", {"email": f"s{n}@shop.example"})
        found.append(state_of(n))
    return found


@pytest.mark.parametrize("where", ["contact", "payload", "both"])
def test_without_run_automations_no_row_starts_an_automation(
    make_runner: Callable[..., TargetRunner], where: str
) -> None:
    """With run_automations false no automation starts: single rows use the importer too."""
    runner = make_runner(exclude_automations_at=where)
    prepare(runner.world)
    before = len(_started(runner))
    row = people(1, remove_tags=["old"], title="CFO")[0]
    run = runner.send("crm_contacts", row, run_automations=False)
    assert run.actions == ["created"]
    assert "run_automations" in run.reason()
    assert len(_started(runner)) == before
    louder = people(1)[0] | {"email": "loud@shop.example"}
    runner.send("crm_contacts", louder)
    assert len(_started(runner)) > before


def _started(runner: TargetRunner) -> list[Any]:
    return [e for e in runner.world.automation_log if e["starts"]]


def test_blanks_are_never_sent_by_accident(runner: TargetRunner) -> None:
    """Null, empty text and absent keys change no value through the importer."""
    contacts = [
        runner.world.add_contact(f"b{n}@shop.example", firstName="Bo", phone="5") for n in range(12)
    ]
    rows = [
        {"email": c.email, "first_name": None, "last_name": "New", "phone_numbers": []}
        for c in contacts
    ]
    runner.send("crm_contacts", *rows)
    assert {(c.firstName, c.lastName, c.phone) for c in contacts} == {("Bo", "New", "5")}
    runner.send("crm_contacts", *rows, null_policy="clear")
    assert {(c.firstName, c.phone) for c in contacts} == {("", "")}


@pytest.mark.parametrize("reason", ["At most 100 per minute.", "Slow down, please."])
def test_a_budget_that_others_spend_is_waited_for(
    runner: TargetRunner, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """A 400 of the importer for its limit is waited for and rejects no contact, for any text."""
    prepare(runner.world)
    window = runner.world.import_windows[1]
    window.kept.extend([runner.clock.moments()] * 100)
    refused = importer._refused

    def worded(message: str, reasons: list[Any] | None = None) -> Any:
        limited = message.startswith("Rate limit")
        return refused(message, [reason] if limited else reasons)

    monkeypatch.setattr(importer, "_refused", worded)
    run = runner.send("crm_contacts", *people(30))
    assert run.code == 0
    assert set(run.actions) == {"created"}


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize("seconds", [0, 0.7, 25])
def test_the_importer_never_sees_one_batch_too_many(
    make_runner: Callable[..., TargetRunner],
    monkeypatch: pytest.MonkeyPatch,
    seed: int | None,
    seconds: float,
) -> None:
    """No minute has more than 100 batches, whatever the delay of responses."""
    monkeypatch.setattr("target_activecampaign.sinks.contacts.bulk_import.importer.MAX_CONTACTS", 2)
    runner = make_runner()
    runner.seed = seed
    prepare(runner.world)
    if seconds:
        runner.world.faults.slow(seconds, "/import/bulk_import", times=None, method="POST")
    run = runner.send("crm_contacts", *people(520))
    assert run.code == 0
    assert set(run.actions) == {"created"}
    queued = [e for e in runner.world.log if e.path.endswith("bulk_import") and e.method == "POST"]
    assert [entry.status for entry in queued] == [200] * 260
    if not seconds:
        # Batches for three minutes, in little more than the two minutes between them.
        assert (queued[-1].time - queued[0].time).total_seconds() < 150


@pytest.mark.parametrize("seed", range(4))
def test_a_refused_batch_holds_up_no_other(
    make_runner: Callable[..., TargetRunner], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """A batch with a bad row does not delay other batches, and each row has its own result."""
    monkeypatch.setattr(
        "target_activecampaign.sinks.contacts.bulk_import.importer.MAX_CONTACTS", 10
    )
    names = {f"p{n}@warehouse.example" for n in (3, 4, 55, 99)}

    def fault(w: Any, contact: dict[str, Any]) -> str | None:
        return "This contact is not welcome." if contact["email"] in names else None

    monkeypatch.setattr(importer, "_fault_of", fault)
    runner = make_runner()
    runner.seed = seed
    prepare(runner.world)
    run = runner.send("crm_contacts", *people(100))
    assert {r["key"]["email"] for r in run.results if r["action"] == "rejected"} == names
    assert run.actions.count("created") == 96


@pytest.mark.parametrize("seed", range(4))
def test_a_limit_that_others_use_up_is_probed_by_one_batch(
    make_runner: Callable[..., TargetRunner], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """After a refusal for the limit all batches wait, and one of them probes."""
    monkeypatch.setattr(
        "target_activecampaign.sinks.contacts.bulk_import.importer.MAX_CONTACTS", 10
    )
    runner = make_runner()
    runner.seed = seed
    prepare(runner.world)
    runner.world.import_windows[1].kept.extend([runner.clock.moments()] * 100)
    run = runner.send("crm_contacts", *people(200))
    assert run.code == 0
    assert set(run.actions) == {"created"}
    refused = [e for e in runner.world.log if e.path.endswith("bulk_import") and e.status == 400]
    assert len(refused) <= 8 + 3  # batches already under way, and the probes
