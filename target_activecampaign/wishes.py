"""What rows ask of a contact: read from each row, merged over all rows of one person in a batch."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.unified import fragment as fragments

from .chains import Sign
from .enrolments import read_automations
from .results import Rejection, Skip
from .rows import email_of, fold, is_nothing, is_true, named_references, reference

if TYPE_CHECKING:
    from tap_activecampaign_unified.unified.custom_fields import Definition

    from .desk import Desk, Kind
    from .rows import Record, Row

LONGEST_TAG = 255
SUBSCRIBE, UNSUBSCRIBE = 1, 2
SAID_OTHERWISE = "automations: a later row of this person says otherwise"
NAMES = {"firstName": "first_name", "lastName": "last_name", "phone": "phone"}


@dataclass(slots=True)
class Part:
    """One row's share of a wish: what it asks for (``tokens``) and what cannot be done of it.

    ``left_out`` is the row's fault or the account's lack and may be mended; ``denied`` is what the
    settings or a person's opt-out forbid; ``postponed`` is no fault of the row's, and asked again.
    """

    row: Row
    tokens: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    postponed: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Wish:
    """What the rows of one person ask for, together; later rows win.

    ``tags`` holds by folded name the name and whether it is added; ``lists`` the status by list
    id; ``resubscribed`` the lists on which an opt-out is to be overridden; ``automations`` by id
    whether they are entered or left.
    """

    parts: list[Part]
    id: str | None = None
    email: str | None = None
    new_email: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    values: dict[str, tuple[Definition, Any, str | None]] = field(default_factory=dict)
    tags: dict[str, tuple[str, bool]] = field(default_factory=dict)
    is_mirror: bool = False
    lists: dict[str, int] = field(default_factory=dict)
    resubscribed: set[str] = field(default_factory=set)
    automations: dict[str, bool] = field(default_factory=dict)
    account: dict[str, str] = field(default_factory=dict)
    title: str | None = None
    memberships: dict[str, int] = field(default_factory=dict)
    created: bool | None = None
    is_touched: bool = False

    @property
    def adds(self) -> list[str]:
        """The names of tags to be added."""
        return [name for name, is_added in self.tags.values() if is_added]

    @property
    def removes(self) -> list[str]:
        """The names of tags to be removed."""
        return [name for name, is_added in self.tags.values() if not is_added]

    @property
    def asks(self) -> bool:
        """Whether anything is left to be done."""
        return any(part.tokens for part in self.parts)

    @property
    def upserts(self) -> bool:
        """Whether the contact is to be there afterwards, whatever else is asked."""
        core = self.columns or self.values or self.adds or self.lists or self.account
        return bool(core) or any("exist" in part.tokens for part in self.parts)

    @property
    def known_id(self) -> str | None:
        """The id that the ledger has of this address; another key may have had another address."""
        row = self.parts[0].row if self.parts else None
        return row.known_id if row is not None and "email" in row.key else None

    @property
    def enters(self) -> bool:
        """Whether the contact is to enter an automation."""
        return any(self.automations.values())

    def deny(self, token: str, reason: str) -> None:
        """Strike something out for every row that asked for it."""
        for part in self._struck(token):
            part.denied.append(reason)

    def leave_out(self, token: str, reason: str) -> None:
        """Strike out what may be mended, for every row that asked for it."""
        for part in self._struck(token):
            part.left_out.append(reason)

    def postpone(self, token: str, reason: str) -> None:
        """Strike out what is asked again, for every row that asked for it."""
        for part in self._struck(token):
            part.postponed.append(reason)

    def _struck(self, token: str) -> list[Part]:
        found = [part for part in self.parts if token in part.tokens]
        for part in found:
            part.tokens.discard(token)
        return found

    def absorb(self, later: Wish) -> None:
        """Add what later rows of the same person ask for."""
        for one, enters in later.automations.items():
            if self.automations.get(one, enters) is not enters:
                for part in self._struck(f"automation:{one}"):
                    part.denied.append(SAID_OTHERWISE)
        self.parts += later.parts
        self.id = self.id or later.id
        self.email = self.email or later.email
        self.new_email = later.new_email or self.new_email
        self.columns |= later.columns
        self.values |= later.values
        if later.is_mirror:
            self.tags = {}
        self.tags |= later.tags
        self.is_mirror = self.is_mirror or later.is_mirror
        self.lists |= later.lists
        self.automations |= later.automations
        self.account = later.account or self.account
        self.title = later.title if later.title is not None else self.title


def sign_of_wish(wish: Wish) -> Sign:
    """Return by what a person is known so far."""
    names = {("id", wish.id)} if wish.id else set()
    names |= {("email", fold(one)) for one in (wish.email, wish.new_email) if one}
    names |= {("id", part.row.known_id) for part in wish.parts if part.row.known_id}
    ways = {"id": wish.id, "email": wish.email}
    return Sign(frozenset(names), frozenset(way for way, value in ways.items() if value))


def wish_of(desk: Desk, kind: Kind, row: Row) -> Wish:
    """Read one row of a contact stream; raises a verdict where it ends here."""
    record = row.record
    for flag in ("is_disabled", "is_deleted", "deleted", "anonymized"):
        if is_true(record.get(flag)):
            raise Skip(f"the row is marked {flag}")
    part = Part(row)
    wish = Wish([part])
    _identify(desk, record, wish)
    fragment = fragments.write(
        kind.resource, {k: v for k, v in record.items() if not is_nothing(v) or desk.policy.clears}
    )
    _note_unknown(kind, row, fragment.ignored, part)
    faults = [f"{name}: {problem}" for name, problem in fragment.problems]
    if faults:
        raise Rejection("; ".join(faults))
    columns = {name: text for name, text in fragment.native.items() if name in NAMES}
    if desk.policy.clears:
        cleared = {"phone_numbers": "phone", "phones": "phone"}
        cleared |= {unified: native for native, unified in NAMES.items()}
        columns |= {cleared[name]: "" for name in fragment.nulls if name in cleared}
    elif not is_nothing(record.get("name")) and not columns.keys() & {"firstName", "lastName"}:
        columns |= split_name(str(record["name"]))
    wish.columns = {
        name: text.strip() for name, text in columns.items() if text.strip() or desk.policy.clears
    }
    values = desk.custom.encode("contact", fragment.custom_fields)
    wish.values, part.left_out = values.values, values.left_out
    read_tags(desk, record, wish)
    read_lists(desk, record.get("segments"), wish)
    wish.account = reference(record.get("account"), "account")
    if not is_nothing(record.get("title")):
        wish.title = str(record["title"]).strip()
    read_automations(desk, record, wish)
    note_tokens(wish)
    return wish


def note_tokens(wish: Wish) -> None:
    """Write down what a row's wish asks for; one that asks for nothing asks for the contact."""
    part = wish.parts[0]
    tokens = [f"column:{name}" for name in wish.columns]
    tokens += [f"value:{name}" for name in wish.values]
    tokens += [f"tag:{name}" for name in wish.tags] + (["mirror"] if wish.is_mirror else [])
    tokens += [f"list:{name}" for name in wish.lists]
    tokens += ["account"] if wish.account else []
    tokens += ["title"] if wish.title is not None else []
    tokens += [f"automation:{one}" for one in wish.automations]
    # Batches of ten thousand rows ask for the same few things.
    part.tokens |= set(map(sys.intern, tokens))
    if not part.tokens and part.left_out:
        raise Rejection("; ".join(part.left_out))
    if not part.tokens and not part.denied and not part.postponed:
        part.tokens.add("exist")


def _identify(desk: Desk, record: Record, wish: Wish) -> None:
    source = record.get("id")
    if not is_nothing(source) and not desk.policy.is_foreign:
        if isinstance(source, (dict, list, bool)) or not str(source).strip().isdigit():
            raise Rejection("id: not an id of ActiveCampaign")
        wish.id = str(source).strip()
    email = record.get("email")
    if is_nothing(email):
        addresses = record.get("email_addresses")
        if not is_nothing(addresses):
            email = _primary(addresses)
    if not is_nothing(email):
        wish.email = email_of(email)
    if wish.id is None and wish.email is None:
        raise Rejection("email: a contact needs an address (or an id of this account)")


def _primary(addresses: Any) -> Any:
    if not isinstance(addresses, list):
        raise Rejection("email_addresses: must be an array of objects")
    first = next(
        (a for a in addresses if isinstance(a, dict) and a.get("is_primary")), addresses[0]
    )
    return first.get("email") if isinstance(first, dict) else first


def split_name(name: str) -> dict[str, str]:
    """Split a full name: the last word is the last name, a single one the first."""
    *first, last = name.split()
    return {"firstName": " ".join(first), "lastName": last} if first else {"firstName": last}


def _note_unknown(kind: Kind, row: Row, ignored: list[str], part: Part) -> None:
    known = {entry.unified for entry in kind.resource.entries} | kind.also | set(row.key)
    unknown = sorted(
        name for name in ignored if name not in known and not name.startswith("_") and name != "id"
    )
    if unknown:
        part.remarks.append(f"ignored, no such field: {', '.join(unknown)}")


def read_tags(desk: Desk, record: Record, wish: Wish) -> None:
    """Read ``tags`` and ``remove_tags``; in mirror mode the former are all there shall be."""
    given = record.get("tags")
    wish.is_mirror = desk.policy.mirrors and isinstance(given, list)
    for column, is_added in (("tags", True), ("remove_tags", False)):
        for ref in named_references(record.get(column), column):
            put_tag(desk, wish, ref, is_added=is_added)


def put_tag(desk: Desk, wish: Wish, ref: dict[str, str], *, is_added: bool) -> None:
    """Note a tag to be added or removed, by the name it has in the account."""
    part, name = wish.parts[0], ref.get("name")
    source = ref.get("id")
    if source:
        own = desk.ledger.own_id("tag", source) if desk.policy.is_foreign else source
        row = desk.references.table("tag").get(own or "")
        if row is not None:
            name = str(row.get("tag"))
        elif not desk.policy.is_foreign or not name:
            if desk.policy.is_foreign:
                raise desk.references.absent("tag", "tag", "id")
            part.left_out.append("tags: the account has no tag with this id")
            return
    if not name:
        part.left_out.append("tags: a tag without id and name")
        return
    if len(name) > LONGEST_TAG:
        raise Rejection(f"tags: a name is longer than {LONGEST_TAG} characters; shorten it")
    known = desk.references.named("tag", name)
    if known:
        name = str(known[0]["tag"])
    elif is_added and not desk.policy.create_missing_tags:
        part.left_out.append("tags: the account lacks a tag; create it or set create_missing_tags")
        return
    if wish.is_mirror and not fold(name).startswith(fold(desk.policy.tag_namespace)):
        part.denied.append("a tag outside tag_namespace is left alone")
        return
    wish.tags[fold(name)] = (name, is_added)


def read_lists(desk: Desk, value: Any, wish: Wish) -> None:
    """Read ``segments``: texts subscribe, objects say their status."""
    if is_nothing(value):
        return
    if not isinstance(value, list):
        raise Rejection("segments: must be an array, or one as JSON text")
    for item in value:
        if isinstance(item, str):
            if item.strip():
                put_list(desk, wish, {"name": item.strip()}, "active")
            continue
        if not isinstance(item, dict):
            raise Rejection("segments: must hold names or objects with an id or a name")
        ref = reference({k: item.get(k) for k in ("id", "name")}, "segments")
        if ref:
            put_list(desk, wish, ref, item.get("status"))


def put_list(desk: Desk, wish: Wish, ref: dict[str, str], status: Any) -> None:
    """Note a list to subscribe to or unsubscribe from."""
    part = wish.parts[0]
    word = "active" if is_nothing(status) else str(status).strip().lower()
    if word not in {"active", "unsubscribed"}:
        part.denied.append(f"segments: the status {_known_word(word)} never subscribes")
        return
    list_id = desk.references.find("list", ref)
    row = desk.references.table("list").get(list_id, {})
    if word == "active" and str(row.get("channel") or "email") == "sms" and "id" not in ref:
        part.denied.append("segments: a text-message list is subscribed only by its id")
        return
    wish.lists[list_id] = SUBSCRIBE if word == "active" else UNSUBSCRIBE


def _known_word(word: str) -> str:
    return word if word in {"unconfirmed", "bounced"} else "given (unknown)"
