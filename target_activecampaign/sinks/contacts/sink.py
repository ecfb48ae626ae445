"""Contacts: through the importer where there are enough of them, one by one where it cannot."""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import CallError, Refused
from tap_activecampaign_unified.client.errors import is_duplicate
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.concurrency.ordering import side_by_side
from target_activecampaign.outcome import Action, Outcome, Rejection, Verdict, Wait, outcome_of
from target_activecampaign.records.values import fold
from target_activecampaign.reporting.results import BEHIND, OTHER_ADDRESS
from target_activecampaign.sinks.contacts.bulk_import.status import Entry
from target_activecampaign.sinks.context import sentence
from target_activecampaign.sinks.create_only import refuse_people
from target_activecampaign.sinks.limits import AUTOMATIONS

from . import account_link as contact_links
from . import automations as contact_automations
from . import consent
from . import tags as contact_tags
from . import upsert as contact_calls
from .change import SUBSCRIBE, UNSUBSCRIBE, Wish, sign_of_wish
from .only_if_empty import keep_only_blanks
from .parse import wish_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.records.record import Row
    from target_activecampaign.sinks.contacts.bulk_import.status import Batch
    from target_activecampaign.sinks.context import Desk
    from target_activecampaign.sinks.sink import Kind

logger = logging.getLogger(__name__)

ENOUGH_TO_IMPORT = 10
FULL_PAGE = 100
BY_IMPORT = "created or updated by import"
_IMPORT_NAMES = {"firstName": "first_name", "lastName": "last_name", "phone": "phone"}


def write_contacts(desk: Desk, kind: Kind, rows: list[Row]) -> None:
    """Write the rows of a contact stream."""
    wishes = []
    for row in rows:
        desk.turns.breathe()
        wish = attempt(desk, row, partial(wish_of, desk, kind, row))
        if wish is not None:
            wishes.append(wish)
    fulfil(desk, kind, wishes)


def attempt(desk: Desk, row: Row, act: Callable[[], Wish]) -> Wish | None:
    """Run ``act`` for one row; what ends the row is reported and None returned."""
    try:
        if desk.is_behind(row):
            raise Wait(BEHIND)  # noqa: TRY301 - it ends as every row that waits
        return act()
    except Wait as wait:
        desk.wait(row, wait)
    except Verdict as verdict:
        desk.report(row, verdict.outcome())
    except CallError as problem:
        desk.report(row, outcome_of(problem))
    return None


def fulfil(desk: Desk, kind: Kind, wishes: list[Wish]) -> None:
    """Carry out wishes and report the rows they came from."""
    try:
        wishes = _check_identities(desk, wishes)
        wishes = _merge(wishes)
        consent.check(desk, wishes)
        keep_only_blanks(desk, wishes)
    except CallError as problem:
        for wish in wishes:
            _end(desk, wish, outcome_of(problem))
        return
    if not desk.policy.run_automations:
        for wish in wishes:
            _strike_what_starts_automations(wish)
    for wish in wishes:
        if not wish.asks:
            _report(desk, kind, wish)
    wishes = [wish for wish in wishes if wish.asks]
    if desk.pen.is_dry:
        _forecast(desk, kind, wishes)
    imported = _import(desk, [w for w in wishes if _is_importable(desk, w)])
    rest = _after_import(desk, wishes, imported)
    _finish(desk, kind, rest, {key: e for key, e in imported.items() if e.is_imported})


def _after_import(desk: Desk, wishes: list[Wish], imported: dict[int, Entry]) -> list[Wish]:
    """End what the importer refused; return what goes on, imported or not."""
    rest = []
    for wish in wishes:
        entry = imported.get(id(wish))
        if entry is None or (entry.is_lost and desk.policy.run_automations):
            rest.append(wish)
        elif entry.problem is not None or not entry.is_imported:
            action = Action.FAILED if entry.is_lost else Action.REJECTED
            reason = entry.problem or "the import was not carried out"
            _end(desk, wish, Outcome(action, reason=reason, whole=False))
        else:
            wish.created = wish.created if desk.pen.is_dry else entry.created
            rest.append(wish)
    return rest


# --- before anything is written ---------------------------------------------------------------


def _check_identities(desk: Desk, wishes: list[Wish]) -> list[Wish]:
    """Make sure that an id is the person the row means, and find the address an id stands for."""
    by_id = [w for w in wishes if w.id is not None]
    needs = [
        w
        for w in by_id
        if w.email is not None or "exist" in w.parts[0].tokens or _needs_email(desk, w, len(wishes))
    ]
    found = desk.references.contacts_by_id([w.id for w in needs if w.id])
    kept = []
    for wish in wishes:
        try:
            refuse_people(desk, wish)
        except Rejection as rejection:
            _end(desk, wish, rejection.outcome())
            continue
        if wish.id is None or is_planned(wish.id) or not any(wish is one for one in needs):
            kept.append(wish)
            continue
        row = found.get(wish.id)
        there = str((row or {}).get("email") or "").strip()
        if row is None:
            verdict = Rejection("id: the account has no contact with this id")
        elif wish.email is None or fold(wish.email) == fold(there):
            wish.email = there or None
            kept.append(wish)
            continue
        elif desk.policy.allow_email_change:
            wish.new_email, wish.email = wish.email, there
            wish.parts[0].tokens.add("email")
            kept.append(wish)
            continue
        else:
            verdict = Rejection(OTHER_ADDRESS)
        _end(desk, wish, verdict.outcome())
    return kept


def _needs_email(desk: Desk, wish: Wish, count: int) -> bool:
    imports = desk.policy.bulk_import == "always" or not desk.policy.run_automations
    many = desk.policy.bulk_import == "auto" and count >= ENOUGH_TO_IMPORT
    return (imports or many) and wish.upserts


def _merge(wishes: list[Wish]) -> list[Wish]:
    """Join the wishes of one person, in the order of the rows."""
    merged: list[Wish] = []
    known: dict[str, Wish] = {}
    for wish in wishes:
        names = [f"email:{fold(wish.email)}"] if wish.email else []
        names += [f"id:{wish.id}"] if wish.id else []
        there = next((known[name] for name in names if name in known), None)
        if there is None:
            merged.append(wish)
            there = wish
        else:
            there.absorb(wish)
        known |= dict.fromkeys(names, there)
    return merged


def _strike_what_starts_automations(wish: Wish) -> None:
    """Leave only what the importer can do with `exclude_automations`."""
    if wish.email is None or wish.new_email is not None:
        for part in wish.parts:
            part.denied += [AUTOMATIONS] if part.tokens else []
            part.tokens.clear()
        return
    for name, (_, is_added) in list(wish.tags.items()):
        if not is_added:
            wish.deny(f"tag:{name}", AUTOMATIONS)
            del wish.tags[name]
    wish.deny("mirror", AUTOMATIONS) if not wish.tags else None
    wish.is_mirror = False
    wish.deny("title", AUTOMATIONS)
    wish.title = None
    if wish.account and (not wish.account.get("name") or "id" in wish.account):
        wish.deny("account", AUTOMATIONS)
        wish.account = {}


# --- the importer -----------------------------------------------------------------------------


def _is_importable(desk: Desk, wish: Wish) -> bool:
    if wish.email is None or wish.new_email is not None or not wish.upserts:
        return False
    return desk.policy.bulk_import != "never" or not desk.policy.run_automations


def _import(desk: Desk, wishes: list[Wish]) -> dict[int, Entry]:
    """Import the wishes if there are enough of them; returns each one's entry by identity."""
    forced = desk.policy.bulk_import == "always" or not desk.policy.run_automations
    if not wishes or (len(wishes) < ENOUGH_TO_IMPORT and not forced):
        return {}
    entries = {
        id(wish): Entry(wish.email or "", _contact_of(wish, is_foreign=desk.policy.is_foreign))
        for wish in wishes
    }
    batches = desk.importer.run(list(entries.values()))
    if desk.pen.is_dry:
        for wish in wishes:
            # Rows behind this one may lean on a contact that would be there by then.
            wish.id = wish.id or desk.pen.plan_id()
            desk.references.note_contact(wish.email or "", wish.id)
        return entries
    if any(wish.adds for wish in wishes):
        desk.references.reread("tag")  # the importer makes tags that are missing
    nameless = _without_ids(desk, wishes, batches)
    if nameless:
        try:
            _learn_ids(desk, nameless, entries, batches)
        except CallError as problem:
            # The contacts are there; rows whose ids are needed are sent again next time.
            logger.warning("The ids of imported contacts could not be looked up: %s", problem)
    return entries


def _contact_of(wish: Wish, *, is_foreign: bool) -> dict[str, Any]:
    contact: dict[str, Any] = {"email": wish.email}
    contact |= {_IMPORT_NAMES[name]: text for name, text in wish.columns.items()}
    if wish.values:
        contact["fields"] = [
            {"id": _number(one), "value": value} for one, (_, value, __) in wish.values.items()
        ]
    if wish.adds:
        contact["tags"] = wish.adds
    subscribe = [
        one for one, s in wish.lists.items() if s == SUBSCRIBE and one not in wish.resubscribed
    ]
    if subscribe:
        contact["subscribe"] = [{"listid": _number(one)} for one in subscribe]
    leave = [one for one, status in wish.lists.items() if status == UNSUBSCRIBE]
    if leave:
        contact["unsubscribe"] = [{"listid": _number(one)} for one in leave]
    if wish.account.get("name") and (is_foreign or "id" not in wish.account):
        contact["customer_acct_name"] = wish.account["name"]
    return contact


def _number(native_id: str) -> int | str:
    """Return an id as the importer wants it; one that a dry run made up stays as it is."""
    return int(native_id) if native_id.isdigit() else native_id


def _without_ids(desk: Desk, wishes: list[Wish], batches: list[Batch]) -> list[Wish]:
    """Return those whose ids are to be looked up, together where that is fewer requests."""
    if _wants_all_ids(desk):
        return wishes
    entering = [wish for wish in wishes if wish.automations and wish.id is None]
    created = sum(len(batch.created_ids) for batch in batches)
    return entering if created / FULL_PAGE < len(entering) else []


def _wants_all_ids(desk: Desk) -> bool:
    return desk.policy.look_up_ids or desk.policy.is_foreign


def _learn_ids(
    desk: Desk, wishes: list[Wish], entries: dict[int, Entry], batches: list[Batch]
) -> None:
    """Look up the ids of imported contacts: the created ones by id, the others by address."""
    created = [one for batch in batches for one in batch.created_ids]
    rows = desk.references.contacts_by_id(created)
    known = {fold(str(row.get("email") or "")): one for one, row in rows.items()}
    if not _wants_all_ids(desk):
        # Whoever this import did not make has the id that the ledger knows.
        for wish in wishes:
            batch = entries[id(wish)].batch
            if fold(wish.email or "") not in known and batch and not batch.is_sent_again:
                wish.id = wish.id or wish.known_id
    missing = [
        wish.email
        for wish in wishes
        if wish.email
        and wish.id is None
        and fold(wish.email) not in known
        and entries[id(wish)].is_imported
    ]
    others = desk.references.contacts_by_email(missing) if missing else {}
    for wish in wishes:
        key = fold(wish.email or "")
        wish.id = wish.id or known.get(key) or others.get(key)
        entry = entries[id(wish)]
        if entry.created is None and entry.batch and not entry.batch.is_sent_again:
            entry.created = key in known


# --- what the importer cannot do, and the end ---------------------------------------------------


def _finish(desk: Desk, kind: Kind, wishes: list[Wish], imported: dict[int, Entry]) -> None:
    desk.references.forget_absent()
    early: list[Wish] = []

    def write(wish: Wish) -> None:
        if id(wish) in imported:
            if wish.resubscribed:
                _try(desk, wish, partial(contact_calls.subscribe_again, desk, wish))
            return
        try:
            contact_calls.write_one(desk, wish)
        except (Verdict, CallError) as problem:
            is_taken = isinstance(problem, Refused) and is_duplicate(problem)
            if is_taken and wish.new_email is not None and desk.turns.most > 1 < len(wishes):
                early.append(wish)
            else:
                _fail(desk, wish, problem)

    _prefetch(desk, wishes)
    side_by_side(desk.turns, wishes, sign_of_wish, write)
    # An address that was taken may have been let go of by a row that stood before this one.
    for wish in early:
        _try(desk, wish, partial(contact_calls.write_one, desk, wish))
    if desk.policy.run_automations:
        contact_tags.settle(desk, wishes, lambda wish, error: _fail(desk, wish, error))
        contact_links.settle(desk, wishes, lambda wish, error: _fail(desk, wish, error))
        contact_automations.settle(desk, wishes, lambda wish, error: _fail(desk, wish, error))
    with desk.ledger.together():
        for wish in wishes:
            if wish.parts:
                _report(desk, kind, wish, is_imported=id(wish) in imported)


def _prefetch(desk: Desk, wishes: list[Wish]) -> None:
    """Look up together those of whom nothing but automations is asked."""
    alone = [w for w in wishes if w.email and w.id is None and w.enters and not w.upserts]
    with contextlib.suppress(CallError):  # each is asked for by itself then
        desk.references.prefetch_contacts([{"email": wish.email or ""} for wish in alone])


def _try(desk: Desk, wish: Wish, act: Callable[[], None]) -> None:
    try:
        act()
    except (Verdict, CallError) as problem:
        _fail(desk, wish, problem)


def _fail(desk: Desk, wish: Wish, problem: Verdict | CallError) -> None:
    """End a wish for all its rows; nothing more is done about it."""
    if isinstance(problem, Wait):
        for part in wish.parts:
            desk.wait(part.row, problem)
        wish.parts = []
        return
    outcome = problem.outcome() if isinstance(problem, Verdict) else outcome_of(problem)
    if isinstance(problem, Refused) and wish.created is not None:
        # The contact itself is written; what hangs on it was refused.
        for part in wish.parts:
            part.left_out.append(outcome.reason or "")
        return
    _end(desk, wish, outcome)


def _end(desk: Desk, wish: Wish, outcome: Outcome) -> None:
    for part in wish.parts:
        desk.report(part.row, outcome)
    wish.parts = []


def _report(desk: Desk, kind: Kind, wish: Wish, *, is_imported: bool = False) -> None:
    for place, part in enumerate(wish.parts):
        reasons = [*part.left_out, *part.denied, *part.postponed, *part.remarks]
        if not part.tokens:
            is_at_fault = part.left_out and not part.denied and not part.postponed
            action = Action.REJECTED if is_at_fault else Action.SKIPPED
            desk.report(part.row, Outcome(action, wish.id, sentence(reasons), whole=False))
            continue
        if wish.created and place == 0:
            action = Action.CREATED
        elif not is_imported and not wish.is_touched:
            action = Action.UNCHANGED
        else:
            action = Action.UPDATED
            if is_imported and wish.created is None:
                reasons.append(BY_IMPORT)
        desk.note_copy(kind, part.row, wish.id)
        if desk.policy.is_foreign and wish.id is None and not desk.pen.is_dry:
            part.left_out.append("its id here could not be looked up; it is sent again")
        whole = not part.left_out and not part.postponed
        desk.report(part.row, Outcome(action, wish.id, sentence(reasons), whole=whole))
    wish.parts = []


def _forecast(desk: Desk, kind: Kind, wishes: list[Wish]) -> None:
    contact_calls.forecast(desk, kind, wishes)
