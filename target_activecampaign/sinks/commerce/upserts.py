"""Sends upserts over GraphQL in batches; rejects rows that an error names, and retries the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, RequestError
from tap_activecampaign_unified.client.graphql import TooLarge
from tap_activecampaign_unified.resources import writer
from target_activecampaign.client.write_client import DocumentChange
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowDeferred,
    RowError,
    RowRejected,
    join_reasons,
    outcome_of,
)
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.records.content import has_part
from target_activecampaign.reporting.results import BEHIND, CHANGED
from target_activecampaign.sinks.contacts.held_contacts import LIMIT_REFUSED, is_limit_refusal
from target_activecampaign.sinks.record_sink import skip_flagged

from .carts import skip_cart
from .stores import store_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client.errors import ErrorDetail
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink

    Key = tuple[int, str]
    Document = dict[str, Any]

WRITE_BATCH_SIZE = 50
ACCEPTED = "accepted"


@dataclass(frozen=True)
class Mutation:
    """The mutation that upserts rows of a resource, with its variable and its response.

    ``key`` is the native column of the store's own id, ``column`` its unified name. A mutation
    that ``is_async`` confirms only that it accepted the rows; one that ``is_patch`` keeps the
    columns that a row does not name.
    """

    stream: str
    name: str
    variable: str
    type_name: str
    key: str
    column: str
    is_async: bool = False
    is_patch: bool = False

    @property
    def document(self) -> str:
        """The constant document."""
        answer = "recordId" if self.is_async else f"id legacyConnectionId {self.key}"
        return (
            f"mutation($rows: [{self.type_name}]) "
            f"{{ {self.name}({self.variable}: $rows) {{ {answer} }} }}"
        )


@dataclass
class Upsert:
    """A record to write: its rows in their order, and the document to send.

    ``exists`` says whether the store had it before, None where that is not known, ``before`` what
    the store had. ``undone`` are the columns that are not written and asked for again, with the
    reasons; ``denied`` holds what the settings forbid. ``outcome`` is what became of it.
    """

    key: Key
    rows: list[InputRecord]
    document: Document
    exists: bool | None = None
    undone: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    before: Document | None = None
    denied: set[str] = field(default_factory=set)
    outcome: Outcome | None = None

    @property
    def is_written(self) -> bool:
        """Whether ActiveCampaign accepted it."""
        return self.outcome is not None and self.outcome.action in CHANGED

    @property
    def is_remainder(self) -> bool:
        """Whether the rows request only parts that an earlier run left out."""
        return all(row.is_remainder for row in self.rows)


def group_rows(
    context: WriteContext, sink: Sink, mutation: Mutation, rows: list[InputRecord]
) -> list[Upsert]:
    """Return the upserts of rows, those of one key merged; rejected rows get their results."""
    found: dict[Key, Upsert] = {}
    for row in rows:
        if context.rows.is_behind(row):
            context.rows.defer(row, RowDeferred(BEHIND))
            continue
        try:
            key, document = _document_of(context, sink, mutation, row)
        except RowDeferred as wait:
            context.rows.defer(row, wait)
        except RowError as problem:
            context.rows.finish(row, problem.outcome())
        else:
            row.document_key = document_key(key)
            upsert = found.setdefault(key, Upsert(key, [], {}))
            upsert.rows.append(row)
            upsert.document |= document
            upsert.denied |= set(row.denied)
    return list(found.values())


def _document_of(
    context: WriteContext, sink: Sink, mutation: Mutation, row: InputRecord
) -> tuple[Key, Document]:
    skip_flagged(row.record, sink.resource)
    clears = context.policy.clears
    record = {name: value for name, value in row.record.items() if clears or not is_nothing(value)}
    written = writer.write(sink.resource, record)
    if written.problems:
        raise RowRejected("; ".join(f"{name}: {text}" for name, text in written.problems))
    own = written.native.get(mutation.key)
    skip_cart(row, own)
    if is_nothing(own):
        raise RowRejected(f"{mutation.column}: missing; it identifies the row in its store")
    entries = {entry.unified: entry for entry in sink.resource.entries}
    document = dict(written.native)
    if clears:
        document |= {getattr(entries[name], "native", name): None for name in written.nulls}
    store = store_of(context, row)
    document |= {"legacyConnectionId": store, mutation.key: str(own)}
    return (store, str(own)), document


def send_all(
    context: WriteContext,
    mutation: Mutation,
    upserts: list[Upsert],
    done: Callable[[Upsert], None] = lambda _: None,
) -> None:
    """Send upserts in batches and give each row its result; ``done`` gets each that was written.

    A batch that is refused as too large is halved. Rows that a validation error names are
    rejected, and the others are sent again.
    """
    waiting, most = list(upserts), WRITE_BATCH_SIZE
    while waiting:
        now, waiting = waiting[:most], waiting[most:]
        try:
            ids = _send(context, mutation, now)
        except TooLarge as problem:
            most = max(1, len(now) // 2)
            waiting = _unless_single(context, problem, now) + waiting
        except InvalidRequest as problem:
            waiting = _reject_named(context, mutation, problem, now, done) + waiting
        except RequestError as problem:
            finish_all(context, now, outcome_of(problem))
        else:
            with context.ledger.transaction():
                for upsert in now:
                    done(upsert)
                    finish_all(context, [upsert], _outcome(mutation, upsert, ids.get(upsert.key)))


def _unless_single(
    context: WriteContext, problem: RequestError, upserts: list[Upsert]
) -> list[Upsert]:
    """Return what to send again: nothing where a single row was refused."""
    if len(upserts) > 1:
        return upserts
    finish_all(context, upserts, outcome_of(problem))
    return []


def _reject_named(
    context: WriteContext,
    mutation: Mutation,
    problem: InvalidRequest,
    upserts: list[Upsert],
    done: Callable[[Upsert], None],
) -> list[Upsert]:
    """Reject the rows that an error names, and return the others, to be sent again.

    Where it names none, the halves of the batch are sent until the bad row is alone.
    """
    named = _named_upserts(problem.reasons, upserts)
    for upsert, texts in named:
        reason = f"ActiveCampaign refused: {'; '.join(texts)}"
        finish_all(context, [upsert], Outcome(Action.REJECTED, reason=reason, whole=False))
    if named:
        bad = {id(upsert) for upsert, _ in named}
        return [kept for kept in upserts if id(kept) not in bad]
    left = _unless_single(context, problem, upserts)
    half = len(left) // 2
    for part in (left[:half], left[half:]):
        send_all(context, mutation, part, done)
    return []


def _send(context: WriteContext, mutation: Mutation, upserts: list[Upsert]) -> dict[Key, str]:
    """Send one batch; return ActiveCampaign's ids by key; an async mutation returns none."""
    rows = [upsert.document for upsert in upserts]
    changes = [_change_of(mutation, upsert) for upsert in upserts]
    data = context.write_client.mutate(mutation.name, mutation.document, {"rows": rows}, changes)
    answers = data.get(mutation.name)
    return {
        (int(answer["legacyConnectionId"]), str(answer[mutation.key])): str(answer["id"])
        for answer in (answers if isinstance(answers, list) else ())
        if isinstance(answer, dict) and answer.get("id") and answer.get(mutation.key)
    }


def document_key(key: Key) -> str:
    """Return the key of a store's row as one text."""
    return f"{key[0]}:{key[1]}"


def _change_of(mutation: Mutation, upsert: Upsert) -> DocumentChange:
    """Return what an upsert changes, without the columns that identify the row."""
    kept = upsert.before or {} if mutation.is_patch else {}
    after = {**kept, **upsert.document}
    for name in ("legacyConnectionId", mutation.key):
        after.pop(name, None)
    return DocumentChange(mutation.stream, document_key(upsert.key), upsert.before, after)


def _named_upserts(
    reasons: tuple[ErrorDetail, ...], upserts: list[Upsert]
) -> list[tuple[Upsert, list[str]]]:
    """Return the upserts that a validation error names by their own ids, with its texts.

    Ids may hold dashes: the longest id that stands in the key of a complaint is meant.
    """
    found: dict[int, tuple[Upsert, list[str]]] = {}
    for reason in reasons:
        named = [upsert for upsert in upserts if _is_named(reason.attribute, upsert.key[1])]
        longest = max((len(upsert.key[1]) for upsert in named), default=0)
        for upsert in named:
            if len(upsert.key[1]) == longest:
                found.setdefault(id(upsert), (upsert, []))[1].append(reason.text)
    return list(found.values())


def _is_named(attribute: str, own_id: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(own_id)}(?![A-Za-z0-9])", attribute) is not None


def _outcome(mutation: Mutation, upsert: Upsert, native_id: str | None) -> Outcome:
    remarks = [*upsert.undone.values(), *upsert.remarks]
    if mutation.is_async:
        remarks.append(ACCEPTED)
    elif upsert.exists is None:
        remarks.append("created or updated")
    action = Action.CREATED if upsert.exists is False else Action.UPDATED
    return Outcome(
        action,
        native_id,
        join_reasons([*remarks, *sorted(upsert.denied)]),
        denied=frozenset(upsert.denied),
        undone=frozenset(upsert.undone),
    )


def finish_all(context: WriteContext, upserts: list[Upsert], outcome: Outcome) -> None:
    """Give each row its result: only the first row of a key can have created the record."""
    if outcome.action is Action.REJECTED and is_limit_refusal(outcome.reason):
        outcome = Outcome(Action.SKIPPED, reason=LIMIT_REFUSED, whole=False, held=True)
    for upsert in upserts:
        upsert.outcome = outcome
        for place, row in enumerate(upsert.rows):
            is_later = place and outcome.action is Action.CREATED
            action = Action.UPDATED if is_later else outcome.action
            undone = frozenset(part for part in outcome.undone if has_part(row.record, part))
            context.rows.finish(row, replace(outcome, action=action, undone=undone))
