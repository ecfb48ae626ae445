"""Under every fault the account ends equal to the rows, and nothing is written twice."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.length import LONG, seeds
from tests.tap.client.clients import ManualClock
from tests.target.runner import TargetRunner

from .delivery import DONE, Delivery
from .warehouse import replayed
from .written_rows import SETTINGS, account, lines, picture, wanted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target.runner import Run

FEW, MANY = 3, 13  # people: written one by one, or through the importer
# The faults and their arguments; each affects some requests of a run.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "429": ("throttle", {"retry_after": 1}),
    "429 without Retry-After": ("throttle", {"retry_after": None}),
    "503 as a throttle": ("throttle", {"status": 503, "retry_after": 1}),
    "403 now and then": ("forbid", {}),
    **{f"{n}": ("server_error", {"status": n}) for n in (500, 502, 503, 504, 520, 524)},
    "524 though it was done": ("late_trouble", {}),
    "502 though it was done": ("late_trouble", {"status": 502}),
    "200 with nothing": ("empty_body", {}),
    "200 with half a JSON": ("truncated_json", {}),
    "200 with HTML": ("html_200", {}),
    "JSON that is called HTML": ("foreign_type", {}),
    "reset before it was done": ("reset", {}),
    "reset after it was done": ("reset_after_apply", {}),
    "chunks that break off": ("reset_after_apply", {"kind": "chunk"}),
    "no response in time": ("reset_after_apply", {"kind": "timeout"}),
    "slow answers": ("slow", {"seconds": 40}),
}


# `tests/tap/client/test_retry.py` proves for each status that the client decides as for 500 or 524.
ALIKE = {"502", "503", "504", "520"}
LATER = pytest.mark.long


class TargetRuns(Delivery):
    """An account and targets that write the same rows until all are written."""

    def __init__(self, folder: Path, people: int, seed: int | None = None, **switches: Any) -> None:
        """Make the account."""
        self.clock = ManualClock()
        self.world = account(self.clock, **switches)
        self.runner = TargetRunner(self.world, self.clock, folder, seed)
        self.lines = lines(people)
        self.rows = sum(line["type"] == "RECORD" for line in self.lines)
        self.wanted = wanted(people, picture(self.world))

    def run(self, **settings: Any) -> Run:
        """Deliver everything; a run that succeeds ends with a state after the last row."""
        run = self.deliver(**SETTINGS | settings)
        if run.code == 0:
            assert run.states[-1]["bookmarks"]["at"] == self.rows
        return run

    def end(self) -> None:
        """Deliver once more without a fault, and again: all is written, then nothing is sent."""
        self.world.faults.clear()
        self.world.settle(at_once=True)
        self.clock.sleep(5)
        run = self.run()
        assert run.code == 0, [r for r in run.results if r["action"] not in DONE] or run.last_word
        assert picture(self.world) == self.wanted
        assert self.run().writes == []
        assert picture(self.world) == self.wanted


@pytest.mark.parametrize(
    ("name", "people"),
    [
        *[pytest.param(name, FEW, marks=LATER if name in ALIKE else ()) for name in KINDS],
        *[(name, MANY) for name in (KINDS if LONG else [*KINDS][::3])],
    ],
)
def test_a_fault_costs_no_row_and_doubles_none(tmp_path: Path, name: str, people: int) -> None:
    """After two runs through a fault and a run without, the account equals the rows."""
    runs = TargetRuns(tmp_path, people)
    for turn in range(2):
        runs.world.faults.mix(0.2, seed=turn, kinds=(KINDS[name],))
        runs.run()
    runs.end()


LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "reset": ("reset_after_apply", {}),
    "524": ("late_trouble", {}),
    "nothing": ("empty_body", {}),
}
WRITES = [
    ("POST", "/tags"),
    ("POST", "/accounts"),
    ("PUT", "/accounts"),
    ("POST", "/dealStages"),
    ("POST", "/contact/sync"),
    ("PUT", "/contacts"),
    ("POST", "/import/bulk_import"),
    ("POST", "/contactTags"),
    ("POST", "/contactLists"),
    ("POST", "/accountContacts"),
    ("POST", "/deals"),
    ("PUT", "/deals"),
    ("POST", "/notes"),
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("method", "path"), WRITES, ids=lambda part: part.strip("/"))
def test_an_answer_that_is_lost_after_the_write_doubles_nothing(
    tmp_path: Path, method: str, path: str, loss: str
) -> None:
    """After every answer of a kind of write is lost, the next runs write nothing twice."""
    people = MANY if "import" in path else FEW
    runs = TargetRuns(tmp_path, people)
    kind, options = LOSSES[loss]
    rule = getattr(runs.world.faults, kind)(path, times=None, method=method, **options)
    runs.run()
    assert (rule.hits > 0) or method == "PUT"
    runs.end()


def test_every_kind_of_write_is_among_them(tmp_path: Path) -> None:
    """The test above loses every kind of write that a clean run sends."""
    made = set()
    for people in (FEW, MANY):
        runs = TargetRuns(tmp_path, people)
        for path in ("ledger.sqlite", "results.jsonl"):
            (tmp_path / path).unlink(missing_ok=True)
        made |= {(method, "/" + path) for method, path in runs.run().writes}
    assert not [
        request
        for request in made
        if not any(request[0] == m and request[1].startswith(p) for m, p in WRITES)
    ]


REFUSALS: dict[str, tuple[int, Any]] = {
    "a title, a code and a pointer": (
        422,
        {
            "errors": [
                {
                    "title": "It was not provided.",
                    "detail": "",
                    "code": "field_missing",
                    "error": "it_was_not_provided",
                    "source": {"pointer": "/data/attributes/name"},
                }
            ]
        },
    ),
    "no source": (422, {"errors": [{"title": "Taken", "detail": "", "code": "duplicate"}]}),
    "a status": (422, {"errors": [{"status": 422, "title": "Missing attribute"}]}),
    "a detail alone": (422, {"errors": [{"detail": "Wrong type"}]}),
    "a text": (422, {"errors": "No such thing"}),
    "a leak of the database": (
        422,
        {"message": "Could not process request", "error": "Duplicate entry 'x' for key 'y'"},
    ),
    "a typed source": (
        422,
        {"errors": [{"title": "t", "detail": "d", "source": {"type": "pointer", "value": "/x"}}]},
    ),
    "a code that is a number": (422, {"errors": [{"title": "t", "code": 422}]}),
    "nothing at all": (400, {}),
    "not allowed": (405, {"message": "no"}),
}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (path, name)
        for path in ("/contact/sync", "/deals", "/notes")
        for name in (REFUSALS if LONG or path == "/deals" else [*REFUSALS][:2])
    ],
)
def test_a_refusal_costs_the_row_it_was_for_alone(tmp_path: Path, path: str, name: str) -> None:
    """A refusal in any shape rejects one row with a reason; a later run writes it."""
    runs = TargetRuns(tmp_path, FEW)
    status, document = REFUSALS[name]
    runs.world.faults.refuse(path, document, status=status, method="POST", times=1)
    run = runs.runner.run(*runs.lines, **SETTINGS)
    assert len(run.results) == runs.rows
    refused = [r for r in run.results if r["action"] == "rejected"]
    assert refused
    assert all(r["reason"] for r in refused)
    # Rows that refer to a refused contact are refused too, and no other row is.
    people = {r["key"].get("email") for r in refused}
    assert len(refused) == 1 or (path == "/contact/sync" and len(people - {None}) == 1)
    runs.end()


@pytest.mark.parametrize("path", ["/contact/sync", "/contactLists", "/deals", "/notes", "/tags"])
def test_forbidden_writes_are_done_once_permitted(tmp_path: Path, path: str) -> None:
    """Rows whose write is forbidden have the reason, and are written once it is permitted."""
    runs = TargetRuns(tmp_path, FEW)
    runs.world.faults.forbid(path, method="POST")
    run = runs.runner.run(*runs.lines, **SETTINGS)
    assert len(run.results) == runs.rows
    refused = [r for r in run.results if r["action"] not in DONE]
    assert 0 < len(refused) < runs.rows
    assert all(r["reason"] for r in refused)
    runs.end()


@pytest.mark.parametrize("at", [1, 4, 9, 20, 30])
def test_a_lapsed_account_equals_the_rows_once_it_is_paid(tmp_path: Path, at: int) -> None:
    """After a 402 in mid-run, exit 1 and states for done rows, the next run writes the rest."""
    runs = TargetRuns(tmp_path, FEW)
    requests: list[str] = []

    def lapse(world: Any, *_: Any) -> None:
        requests.append("")
        if len(requests) == at:
            world.faults.lapsed()

    runs.world.before_request(lapse)
    run = runs.run()
    assert (run.code, "402" in run.last_word) == (1, True)
    runs.world.hooks.clear()
    runs.end()


DEAF = ["filters[", "search", "email", "listid", "status", "ids[]", "include", "orders[", "limit"]


@pytest.mark.parametrize("people", [FEW, MANY])
@pytest.mark.parametrize("parameter", DEAF)
def test_a_parameter_that_is_ignored_changes_no_stranger(
    tmp_path: Path, parameter: str, people: int
) -> None:
    """If the account ignores a parameter and returns other contacts, none of them is changed."""
    runs = TargetRuns(tmp_path, people)
    runs.world.faults.deaf(parameter)
    run = runs.run()
    assert run.code == 0, [r for r in run.results if r["action"] not in DONE]
    assert picture(runs.world) == runs.wanted


SWITCHES: dict[str, list[Any]] = {
    "contact_tag_again": [200, 422],
    "email_match": ["folded", "exact"],
    "tag_match": ["folded", "exact"],
    "account_match": ["folded", "exact"],
    "resubscribe_needs_source": [True, False],
    "import_success_key": ["Success", "success"],
    "import_outcome": ["completed", "completed", "failed", "interrupted"],
    "import_creates_accounts": [True, False],
    "import_seconds": [0, 4, 90],
    "deal_stage_alone_moves": [True, False],
    "meta_total": ["native", "missing", "wrong", "larger", "string"],
    "limit_over_100": ["cap", "422"],
    "drifting_order": [True, False],
    "nested_paged": [True, False],
    "undocumented_filters": [True, False],
}


@pytest.mark.parametrize("seed", seeds(8, 500))
def test_any_mix_of_faults_ends_with_the_account_equal_to_the_rows(
    tmp_path: Path, seed: int
) -> None:
    """After runs through any faults, and a run without, the account equals the rows.

    Writes are sequential or concurrent. A fault of the importer lasts.
    """
    dice = random.Random(seed)
    with replayed(seed, "tests/faults/test_writing.py -k any_mix"):
        switches = {name: dice.choice(ways) for name, ways in SWITCHES.items()}
        runs = TargetRuns(
            tmp_path,
            dice.choice([1, FEW, MANY]),
            None if dice.random() < 0.5 else seed,
            **switches,
        )
        for turn in range(dice.randrange(1, 4)):
            kinds = tuple(dice.sample(list(KINDS.values()), dice.randrange(1, 5)))
            runs.world.faults.mix(dice.uniform(0.02, 0.3), seed + turn, kinds)
            # A 403 that ends differs from a lasting 403 by its duration alone.
            patience = 60 if KINDS["403 now and then"] in kinds else 2
            bulk = dice.choice(["auto", "never", "always"])
            runs.run(bulk_import=bulk, max_retry_seconds=patience)
        runs.end()
