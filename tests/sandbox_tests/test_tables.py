"""Tables: rows and indexes agree after any operations."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.rows import ContactTag
from tests.sandbox.store import by
from tests.sandbox.tables import Table

SMALL = st.integers(1, 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), SMALL, SMALL),
        st.tuples(st.just("change"), st.integers(1, 20), SMALL),
        st.tuples(st.just("delete"), st.integers(1, 20), SMALL),
        st.tuples(st.just("burn"), SMALL, SMALL),
    ),
    max_size=40,
)


@given(STEPS)
def test_indexes_follow_every_step(steps):
    """Each index has exactly the existing rows, in ascending order of id."""
    table = Table("contactTags", ContactTag, **by("contact", "tag"))
    for step, first, second in steps:
        if step == "insert":
            table.insert(ContactTag(first, second, 0, 0))
        elif step == "change" and first in table:
            table.change(table[first], tag=second)
        elif step == "delete":
            table.delete(first)
        elif step == "burn":
            table.take_id()
    for name in ("contact", "tag"):
        expected = defaultdict(list)
        for row in table:
            expected[getattr(row, name)].append(row)
        assert all(table.by(name, key) == expected[key] for key in range(1, 5))
    assert table.ids() == sorted(table.rows) == list(table.rows)
    assert table.last_id >= max(table.rows, default=0)


def test_ids_are_never_given_twice():
    """A deleted row's id is not used again."""
    table = Table("contactTags", ContactTag, **by("contact"))
    first = table.insert(ContactTag(1, 1, 0, 0))
    table.delete(first.id)
    assert table.insert(ContactTag(1, 1, 0, 0)).id == first.id + 1
