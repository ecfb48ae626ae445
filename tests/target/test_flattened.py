"""The target plans the same requests for flattened and unflattened output of the tap."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.cases import briefly
from tests.target.runner import TargetRunner
from tests.target.test_copy import SETTINGS, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.runner import ManualClock
    from tests.sandbox import World

DEPTHS = [0, 1, 2, 3]


def rich(world: World) -> World:
    """Give an account values of every field type, and deals with secondary contacts alone."""
    people = list(world.tables["contacts"])
    hobbies = world.add_field("Hobbies", "listbox", "HOBBIES")
    world.add_options(hobbies.id, "Hiking", "Chess", "a, b")
    for number, person in enumerate(people[:6]):
        world.set_field(person.id, hobbies.id, ["||Hiking||Chess||", "||a, b||", ""][number % 3])
    money = world.add_custom_field("deal", "Margin", "currency")
    parts = world.add_custom_field("deal", "Parts", "multiselect", fieldOptions=["A", "B c"])
    worth = world.add_custom_field("account", "Worth", "currency")
    for deal in list(world.tables["deals"])[:4]:
        world.set_datum("deal", deal.id, money.id, "1250", "eur")
        world.set_datum("deal", deal.id, parts.id, ["A", "B c"])
    for account in list(world.tables["accounts"])[:3]:
        world.set_datum("account", account.id, worth.id, "99900", "usd")
    return world


def sent(runner: TargetRunner, messages: list[dict[str, Any]], **settings: Any) -> Counter[str]:
    """Send messages to an account and return every write request with its body."""
    before = len(runner.world.log)
    run = runner.run(*messages, **settings)
    assert run.code in {0, 1}
    return Counter(
        f"{request.method} {request.path} {request.body!r}"
        for request in runner.world.log[before:]
        if request.method != "GET"
    )


@pytest.mark.parametrize("depth", briefly(DEPTHS, 2))
@pytest.mark.parametrize("is_copy", [True, False], ids=["into an empty account", "the way back"])
def test_flattened_rows_plan_what_unflattened_rows_plan(
    make_world: Callable[..., World],
    clock: ManualClock,
    tmp_path: Path,
    *,
    depth: int,
    is_copy: bool,
) -> None:
    """Flattened rows give the same requests and bodies, for every stream and depth."""
    source = rich(make_world(contacts=30, deals=12, accounts=8))
    found = []
    for number, flat in enumerate(
        ({}, {"flattening_enabled": True, "flattening_max_depth": depth})
    ):
        messages = read(source, clock, tmp_path, **flat)
        folder = tmp_path / str(number)
        folder.mkdir()
        to = (
            make_world(is_empty=True)
            if is_copy
            else rich(make_world(contacts=30, deals=12, accounts=8))
        )
        found.append(
            sent(TargetRunner(to, clock, folder), messages, **(SETTINGS if is_copy else {}))
        )
    missing, more = found[0] - found[1], found[1] - found[0]
    assert (list(missing), list(more)) == ([], [])
