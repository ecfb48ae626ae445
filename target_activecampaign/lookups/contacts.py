"""Contacts found by e-mail address and by id, with the fewest requests."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import FULL_PAGE, NotFound, named_rows, total_of, walk_keyset
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.input_values.ids import id_number

from .email_address_index import EmailAddressIndex
from .lookup import Lookup, NativeRow, Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_activecampaign_unified.client import Page
    from target_activecampaign.outcome import RowError


MAX_CACHED_CONTACTS = 50_000
#: The most addresses that the target looks up without a comparison with a read of all contacts.
MAX_SINGLE_LOOKUPS = FULL_PAGE // 4


@dataclass(eq=False, repr=False)
class ContactLookup(Lookup):
    """The contacts that rows refer to, cached for this run."""

    _contacts: dict[str, str] = field(default_factory=dict, init=False)
    _absent: set[str] = field(default_factory=set, init=False)
    #: All contacts by address, None until many addresses are looked up at once.
    _index: EmailAddressIndex | None = field(default=None, init=False)

    def contact(self, ref: Ref) -> str:
        """Return the id of a reference's contact: a given id as it is, else the one of the address.

        Raises the error of `contact_not_found`.
        """
        native_id = self.foreign_ids.read_reference("contact", ref, "contact")
        if native_id:
            return native_id
        email = ref.get("email")
        if email:
            native_id = self.contacts_by_email([email]).get(fold(email))
            if native_id:
                return native_id
        raise self.contact_not_found(email)

    def contact_not_found(self, email: str | None) -> RowError:
        """Return the error of a row whose contact does not exist yet."""
        by = "address" if email else "id"
        reason = f"contact: the account has none with this {by}; write the contact too"
        return self.unresolved(reason, "contact", email)

    def note_contact(self, email: str, native_id: str | None) -> None:
        """Cache an address's contact for this run."""
        if len(self._contacts) >= MAX_CACHED_CONTACTS:
            self._contacts.clear()
        self._absent.discard(fold(email))
        if native_id:
            self._contacts[fold(email)] = native_id
        else:
            self._contacts.pop(fold(email), None)

    def forget_contact(self, email: str) -> None:
        """Forget an address's contact, which was deleted or has another address now."""
        self._contacts.pop(fold(email), None)
        if self._index is not None:
            self._index.forget(email)

    def note_new_address(self, native_id: str, former: str, new: str) -> None:
        """Note that this run changed the address of a contact."""
        if self._contacts.get(fold(former)) == native_id:
            self._contacts.pop(fold(former))
        if self._index is not None:
            if self._index.find(former) == native_id:
                self._index.forget(former)
            self._index.put(new, native_id)
        self.note_contact(new, native_id)

    def found_id(self, email: str | None) -> str | None:
        """Return the id of an address's contact if this run found it already."""
        return self._contacts.get(fold(email or ""))

    def is_absent(self, email: str | None) -> bool:
        """Return whether this run looked up an address and found no contact."""
        return fold(email or "") in self._absent

    def forget_absent(self) -> None:
        """Forget which contacts are absent, because contacts were written."""
        self._absent.clear()

    def prefetch_contacts(self, refs: Iterable[Ref]) -> None:
        """Look up the addresses of many references with the fewest requests."""
        emails = [ref["email"] for ref in refs if ref.get("email") and not ref.get("id")]
        if len(emails) > 1:
            self.contacts_by_email(emails)

    def contacts_by_email(self, emails: Iterable[str]) -> dict[str, str]:
        """Return the ids of existing contacts by folded address.

        Sends a request per address, or reads all contacts if that takes fewer requests. A run reads
        all contacts only once. Later it reads only the contacts that were created since then.
        """
        wanted = {fold(email): email.strip() for email in emails}
        ids = {key: self._contacts[key] for key in wanted if self._contacts.get(key)}
        missing = {
            key: email
            for key, email in wanted.items()
            if key not in ids and key not in self._absent
        }
        if self._reads_all(len(missing)):
            index = self._complete_index()
            for key in missing:
                native_id = index.find(key)
                if native_id is not None:
                    ids[key] = native_id
                    self.note_contact(key, native_id)
            self._absent |= missing.keys() - ids.keys()
            return ids
        self.pool.each([partial(self._find, email, ids) for email in missing.values()])
        return ids

    def _reads_all(self, count: int) -> bool:
        """Return whether a read of all contacts takes fewer requests than ``count`` lookups."""
        if self._index is not None:
            return count > MAX_SINGLE_LOOKUPS
        return self.lookup_cost(count) < count

    def _complete_index(self) -> EmailAddressIndex:
        """Return the index of all contacts, after adding those created since its last use."""
        with self.pool.named_lock("contact", "all addresses"):
            index = self._index = self._index or EmailAddressIndex()
            for _ in self._walk(index.last):
                pass
        return index

    def _walk(self, after: int) -> Iterator[Page]:
        """Walk over the contacts above an id. Adds them to the index if it exists."""
        index, highest = self._index, after
        for page in walk_keyset(self.client, "contacts", "contacts", [("status", -1)], after=after):
            if index is not None:
                index.add(page.rows)
                highest = max([highest, *(id_number(row.get("id")) or 0 for row in page.rows)])
                # A walk by offset has no position: the ids of its next pages may be lower.
                index.note_walk(after, page.position or after)
            yield page
        if index is not None:
            index.note_walk(after, highest)

    def _find(self, email: str, ids: dict[str, str]) -> None:
        """Look up an address, unless another thread just looked it up."""
        key = fold(email)
        with self.pool.named_lock("contact", key):
            if key in self._contacts:
                ids[key] = self._contacts[key]
            elif key not in self._absent:
                row = self.read_contact(email, ignores_case=True)
                if row is None:
                    self._absent.add(key)
                else:
                    ids[key] = str(row["id"])
                    self.note_contact(key, ids[key])

    def lookup_cost(self, count: int) -> int:
        """Return about how many requests the lookup of ``count`` addresses takes.

        It takes a request per address, or a read of all contacts if that takes fewer requests.
        """
        if count <= MAX_SINGLE_LOOKUPS:
            return count
        total = total_of(self.client.get("contacts", [("limit", 1), ("status", -1)]).body)
        return count if total is None else min(count, total // FULL_PAGE + 2)

    def read_contact(self, email: str, *, ignores_case: bool = False) -> NativeRow | None:
        """Return the contact of an address, None if the address has no contact.

        ``ignores_case`` also finds the address in another case, so that a person's opt-out is found
        in a case-sensitive account too.
        """
        for name in ("email", "email_like") if ignores_case else ("email",):
            params: list[tuple[str, str | int]] = [(name, email), ("limit", 100), ("status", -1)]
            body = self.client.get("contacts", params).body
            for row in named_rows(body, "contacts", "contacts"):
                # An ignored filter returns other contacts: compare the address.
                if fold(str(row.get("email") or "")) == fold(email):
                    return row
        return None

    def contacts_by_id(self, ids: Iterable[str]) -> dict[str, NativeRow]:
        """Return the contacts with these ids, a hundred per request."""
        wanted = sorted({contact_id for contact_id in ids if contact_id.isdigit()}, key=int)
        rows: dict[str, NativeRow] = {}
        if not wanted:
            return rows
        if len(wanted) > FULL_PAGE and int(wanted[-1]) - int(wanted[0]) < 2 * len(wanted):
            first, last = int(wanted[0]) - 1, int(wanted[-1])
            indexed = first if self._index is None else self._index.last
            # A walk that begins at the end of the index completes the index.
            for page in self._walk(indexed if 0 <= first - indexed < len(wanted) else first):
                rows |= {str(row.get("id")): row for row in page.rows}
                if page.position is not None and page.position >= last:
                    break
            return {contact_id: rows[contact_id] for contact_id in wanted if contact_id in rows}
        chunks = [wanted[at : at + FULL_PAGE] for at in range(0, len(wanted), FULL_PAGE)]
        self.pool.each([partial(self._read_chunk, chunk, rows) for chunk in chunks])
        return rows

    def _read_chunk(self, chunk: list[str], rows: dict[str, NativeRow]) -> None:
        """Add up to a hundred contacts to ``rows``, one by one if the server ignores `ids[]`."""
        if len(chunk) > 1:
            params: list[tuple[str, str | int]] = [("limit", FULL_PAGE), ("status", -1)]
            answer = self.client.get(
                "contacts", [*params, *(("ids[]", contact_id) for contact_id in chunk)]
            )
            contacts = named_rows(answer.body, "contacts", "contacts")
            by_id = {str(contact.get("id")): contact for contact in contacts}
            if set(by_id) <= set(chunk):
                rows |= by_id
                total, left = total_of(answer.body), [key for key in chunk if key not in by_id]
                # The account may send fewer rows than requested. If it sends none, they are gone.
                if by_id and left and (total is None or total > len(by_id)):
                    self._read_chunk(left, rows)
                return
        for contact_id in chunk:
            with contextlib.suppress(NotFound):
                contact = self.client.get(f"contacts/{contact_id}").body.get("contact")
                if isinstance(contact, dict):
                    rows[contact_id] = contact
