"""What the ledger keeps of audiences: their members, and what streams gave to contacts.

It keeps ids, keyed hashes and names of streams, no personal data. A person is a contact's id, or,
until the contact has one, `@` and the hash of the address.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_activecampaign_unified.resources.parsing.names import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .store import Store

KEY_BYTES = 16
ROWS_PER_PAGE = 5_000
NO_ADDRESS = b""
_OPEN, _COMPLETE = 1, 2

#: What gave a tag, list, field or automation, with one value for all: of a field the hash of its
#: value; of a tag or list the time when it was confirmed as given, in seconds of the account's
#: clock, empty where that is not known.
Holders = dict[str, str]


class Member(NamedTuple):
    """A member of an audience.

    ``address`` is the hash of the address, empty where none is known. ``keys`` are the ledger's
    keys of the rows. ``is_open``: a write was begun and is not confirmed. ``is_complete``: the
    member was in an input that was read to its end.
    """

    person: str
    address: bytes
    keys: tuple[bytes, ...] = ()
    is_open: bool = False
    is_complete: bool = False

    @property
    def contact(self) -> str | None:
        """The contact's id, None where it is not known."""
        return None if self.person.startswith("@") else self.person


@dataclass
class Given:
    """What streams gave to a person: the holders of each token, such as `tag:12`.

    ``contact`` is the id of a contact that was written by its address, None where this is the
    contact's own entry, or where no id is known yet.
    """

    contact: str | None = None
    tokens: dict[str, Holders] = field(default_factory=dict)


def person_of(address: bytes) -> str:
    """Return who an address is until its contact has an id."""
    return f"@{address.hex()}"


class AudienceRecords:
    """Reads and writes members and givings; a dry run writes nothing."""

    def __init__(
        self, store: Store, hash_key: Callable[..., bytes], *, is_dry_run: bool = False
    ) -> None:
        self._store, self._hash_key, self._is_dry = store, hash_key, is_dry_run

    @property
    def is_used(self) -> bool:
        """Whether any run of this ledger had an audience."""
        return self._store.get("meta", "audiences") is not None

    def mark_used(self) -> None:
        """Record that a run has an audience: from now on every run records what it gives."""
        if not self._is_dry:
            self._store.add("meta", ("audiences",), (b"1",))

    def address_key(self, address: str) -> bytes:
        """Return the hash of an address."""
        return self._hash_key("address", fold(address))

    def digest(self, value: str) -> str:
        """Return the hash of a field's value."""
        return self._hash_key("value", value)[:8].hex()

    def uncache(self) -> None:
        """Drop what was read ahead, so that the rows of a batch stay in memory."""
        self._store.uncache("members", "given")

    # --- givings ----------------------------------------------------------------------------

    def prefetch_given(self, persons: Iterable[str]) -> None:
        """Read the givings of many persons with few statements."""
        self._store.prefetch("given", ((one,) for one in persons))

    def given(self, person: str) -> Given:
        """Return what was given to a person; to an address whose contact is known, the contact."""
        found = self._store.get("given", person)
        if found is None:
            return Given()
        return Given(found[0], json.loads(found[1]) if found[1] else {})

    def put_given(self, person: str, given: Given) -> None:
        """Write what was given to a person, in place of the earlier entry."""
        if self._is_dry:
            return
        if not given.tokens and given.contact is None:
            if self._store.get("given", person) is not None:
                self._store.put("given", (person,), None)
            return
        text = json.dumps(given.tokens, separators=(",", ":"), sort_keys=True)
        values = (given.contact, text if given.tokens else "")
        if self._store.get("given", person) != values:
            self._store.put("given", (person,), values)

    # --- members ----------------------------------------------------------------------------

    def prefetch_members(self, audience: str, persons: Iterable[str]) -> None:
        """Read many members with few statements."""
        self._store.prefetch("members", ((audience, one) for one in persons))

    def member(self, audience: str, person: str) -> Member | None:
        """Return a member, None where the person is none."""
        found = self._store.get("members", audience, person)
        return None if found is None else _member_of(person, found)

    def put_member(self, audience: str, member: Member) -> None:
        """Write a member, in place of the earlier entry."""
        values = (
            member.address,
            b"".join(member.keys),
            _OPEN * member.is_open | _COMPLETE * member.is_complete,
        )
        if not self._is_dry and self._store.get("members", audience, member.person) != values:
            self._store.put("members", (audience, member.person), values)

    def remove_member(self, audience: str, person: str) -> None:
        """Remove a member."""
        if not self._is_dry:
            self._store.put("members", (audience, person), None)

    def members(self, audience: str) -> Iterator[Member]:
        """Return all members; those written meanwhile may be among them."""
        after = ""
        while True:
            rows = self._store.page("members", audience, after, ROWS_PER_PAGE)
            for person, *values in rows:
                yield _member_of(person, tuple(values))
            if len(rows) < ROWS_PER_PAGE:
                return
            after = rows[-1][0]


def _member_of(person: str, values: tuple[Any, ...]) -> Member:
    address, keys, flags = bytes(values[0]), bytes(values[1]), int(values[2])
    split = tuple(keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES))
    return Member(person, address, split, bool(flags & _OPEN), bool(flags & _COMPLETE))
