"""Changes of an account and their effects: changed dates, cascades, triggers.

Write endpoints and tests use the same functions. Each function takes and returns ids as ints and
rows as they are stored.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tests.sandbox import rows
from tests.sandbox.store import fold

if TYPE_CHECKING:
    from tests.sandbox.switches import Switches
    from tests.sandbox.tables import Table


class Acts:
    """Changes of contacts and their related rows; `World` inherits it."""

    tables: dict[str, Table]
    switches: Switches

    def now(self) -> int:
        """Return the account's present second."""
        raise AttributeError("a World has a clock")

    def trigger(self, kind: str, *, starts: bool = True, **details: Any) -> None:
        """Record what would start automations."""
        raise AttributeError("a World has an automation log")

    def find_contact(self, email: str) -> rows.Contact | None:
        """Return the contact with this address, by the account's comparison of addresses."""
        found: list[rows.Contact] = self.tables["contacts"].by("email", fold(email))
        if self.switches.email_match == "exact":
            found = [row for row in found if row.email == email]
        return found[0] if found else None

    def add_contact(self, email: str, **columns: Any) -> rows.Contact:
        """Create a contact that was never edited, with nulls where ActiveCampaign has them."""
        now = self.now()
        times = {"cdate": now, "udate": now, "created": now, "updated": now}
        row = rows.Contact(email, **(times | columns))
        table = self.tables["contacts"]
        row.id = row.id or table.take_id()
        row.hash = row.hash or hash_of(f"{email}/{row.id}")
        return table.insert(row)

    def touch(self, contact: int, at: int | None = None) -> rows.Contact:
        """Set a contact's udate and updated_timestamp to now.

        Its first update replaces the nulls.
        """
        now = self.now() if at is None else at
        row: rows.Contact = self.tables["contacts"][contact]
        return self.tables["contacts"].change(row, udate=now, updated=now, edited=True)

    def edit_contact(self, contact: int, **columns: Any) -> rows.Contact:
        """Change a contact's own columns."""
        table = self.tables["contacts"]
        table.change(table[contact], **columns)
        return self.touch(contact)

    def delete_contact(self, contact: int) -> None:
        """Delete a contact with its tags, memberships, values, links, notes and scores."""
        t = self.tables
        for name in (
            "fieldValues",
            "contactTags",
            "contactLists",
            "accountContacts",
            "contactAutomations",
            "scoreValues",
            "contactDeals",
            "trackingLogs",
        ):
            for row_id in list(t[name].ids_by("contact", contact)):
                t[name].delete(row_id)
        for note in list(t["notes"].ids_by("parent", ("Subscriber", contact))):
            t["notes"].delete(note)
        for deal in t["deals"].by("contact", contact):
            t["deals"].change(deal, contact=None)
        t["contacts"].delete(contact)

    def merge_contacts(self, kept: int, merged: int) -> None:
        """Merge two contacts: the remaining contact gets the related rows that it lacks."""
        t = self.tables
        for row in t["contactTags"].by("contact", merged):
            self.tag(kept, row.tag)
        for row in t["contactLists"].by("contact", merged):
            if self.membership(kept, row.list) is None:
                self.subscribe(kept, row.list, row.status)
        for row in t["fieldValues"].by("contact", merged):
            if self.field_value(kept, row.field) is None:
                self.set_field(kept, row.field, row.value)
        if not t["accountContacts"].ids_by("contact", kept):
            for row in t["accountContacts"].by("contact", merged)[:1]:
                self.link(kept, row.account, row.jobTitle)
        for row in t["notes"].by("parent", ("Subscriber", merged)):
            t["notes"].change(row, relid=kept)
        for row in t["deals"].by("contact", merged):
            t["deals"].change(row, contact=kept)
        self.delete_contact(merged)
        self.touch(kept)

    def add_tag(self, tag: str, tagType: str = "contact", **columns: Any) -> rows.Tag:
        """Create a tag."""
        now = self.now()
        return self.tables["tags"].insert(rows.Tag(tag, now, now, tagType, **columns))

    def tag(
        self, contact: int, tag: int, *, starts: bool = True, bump: bool = True
    ) -> tuple[rows.ContactTag, bool]:
        """Apply a tag; return the association and whether it is new."""
        t, now = self.tables, self.now()
        for row in t["contactTags"].by("contact", contact):
            if row.tag == tag:
                return row, False
        row = t["contactTags"].insert(rows.ContactTag(contact, tag, now, now))
        t["tags"].change(t["tags"][tag], updated=now)
        if bump:
            self.touch(contact)
        self.trigger("tag_added", contact=contact, tag=tag, starts=starts)
        return row, True

    def untag(self, contact: int, tag: int) -> bool:
        """Remove a tag from a contact, if it has it."""
        for row in self.tables["contactTags"].by("contact", contact):
            if row.tag == tag:
                self.delete_association(row.id)
                return True
        return False

    def delete_association(self, association: int) -> None:
        """Remove a tag's application by its own id."""
        t = self.tables
        row = t["contactTags"].delete(association)
        t["tags"].change(t["tags"][row.tag], updated=self.now())
        self.touch(row.contact)
        self.trigger("tag_removed", contact=row.contact, tag=row.tag)

    def delete_tag(self, tag: int) -> None:
        """Delete a tag, and with it from every contact."""
        t = self.tables
        for association in list(t["contactTags"].ids_by("tag", tag)):
            t["contactTags"].delete(association)
        t["tags"].delete(tag)

    def add_list(self, name: str, stringid: str = "", **columns: Any) -> rows.MailList:
        """Create a list."""
        now = self.now()
        slug = stringid or name.casefold().replace(" ", "-")
        return self.tables["lists"].insert(
            rows.MailList(name, slug, now, None, now, columns=columns)
        )

    def delete_list(self, row_id: int) -> None:
        """Delete a list with every membership."""
        t = self.tables
        for membership in list(t["contactLists"].ids_by("list", row_id)):
            t["contactLists"].delete(membership)
        t["lists"].delete(row_id)

    def membership(self, contact: int, list_id: int) -> rows.ContactList | None:
        """Return the membership of a contact in a list."""
        members = self.tables["contactLists"].by("contact", contact)
        return next((row for row in members if row.list == list_id), None)

    def subscribe(
        self,
        contact: int,
        list_id: int,
        status: int = 1,
        *,
        sourceid: int | None = None,
        by_self: bool = False,
        starts: bool = True,
    ) -> rows.ContactList:
        """Set a membership's status, creating the membership if necessary."""
        t, now = self.tables, self.now()
        row = self.membership(contact, list_id)
        before = row.status if row else None
        if row is None:
            person = t["contacts"][contact]
            names = {"first_name": person.firstName, "last_name": person.lastName}
            row = t["contactLists"].insert(
                rows.ContactList(
                    contact, list_id, status, now, now if status == 2 else None, now, now, **names
                )
            )
        else:
            times = {"sdate": now} if status == 1 and before != 1 else {}
            t["contactLists"].change(row, status=status, udate=now, updated=now, **times)
        t["contactLists"].change(row, by_self=by_self if status == 2 else False)
        if sourceid is not None:
            t["contactLists"].change(row, sourceid=sourceid)
        if self.switches.bump_list_status:
            self.touch(contact)
        if status != before:
            kind = {1: "subscribed", 2: "unsubscribed"}.get(status, "list_status")
            self.trigger(kind, contact=contact, list=list_id, before=before, starts=starts)
        wants_last = t["lists"][list_id].columns.get("send_last_broadcast", "0") == "1"
        if status == 1 and before != 1 and wants_last:
            self.trigger("last_broadcast_sent", contact=contact, list=list_id, starts=starts)
        return row

    def add_field(
        self, title: str, type: str = "text", perstag: str = "", **columns: Any
    ) -> rows.Field:
        """Create a contact field; without a FieldRel it is not shown, as in the API."""
        now = self.now()
        perstag = perstag or perstag_of(title)
        row = rows.Field(title, type, perstag, now, now, **columns)
        row.ordernum = row.ordernum or len(self.tables["fields"]) + 1
        return self.tables["fields"].insert(row)

    def add_options(self, field: int, *values: str) -> list[rows.FieldOption]:
        """Add options to a contact field, with equal value and label."""
        table = self.tables["fieldOptions"]
        return [
            table.insert(rows.FieldOption(field, number, value, value))
            for number, value in enumerate(values, 1)
        ]

    def delete_field(self, field: int) -> None:
        """Delete a contact field with its options, relations and values."""
        t = self.tables
        for name in ("fieldOptions", "fieldRels"):
            for row_id in list(t[name].ids_by("field", field)):
                t[name].delete(row_id)
        for row_id in [row.id for row in t["fieldValues"] if row.field == field]:
            t["fieldValues"].delete(row_id)
        t["fields"].delete(field)

    def field_value(self, contact: int, field: int) -> rows.FieldValue | None:
        """Return the value row of a contact's field."""
        values = self.tables["fieldValues"].by("contact", contact)
        return next((row for row in values if row.field == field), None)

    def set_field(
        self, contact: int, field: int, value: str | None, *, starts: bool = True
    ) -> rows.FieldValue:
        """Set a contact's field value; a switch decides whether udate changes."""
        now, table = self.now(), self.tables["fieldValues"]
        row = self.field_value(contact, field)
        if row is None:
            row = table.insert(rows.FieldValue(contact, field, value, now, now))
        else:
            table.change(row, value=value, udate=now)
        if self.switches.bump_field_value:
            self.touch(contact)
        self.trigger("field_changed", contact=contact, field=field, starts=starts)
        return row

    def add_account(self, name: str, **columns: Any) -> rows.Account:
        """Create an account."""
        now = self.now()
        times = {"created": now, "updated": now}
        return self.tables["accounts"].insert(rows.Account(name, **(times | columns)))

    def delete_account(self, account: int) -> None:
        """Delete an account with its links, values and notes; its deals lose the reference."""
        t = self.tables
        for row_id in list(t["accountContacts"].ids_by("account", account)):
            t["accountContacts"].delete(row_id)
        for row_id in list(t["accountCustomFieldData"].ids_by("owner", account)):
            t["accountCustomFieldData"].delete(row_id)
        for row_id in list(t["notes"].ids_by("parent", ("CustomerAccount", account))):
            t["notes"].delete(row_id)
        for deal in t["deals"].by("account", account):
            t["deals"].change(deal, account=None)
        t["accounts"].delete(account)

    def link(self, contact: int, account: int, jobTitle: str | None = None) -> rows.AccountContact:
        """Link a contact to its account."""
        now = self.now()
        row = self.tables["accountContacts"].insert(
            rows.AccountContact(account, contact, now, now, jobTitle)
        )
        if self.switches.bump_account_link:
            self.touch(contact)
        self.trigger("account_linked", contact=contact, account=account)
        return row

    def add_note(self, reltype: str, relid: int, note: str, userid: int = 1) -> rows.Note:
        """Create a note; a note on a contact changes the contact's udate."""
        now = self.now()
        row = self.tables["notes"].insert(rows.Note(note, reltype, relid, now, now, userid))
        if reltype == "Subscriber" and relid in self.tables["contacts"]:
            self.touch(relid)
            self.trigger("note_added", contact=relid, note=row.id)
        return row


def hash_of(text: str) -> str:
    """Return the md5 that contacts have."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def perstag_of(title: str) -> str:
    """Return the personalization tag that ActiveCampaign derives from a title."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" if c in " -_/" else "" for c in title)
    return kept.upper().strip("_")
