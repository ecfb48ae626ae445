"""The audiences in the ledger: their members, and the grants of streams to contacts.

The tables hold ids, keyed hashes and names of streams, no personal data. A person is stored as a
contact's id or, before the contact has an id, as `@` and the hash of the address.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_activecampaign_unified.resources.input_values.column_names import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .store import Store

KEY_BYTES = 16
ROWS_PER_PAGE = 5_000
NO_ADDRESS = b""
_PENDING, _COMPLETE = 1, 2
_ALL_MARKED, _GRANTED = "grants are marked", "granted "
#: Prefix of a contact's name in the keys of grants by streams that are no audience.
_BY_NAME = "="

#: The streams that granted a tag, list, field or automation, with a value that all of them share.
#: For a field, the value is the hash of the field's value. For a tag or list, it is the time of the
#: confirmation, in seconds of the account's clock. It is empty if that time is unknown.
Grantors = dict[str, str]


class Member(NamedTuple):
    """A member of an audience.

    ``address`` is the hash of the address, empty if the address is unknown. ``keys`` are the
    ledger's keys of the rows. ``is_pending``: a write began and is not confirmed. ``is_complete``:
    the member was in an input that was read to its end.
    """

    person: str
    address: bytes
    keys: tuple[bytes, ...] = ()
    is_pending: bool = False
    is_complete: bool = False

    @property
    def contact(self) -> str | None:
        """The contact's id, None if it is unknown."""
        return None if self.person.startswith("@") else self.person


@dataclass
class Grants:
    """The grants to a person: the grantors by grant id, such as `tag:12`.

    An entry of an address has the contact's id in ``contact`` as soon as the id is known. The entry
    of a contact has None there.
    """

    contact: str | None = None
    by_id: dict[str, Grantors] = field(default_factory=dict)


def placeholder_of(address: bytes) -> str:
    """Return the person of an address whose contact has no id yet."""
    return f"@{address.hex()}"


class AudienceRecords:
    """Reads and writes members and grants. A dry run writes nothing.

    The SQL table of grants has the name `given`: another name would need a migration of ledgers.
    """

    def __init__(
        self, store: Store, hash_key: Callable[..., bytes], *, is_dry_run: bool = False
    ) -> None:
        self._store, self._hash_key, self._is_dry = store, hash_key, is_dry_run

    @property
    def is_used(self) -> bool:
        """Whether any run of this ledger had an audience."""
        return self._store.get("meta", "audiences") is not None

    def mark_used(self) -> None:
        """Record that a run has an audience. From now on every run records its grants."""
        if not self._is_dry:
            if not self.is_used:
                self._store.add("meta", (_ALL_MARKED,), (b"1",))
            self._store.add("meta", ("audiences",), (b"1",))

    def granted_of(self, grant_ids: set[str]) -> set[str]:
        """Return the grant ids that an audience has ever granted to any person."""
        self._store.prefetch("meta", ((_GRANTED + grant_id,) for grant_id in grant_ids))
        return {
            grant_id
            for grant_id in grant_ids
            if self._store.get("meta", _GRANTED + grant_id) is not None
        }

    def mark_granted(self, grant_ids: Iterable[str]) -> None:
        """Record that an audience makes grants with these ids."""
        for key in (_GRANTED + grant_id for grant_id in grant_ids):
            if not self._is_dry and self._store.get("meta", key) is None:
                self._store.add("meta", (key,), (b"1",))

    def mark_earlier_grants(self) -> None:
        """Mark the grants that audiences made with an earlier version, once per ledger."""
        if self._is_dry or not self.is_used or self._store.get("meta", _ALL_MARKED) is not None:
            return
        after, grant_ids = "", set[str]()
        while rows := self._store.scan("given", after, ROWS_PER_PAGE):
            for _, __, text in rows:
                grant_ids.update(json.loads(text) if text else ())
            after = rows[-1][0]
        with self._store.transaction():
            self.mark_granted(grant_ids)
            self._store.add("meta", (_ALL_MARKED,), (b"1",))

    def had_end_mark(self, audience: str) -> bool:
        """Return whether the source of an audience has ever sent a mark of the stream's end."""
        return self._store.get("meta", f"end mark of {audience}") is not None

    def note_end_mark(self, audience: str) -> None:
        """Record that the source of an audience sends a mark of the stream's end."""
        if not self._is_dry:
            self._store.add("meta", (f"end mark of {audience}",), (b"1",))

    def address_key(self, address: str) -> bytes:
        """Return the hash of an address."""
        return self._hash_key("address", fold(address))

    def hashed_address(self, address: str | None) -> bytes:
        """Return the hash of an address, `NO_ADDRESS` without an address."""
        return self.address_key(address) if address else NO_ADDRESS

    def digest(self, value: str) -> str:
        """Return the hash of a field's value."""
        return self._hash_key("value", value)[:8].hex()

    def uncache(self) -> None:
        """Drop the prefetched rows, so that only the rows of one batch are in memory."""
        self._store.uncache("members", "given")

    # --- grants ------------------------------------------------------------------------------

    def prefetch_grants(self, persons: Iterable[str]) -> None:
        """Read the grants of many persons with few statements."""
        self._store.prefetch("given", ((person_id,) for person_id in persons))

    def grants_of(self, person: str) -> Grants:
        """Return the grants of a person. For the address of a known contact, only ``contact``."""
        values = self._store.get("given", person)
        if values is None:
            return Grants()
        return Grants(values[0], json.loads(values[1]) if values[1] else {})

    def put_grants(self, person: str, grants: Grants) -> None:
        """Replace the grants of a person, without the grants that have no grantor."""
        if self._is_dry:
            return
        by_id = {grant_id: grantors for grant_id, grantors in grants.by_id.items() if grantors}
        if not by_id and grants.contact is None:
            if self._store.get("given", person) is not None:
                self._store.put("given", (person,), None)
            return
        text = json.dumps(by_id, separators=(",", ":"), sort_keys=True)
        values = (grants.contact, text if by_id else "")
        if self._store.get("given", person) != values:
            self._store.put("given", (person,), values)

    # --- other streams ----------------------------------------------------------------------

    def prefetch_stream_grants(self, names: Iterable[str]) -> None:
        """Read the grants of other streams to many contacts with few statements."""
        self.prefetch_grants(_BY_NAME + name for name in names)

    def stream_grants_of(self, name: str) -> dict[str, Grantors]:
        """Return the grants of streams that are no audience to the contact of an id or an address.

        ``name`` is the id or the address's placeholder. Another contact may have the address now.
        """
        return self.grants_of(_BY_NAME + name).by_id

    def put_stream_grants(self, name: str, by_id: dict[str, Grantors]) -> None:
        """Replace the grants of streams that are no audience to the contact ``name``."""
        self.put_grants(_BY_NAME + name, Grants(by_id=by_id))

    def remove_grants(self, person: str, grant_ids: set[str]) -> None:
        """Remove grants of audiences and of other streams to a contact's id or an address."""
        for key in (person, _BY_NAME + person):
            grants = self.grants_of(key)
            if not grant_ids.isdisjoint(grants.by_id):
                for grant_id in grant_ids:
                    grants.by_id.pop(grant_id, None)
                self.put_grants(key, grants)

    # --- members ----------------------------------------------------------------------------

    def audiences(self) -> list[str]:
        """Return the audiences that have members."""
        return self._store.firsts("members") if self.is_used else []

    def prefetch_members(self, audience: str, persons: Iterable[str]) -> None:
        """Read many members with few statements."""
        self._store.prefetch("members", ((audience, person_id) for person_id in persons))

    def member(self, audience: str, person: str) -> Member | None:
        """Return a member, None if the person is no member."""
        values = self._store.get("members", audience, person)
        return None if values is None else _member_of(person, values)

    def put_member(self, audience: str, member: Member) -> None:
        """Add or replace a member."""
        values = (
            member.address,
            b"".join(member.keys),
            _PENDING * member.is_pending | _COMPLETE * member.is_complete,
        )
        if not self._is_dry and self._store.get("members", audience, member.person) != values:
            self._store.put("members", (audience, member.person), values)

    def remove_member(self, audience: str, person: str) -> None:
        """Remove a member."""
        if not self._is_dry:
            self._store.put("members", (audience, person), None)

    def members(self, audience: str) -> Iterator[Member]:
        """Return all members. Members that are added during the walk may be among them."""
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
    row_keys = tuple(keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES))
    return Member(person, address, row_keys, bool(flags & _PENDING), bool(flags & _COMPLETE))
