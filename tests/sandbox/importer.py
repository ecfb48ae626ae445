"""The bulk importer: whole batches are refused or queued, and processed by the clock."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.sandbox.account_writes import find_account
from tests.sandbox.contact_writes import FULL, is_email, is_full
from tests.sandbox.field_inputs import write_contact_values
from tests.sandbox.routes import route
from tests.sandbox.store import fold
from tests.sandbox.wire import Answer, Refusal, as_id, as_text

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

MOST_ROWS = 250
MOST_BYTES = 399_999
_UNKNOWN, _WAITING = 1, 2  # seconds after queueing until the end of each stage


@dataclass
class Batch:
    """A queued batch, and its outcome once it is processed."""

    batchId: str
    queued: int
    contacts: list[dict[str, Any]]
    payload: dict[str, Any]
    is_processed: bool = False
    outcome: str = "completed"
    success: list[str] = field(default_factory=list)
    failure: list[str] = field(default_factory=list)

    def status(self, now: float, seconds: float) -> str | bool:
        """Return the status of a batch of this duration; False within about the first second."""
        age = now - self.queued
        if age < _UNKNOWN:
            return False
        if age < _WAITING:
            return "waiting"
        return "active" if age < seconds else self.outcome


@route("POST", "/import/bulk_import")
def queue_batch(w: World, r: Request) -> Answer:
    """Queue a batch, or refuse all of it for one bad row."""
    document = r.json if isinstance(r.json, dict) else {}
    contacts = document.get("contacts")
    if not isinstance(contacts, list) or not contacts:
        raise _refused("No contacts were provided.")
    single = len(contacts) == 1
    window = w.import_windows[0 if single else 1]
    if not window.admits(w.clock()):
        reason = f"At most {window.most:g} requests per minute for this size of batch."
        raise _refused("Rate limit exceeded.", [reason])
    if len(contacts) > MOST_ROWS:
        raise _refused(f"More than {MOST_ROWS} contacts.")
    if len(r.body) > MOST_BYTES:
        raise _refused("The request is too large.")
    faults = [_fault_of(w, contact) for contact in contacts]
    reasons = [
        {"contact": index, "failureReason": fault} for index, fault in enumerate(faults) if fault
    ]
    if reasons:
        raise _refused("Some contacts are not valid.", reasons)
    dice = random.Random(f"{w.seed}/{len(w.imports)}")
    batch = Batch(str(uuid.UUID(int=dice.getrandbits(128), version=4)), w.now(), contacts, document)
    w.imports.append(batch)
    w.imports_by_id[batch.batchId] = batch
    return Answer(
        200,
        {
            w.switches.import_success_key: 1,
            "queued_contacts": len(contacts),
            "batchId": batch.batchId,
            "message": "Contact import queued",
        },
    )


@route("GET", "/import/bulk_import")
def list_batches(w: World, r: Request) -> dict[str, Any]:
    """Count batches and contacts by day, finished and unfinished."""
    now = w.now()
    days: dict[bool, dict[str, list[int]]] = {False: {}, True: {}}
    for batch in w.imports:
        is_done = batch.status(now, w.switches.import_seconds) in (
            "completed",
            "failed",
            "interrupted",
        )
        entry = days[is_done].setdefault(w.zone.day(batch.queued), [0, 0])
        entry[0] += 1
        entry[1] += len(batch.contacts)
    shown = {
        is_done: [
            {"forDate": day, "batches": str(batches), "contacts": str(contacts)}
            for day, (batches, contacts) in found.items()
        ]
        for is_done, found in days.items()
    }
    return {"outstanding": shown[False], "recentlyCompleted": shown[True]}


@route("GET", "/import/info")
def batch_info(w: World, r: Request) -> dict[str, Any]:
    """Answer the status of one batch, with ids of created contacts and not of updated contacts."""
    wanted = r.params.get("batchId")
    if not wanted:
        raise Refusal(400, {"message": "The batchId is missing."})
    batch = w.imports_by_id.get(wanted)
    if batch is None:
        return {"status": False, "success": [], "failure": []}
    status = batch.status(w.clock().timestamp(), w.switches.import_seconds)
    ended = status in ("completed", "failed", "interrupted")
    return {
        "status": status,
        "success": batch.success if ended else [],
        "failure": batch.failure if ended else [],
    }


def settle(w: World, *, at_once: bool = False) -> None:
    """Process the batches that are due."""
    now = w.now()
    while w.imports_processed < len(w.imports):
        batch = w.imports[w.imports_processed]
        if not (at_once or now - batch.queued >= w.switches.import_seconds):
            break  # batches after it were queued later
        batch.is_processed = True
        w.imports_processed += 1
        batch.outcome = w.switches.import_outcome
        _carry_out(w, batch)


def _carry_out(w: World, batch: Batch) -> None:
    order = list(batch.contacts)
    random.Random(batch.batchId).shuffle(order)  # the order is not guaranteed
    if batch.outcome == "failed":
        order = []
    elif batch.outcome == "interrupted":
        order = order[: len(order) // 2]
    for contact in order:
        email = contact["email"].strip()
        if fold(email) in w.excluded_emails:
            batch.failure += [email] if w.switches.import_names_excluded else []
        else:
            _import(w, batch, contact, email)


def _import(w: World, batch: Batch, sent: dict[str, Any], email: str) -> None:
    starts = not _excludes(w, batch, sent)
    named = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}
    columns = {ours: as_text(sent[key]) for key, ours in named.items() if sent.get(key) is not None}
    row = w.find_contact(email)
    if row is None:
        row = w.add_contact(email, **columns)
        batch.success.append(str(row.id))
        w.trigger("contact_added", contact=row.id, starts=starts, by="import")
    else:
        w.edit_contact(row.id, **columns)
        batch.success += [str(row.id)] if w.switches.import_lists_updated else []
        w.trigger("contact_changed", contact=row.id, starts=starts, by="import")
    write_contact_values(w, row.id, sent.get("fields"), key="id", starts=starts)
    for name in sent.get("tags") or []:
        tag = w.tables["tags"].first("name", ("contact", fold(as_text(name)))) or w.add_tag(
            as_text(name).strip()
        )
        w.tag(row.id, tag.id, starts=starts)
    for entry in sent.get("subscribe") or []:
        member = w.membership(row.id, as_id(entry["listid"]) or 0)
        if member is None or member.status not in (2, 3):
            w.subscribe(row.id, as_id(entry["listid"]) or 0, 1, starts=starts)
    for entry in sent.get("unsubscribe") or []:
        w.subscribe(row.id, as_id(entry["listid"]) or 0, 2, starts=starts)
    if sent.get("customer_acct_name"):
        _link(w, row.id, as_text(sent["customer_acct_name"]).strip())


def _link(w: World, contact: int, name: str) -> None:
    account = find_account(w, name)
    if account is None:
        if not w.switches.import_creates_accounts:
            return
        account = w.add_account(name)
    link = w.tables["accountContacts"].first("contact", contact)
    if link is None:
        w.link(contact, account.id)
    elif link.account != account.id:
        w.tables["accountContacts"].change(link, account=account.id, updated=w.now())


def _excludes(w: World, batch: Batch, sent: dict[str, Any]) -> bool:
    where = w.switches.exclude_automations_at
    on_contact = where in ("contact", "both") and sent.get("exclude_automations") is True
    on_payload = where in ("payload", "both") and batch.payload.get("exclude_automations") is True
    return on_contact or on_payload


def _fault_of(w: World, contact: Any) -> str | None:
    """Return what is wrong with a row, if anything is."""
    if not isinstance(contact, dict):
        return "The contact is not an object."
    if not contact.get("email"):
        return "The email is missing."
    if not is_email(contact["email"]):
        return "The email is not valid."
    for key in ("tags", "fields", "subscribe", "unsubscribe"):
        if not isinstance(contact.get(key) or [], list):
            return f"The {key} are not a list."
    if not all(_names(w, entry, "id", None) for entry in contact.get("fields") or []):
        return "A field has no id."
    if is_full(w) and w.find_contact(contact["email"].strip()) is None:
        return FULL
    lists = [*(contact.get("subscribe") or []), *(contact.get("unsubscribe") or [])]
    return None if all(_names(w, e, "listid", "lists") for e in lists) else "A list does not exist."


def _names(w: World, entry: Any, key: str, table: str | None) -> bool:
    """Return whether an entry has an id, which must exist if a table is given."""
    row_id = as_id(entry.get(key)) if isinstance(entry, dict) else None
    return row_id is not None and (table is None or row_id in w.tables[table])


def _refused(message: str, reasons: list[Any] | None = None) -> Refusal:
    return Refusal(400, {"success": 0, "message": message, "failureReasons": reasons or []})
