"""A row in any spelling is written, or its result names the column and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner

#: The written value by column, and its place in the account.
VALUES = {"first_name": "Ann", "last_name": "Lee", "phone": "+1 555"}
NATIVE = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}


def camel(name: str) -> str:
    """Return a name in camelCase."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.title,
    camel,
    lambda name: camel(name)[0].upper() + camel(name)[1:],
    lambda name: name.replace("_", ""),
    lambda name: name.replace("_", " "),
    lambda name: name.replace("_", "-"),
    lambda name: f"{name}s",
    lambda name: f"x_{name}",
    lambda name: name[1:],
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    spelled=st.lists(
        st.tuples(st.sampled_from(sorted(VALUES)), st.sampled_from(SPELLINGS)),
        min_size=1,
        max_size=3,
        unique_by=lambda pair: pair[0],
    )
)
def test_a_column_of_any_spelling_is_written_or_named(
    make_runner: Callable[..., TargetRunner], spelled: list[tuple[str, Any]]
) -> None:
    """Each column is written or named in the result, on the first run and on the next."""
    runner = make_runner()
    ledger = str(runner.folder / f"{uuid4()}.sqlite")
    row = {"email": "spelled@shop.example"} | {spell(name): VALUES[name] for name, spell in spelled}
    for _ in range(2):
        run = runner.send("crm_contacts", row, ledger_path=ledger)
        person = runner.world.find_contact("spelled@shop.example")
        for name, spell in spelled:
            is_written = person is not None and getattr(person, NATIVE[name]) == VALUES[name]
            assert is_written or spell(name) in run.reason()
